//! How connections end, and the run with them.

use super::outbox::Parcel;
use super::{Node, Totals};
use crate::simulator::clock::instant;
use crate::simulator::cue::{Close, How};
use crate::simulator::journal::Fate;
use crate::simulator::{message, wire};
use serde_json::json;
use std::io;
use tokio::time::Instant;

/// An end that has been ordered.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulator) struct Ending {
    pub(in crate::simulator) how: How,
    /// From then on nobody waits for the peer any more.
    pub(in crate::simulator) by: Instant,
}

/// Who ended a connection, and why.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    Server(&'static str),
    Client(&'static str),
}

impl By {
    fn who(self) -> &'static str {
        match self {
            Self::Server(_) => "server",
            Self::Client(_) => "client",
        }
    }

    fn why(self) -> &'static str {
        match self {
            Self::Server(why) | Self::Client(why) => why,
        }
    }
}

impl Node {
    /// Orders the end of a connection; what it has not sent yet is dropped, unless it is to be drained.
    pub(super) fn end(&mut self, id: u64, close: &Close, by: By, last_word: Option<&str>) {
        let now = instant();
        let ending = Ending { how: close.how, by: now + self.scenario.node.close_grace };
        let Some(line) = self.lines.get_mut(&id) else { return };
        if line.ending.is_some_and(|ending| ending.how != How::HalfOpen) {
            return;
        }
        line.ending = Some(ending);
        let mut dropped = Vec::new();
        if matches!(close.how, How::Reset | How::HalfOpen) {
            dropped = line.outbox.drop_all();
        } else if close.drain {
            line.outbox.release(now);
        } else {
            dropped = line.outbox.drop_waiting();
        }
        if close.how != How::HalfOpen {
            line.subscribed.clear();
        }
        let behind = close.drain.then_some(now);
        if let Some(text) = last_word.and_then(message::named) {
            line.say(text, behind);
        }
        if close.how == How::Clean {
            line.push(Parcel::control(wire::close(close.code, &close.reason)), behind);
        }
        line.wake();
        self.drop_messages(id, &dropped);
        let code = (close.how == How::Clean).then_some(close.code);
        self.note(
            "closed",
            json!({"connection": id, "by": by.who(), "why": by.why(), "how": close.how, "code": code, "dropped": dropped.len()}),
        );
    }

    fn drop_messages(&mut self, id: u64, dropped: &[u64]) {
        self.totals.dropped += u64::try_from(dropped.len()).unwrap_or(u64::MAX);
        for seq in dropped {
            self.journal.fate(*seq, id, Fate::Dropped);
        }
    }

    /// The connection's tasks have ended; `why` is what its peer did, unless an end was ordered.
    pub(in crate::simulator) fn gone(&mut self, id: u64, why: &str) {
        self.report();
        let Some(mut line) = self.lines.remove(&id) else { return };
        let dropped = line.outbox.drop_all();
        self.drop_messages(id, &dropped);
        if line.ending.is_none() {
            self.note("closed", json!({"connection": id, "by": "client", "why": why, "dropped": dropped.len()}));
        }
        self.note("gone", json!({"connection": id, "undelivered": dropped.len()}));
        self.bells.room.notify_one();
        self.bells.gone.notify_one();
    }

    /// Says goodbye to everybody; no new connection is taken.
    pub(in crate::simulator) fn stop(&mut self) {
        self.stopping = true;
        self.listening = false;
        let close = Close { code: 1001, reason: "going away".to_owned(), ..Close::default() };
        let all: Vec<u64> = self.lines.keys().copied().collect();
        for id in all {
            let half_open = self.lines.get(&id).and_then(|line| line.ending).is_some();
            let close = if half_open { Close { how: How::Reset, ..close.clone() } } else { close.clone() };
            self.end(id, &close, By::Server("stop"), None);
        }
        self.bells.door.notify_one();
        self.bells.rest_door.notify_one();
    }

    /// Writes the last line and closes the journal.
    pub(in crate::simulator) fn finish(&mut self) -> io::Result<Totals> {
        let left: Vec<u64> = self.lines.keys().copied().collect();
        for id in left {
            self.gone(id, "stop");
        }
        self.report();
        let totals = self.totals;
        self.note("end", serde_json::to_value(totals).unwrap_or_default());
        self.journal.close()?;
        Ok(totals)
    }
}
