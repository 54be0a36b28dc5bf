//! Who is let in, and what the others are told.

use super::director::Counted;
use super::line::Line;
use super::{By, Node};
use crate::simulator::clock::{instant, signed_micros};
use crate::simulator::cue::{Close, Refuse};
use crate::simulator::message;
use crate::simulator::scenario::IdentityRefusal;
use percent_encoding::percent_decode_str;
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};

/// What is answered to an upgrade request.
#[derive(Debug)]
pub(in crate::simulator) struct Answer {
    pub(in crate::simulator) bytes: Vec<u8>,
    /// Between two bytes, when the handshake is to be slow.
    pub(in crate::simulator) pause: Option<Duration>,
    pub(in crate::simulator) admission: Option<Admission>,
}

/// A request that was let in.
#[derive(Debug)]
pub(in crate::simulator) struct Admission {
    path: String,
    query: String,
    hashes: Vec<String>,
    /// The message that follows at once, and then the end: an identity refused in a frame.
    refusal: Option<&'static str>,
}

impl Node {
    /// Decides about an upgrade request and words the answer.
    pub(in crate::simulator) fn admit(&mut self, request: &Request) -> Answer {
        let pause = self.take_slow_handshake();
        if let Some(refuse) = self.take_refusal() {
            return Answer { bytes: self.refused(&refuse), pause, admission: None };
        }
        let asked = Asked::of(request);
        let fault = self.identity_fault(&asked);
        if let Some(message) = fault.filter(|_| self.scenario.account.refusal == IdentityRefusal::Http) {
            let refuse = Refuse {
                status: 401,
                times: 1,
                retry_after: None,
                location: None,
                message: Some(message.to_owned()),
                body: None,
            };
            return Answer { bytes: self.refused(&refuse), pause, admission: None };
        }
        let mut bytes = Vec::new();
        let date = self.date();
        let upgraded = create_response(request).ok().and_then(|mut response| {
            response.headers_mut().insert("Date", date.parse().ok()?);
            response.headers_mut().insert("Server", "siftd-simulator".parse().ok()?);
            write_response(&mut bytes, &response).ok()
        });
        if upgraded.is_none() {
            let refuse = Refuse {
                status: 400,
                times: 1,
                retry_after: None,
                location: None,
                message: None,
                body: Some(r#"{"status":"failure","message":"This is a WebSocket endpoint"}"#.to_owned()),
            };
            return Answer { bytes: self.refused(&refuse), pause, admission: None };
        }
        let admission = Admission { path: asked.path, query: asked.shown, hashes: asked.hashes, refusal: fault };
        Answer { bytes, pause, admission: Some(admission) }
    }

    fn take_refusal(&mut self) -> Option<Refuse> {
        let first = self.refusals.front_mut()?;
        let refuse = first.clone();
        first.times = first.times.saturating_sub(1);
        if first.times == 0 {
            self.refusals.pop_front();
        }
        Some(refuse)
    }

    fn take_slow_handshake(&mut self) -> Option<Duration> {
        let slow = self.slow_handshakes.as_mut()?;
        let pause = slow.pause;
        slow.times = slow.times.saturating_sub(1);
        if slow.times == 0 {
            self.slow_handshakes = None;
        }
        Some(pause)
    }

    /// The message that the identity deserves, if it is not the right one.
    fn identity_fault(&self, asked: &Asked) -> Option<&'static str> {
        let account = &self.scenario.account;
        if account.username.is_none() && account.api_key.is_none() {
            return None;
        }
        if asked.username.is_none() || asked.api_key.is_none() {
            return Some("identity-missing");
        }
        let right = account.username.as_ref().is_none_or(|username| asked.username.as_ref() == Some(username))
            && account.api_key.as_ref().is_none_or(|api_key| asked.api_key.as_ref() == Some(api_key));
        (!right).then_some("identity-incorrect")
    }

    fn refused(&mut self, refuse: &Refuse) -> Vec<u8> {
        self.totals.refused += 1;
        self.note(
            "refused",
            json!({"status": refuse.status, "retry_after": refuse.retry_after, "message": refuse.message}),
        );
        let named = refuse.message.as_deref().and_then(message::named).map(str::to_owned);
        let body = refuse.body.clone().or(named).unwrap_or_default();
        let length = body.len().to_string();
        let date = self.date();
        let headers = [
            ("Date", Some(date.as_str())),
            ("Server", Some("siftd-simulator")),
            ("Content-Type", Some("application/json")),
            ("Content-Length", Some(length.as_str())),
            ("Retry-After", refuse.retry_after.as_deref()),
            ("Location", refuse.location.as_deref()),
            ("Connection", Some("close")),
        ];
        let lines: Vec<String> =
            headers.iter().filter_map(|(name, value)| Some(format!("{name}: {}\r\n", (*value)?))).collect();
        format!("HTTP/1.1 {} {}\r\n{}\r\n{body}", refuse.status, reason(refuse.status), lines.concat()).into_bytes()
    }

    /// The node's clock as HTTP writes it.
    pub(super) fn date(&self) -> String {
        let us = self.clock.server_us().saturating_add(signed_micros(self.scenario.node.date_skew));
        jiff::Timestamp::from_microsecond(us)
            .map(|stamp| stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .unwrap_or_default()
    }

    /// The upgrade has been answered: the connection is one of the node's from now on.
    pub(in crate::simulator) fn connect(&mut self, admission: &Admission) -> u64 {
        let now = instant();
        if self.scenario.account.evict {
            let older: Vec<u64> = self.lines.keys().copied().collect();
            let close = Close { code: 1008, reason: "another connection".to_owned(), ..Close::default() };
            for id in older {
                self.end(id, &close, By::Server("evicted"), None);
            }
        }
        self.totals.connections += 1;
        let id = self.totals.connections;
        self.lines.insert(id, Line::new(now));
        self.note("connected", json!({"connection": id, "path": admission.path, "query": admission.query}));
        if let Some(message) = admission.refusal {
            self.end(id, &Close::default(), By::Server("identity"), Some(message));
        } else if !admission.hashes.is_empty() {
            let valid = admission.hashes.iter().filter(|hash| self.subscribe(id, Some(hash))).count();
            if valid == 0 {
                self.say(id, message::named("no-valid-hashes").unwrap_or_default());
            }
        }
        self.director.reach(Counted::Connections, id, Some(id), now);
        self.run_due(now);
        self.bells.room.notify_one();
        self.bells.timeline.notify_one();
        id
    }
}

fn reason(status: u16) -> &'static str {
    tokio_tungstenite::tungstenite::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Refused")
}

/// What a request asks for.
#[derive(Debug, Default)]
struct Asked {
    path: String,
    /// The query without the key.
    shown: String,
    username: Option<String>,
    api_key: Option<String>,
    hashes: Vec<String>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let mut asked = Self { path: request.uri().path().to_owned(), ..Self::default() };
        let mut shown = Vec::new();
        for pair in request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let plain = percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "username" => asked.username = Some(plain),
                "api_key" => asked.api_key = Some(plain),
                "hashes" => asked.hashes = plain.split(',').map(|hash| hash.trim().to_owned()).collect(),
                _ => {}
            }
            shown.push(if name == "api_key" { "api_key=***".to_owned() } else { pair.to_owned() });
        }
        asked.shown = shown.join("&");
        // The older way: `Authorization: user:key`, without a scheme.
        let header = request.headers().get("Authorization").and_then(|value| value.to_str().ok());
        if let Some((username, api_key)) = header.and_then(|value| value.split_once(':')) {
            asked.username.get_or_insert_with(|| username.to_owned());
            asked.api_key.get_or_insert_with(|| api_key.to_owned());
        }
        asked
    }
}
