//! What the node answers to subscribe, unsubscribe and stop.
//!
//! Source: DataSift, "Multiple streams" and Streaming API, "Error Messages".

use super::director::Counted;
use super::{By, Node};
use crate::simulator::clock::instant;
use crate::simulator::cue::Close;
use crate::simulator::message::{self, Naming};
use crate::simulator::scenario::{AckForm, Behaviour, RefusalForm, Resubscribe, Unknown, Unsubscribe};
use crate::simulator::world::as_hash;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// Acknowledgements that wait to be shuffled go out after so long even when too few have come.
pub(super) const SHUFFLE_WAIT: Duration = Duration::from_millis(200);

/// A hash that no world has, for acknowledgements that nobody asked for.
const STRAY: &str = "ffffffffffffffffffffffffffffffff";

#[derive(Deserialize)]
struct Asked {
    action: Option<String>,
    hash: Option<String>,
}

impl Node {
    pub(super) fn answer(&mut self, id: u64, text: &[u8]) {
        let Ok(asked) = serde_json::from_slice::<Asked>(text) else {
            self.note("misunderstood", json!({"connection": id, "bytes": text.len()}));
            return self.say(id, message::named("invalid-json").unwrap_or_default());
        };
        match asked.action.as_deref() {
            Some("subscribe") => {
                self.subscribe(id, asked.hash.as_deref());
            }
            Some("unsubscribe") => self.unsubscribe(id, asked.hash.as_deref()),
            Some("stop") => self.end(id, &Close::default(), By::Client("stop"), Some("stopped")),
            Some(_) | None => {
                self.note("misunderstood", json!({"connection": id, "action": asked.action}));
                self.say(id, message::named("invalid-action").unwrap_or_default());
            }
        }
    }

    /// Subscribes one connection to one hash and answers; returns whether it is a stream.
    pub(super) fn subscribe(&mut self, id: u64, hash: Option<&str>) -> bool {
        let known = hash.and_then(as_hash);
        let (Some(hash), Some(key)) = (hash, known) else {
            self.refuse_stream(id, hash.unwrap_or_default(), "no-hash-to-subscribe");
            return false;
        };
        let place = match (self.world.place_of(&key), self.scenario.answers.unknown) {
            (None, Unknown::Adopt) => self.world.adopt(key),
            (Some(place), _) => place,
            (None, Unknown::Refuse) => {
                self.refuse_stream(id, hash, "invalid-hash");
                return false;
            }
        };
        let Some(line) = self.lines.get_mut(&id).filter(|line| line.ending.is_none()) else { return false };
        let now = instant();
        let soon = now < line.last_subscribe + self.scenario.answers.deaf_for;
        line.last_subscribe = now;
        if soon {
            self.note("ignored", json!({"connection": id, "stream": hash}));
            return true;
        }
        if line.subscribed.contains(&place) {
            return self.subscribe_again(id, place, hash);
        }
        if line.subscribed.len() >= self.scenario.node.max_subscriptions {
            self.refuse_stream(id, hash, "too-many-subscriptions");
            return false;
        }
        self.subscribe_new(id, place, hash)
    }

    fn subscribe_new(&mut self, id: u64, place: usize, hash: &str) -> bool {
        let behaviour = self.world.channel(place).map(|channel| channel.behaviour).unwrap_or_default();
        let so_far = self.troubles.get(&place).copied().unwrap_or(0);
        match behaviour {
            Behaviour::Invalid => self.refuse_stream(id, hash, "invalid-hash"),
            Behaviour::Disabled => self.refuse_stream(id, hash, "stream-disabled"),
            Behaviour::Trouble { times } if so_far < times => self.trouble(id, place, hash, "stream-trouble"),
            Behaviour::InformationError { times } if so_far < times => {
                self.trouble(id, place, hash, "stream-information-error");
            }
            Behaviour::Ignored => self.note("ignored", json!({"connection": id, "stream": hash})),
            Behaviour::Fine
            | Behaviour::Trouble { .. }
            | Behaviour::InformationError { .. }
            | Behaviour::Unacknowledged => {
                if let Some(line) = self.lines.get_mut(&id) {
                    line.subscribed.insert(place);
                }
                self.note("subscribed", json!({"connection": id, "stream": hash}));
                self.bells.room.notify_one();
                if behaviour != Behaviour::Unacknowledged {
                    self.acknowledge(id, place);
                }
                return true;
            }
        }
        !matches!(behaviour, Behaviour::Invalid)
    }

    fn subscribe_again(&mut self, id: u64, place: usize, hash: &str) -> bool {
        self.note("subscribed", json!({"connection": id, "stream": hash, "again": true}));
        match self.scenario.answers.resubscribe {
            Resubscribe::Acknowledge => self.acknowledge(id, place),
            Resubscribe::Warn => {
                self.say(id, r#"{"status":"warning","message":"You are already subscribed to the hash"}"#);
            }
            Resubscribe::Ignore => {}
        }
        true
    }

    fn trouble(&mut self, id: u64, place: usize, hash: &str, name: &'static str) {
        *self.troubles.entry(place).or_insert(0) += 1;
        self.refuse_stream(id, hash, name);
    }

    /// A refusal of one stream, named as the scenario says.
    pub(super) fn refuse_stream(&mut self, id: u64, hash: &str, name: &'static str) {
        let form = self.scenario.answers.refusal;
        let anonymous = form == RefusalForm::Anonymous;
        let said = match name {
            "invalid-hash" if anonymous => "no-hash-to-subscribe",
            "stream-disabled" if anonymous => "stream-currently-disabled",
            name => name,
        };
        let naming = match form {
            RefusalForm::Hash => Naming::Hash,
            RefusalForm::Hashes => Naming::Hashes,
            RefusalForm::Text | RefusalForm::Anonymous => Naming::Text,
        };
        self.note("stream_refused", json!({"connection": id, "stream": hash, "message": said}));
        self.say(id, &message::about(said, hash, naming));
    }

    fn acknowledge(&mut self, id: u64, place: usize) {
        let wanted = self.scenario.answers.ack_shuffle;
        let Some(line) = self.lines.get_mut(&id) else { return };
        if wanted == 0 {
            return self.send_ack(id, place);
        }
        line.unshuffled.push(place);
        if line.unshuffled.len() >= wanted {
            self.send_shuffled(id);
        } else {
            line.wake();
        }
    }

    pub(super) fn send_shuffled(&mut self, id: u64) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let mut places = std::mem::take(&mut line.unshuffled);
        self.rng.shuffle(&mut places);
        for place in places {
            self.send_ack(id, place);
        }
    }

    fn send_ack(&mut self, id: u64, place: usize) {
        let Some(hash) = self.world.channel(place).map(|channel| channel.hash().to_owned()) else { return };
        for _ in 0..self.scenario.answers.ack_copies {
            self.put_ack(id, &hash, false);
        }
        if self.scenario.answers.ack != AckForm::None {
            self.totals.acknowledged += 1;
            let every = self.scenario.answers.ack_stray_every;
            if every > 0 && self.totals.acknowledged.is_multiple_of(every) {
                self.put_ack(id, STRAY, true);
            }
            self.director.reach(Counted::Acknowledgements, self.totals.acknowledged, Some(id), instant());
        }
    }

    fn put_ack(&mut self, id: u64, hash: &str, stray: bool) {
        let naming = match self.scenario.answers.ack {
            AckForm::Text => Naming::Text,
            AckForm::Hash => Naming::Hash,
            AckForm::Hashes => Naming::Hashes,
            AckForm::Bare => Naming::Bare,
            AckForm::None => return,
        };
        let delay = self.scenario.answers.ack_delay;
        let text = message::about("subscribed", hash, naming);
        let due_us =
            (!delay.is_zero()).then(|| self.clock.server_us().saturating_add(crate::simulator::clock::micros(delay)));
        self.note(
            "acknowledged",
            json!({"connection": id, "stream": hash, "due_us": due_us, "stray": stray.then_some(true)}),
        );
        if delay.is_zero() {
            return self.say(id, &text);
        }
        if let Some(line) = self.lines.get_mut(&id).filter(|line| line.ending.is_none()) {
            line.say_later(&text, instant() + delay);
        }
    }

    fn unsubscribe(&mut self, id: u64, hash: Option<&str>) {
        let Some((hash, key)) = hash.and_then(|hash| Some((hash, as_hash(hash)?))) else {
            return self.refuse_stream(id, hash.unwrap_or_default(), "no-hash-to-unsubscribe");
        };
        if self.scenario.answers.unsubscribe == Unsubscribe::Ignore {
            return self.note("ignored", json!({"connection": id, "stream": hash}));
        }
        let place = self.world.place_of(&key);
        let Some(line) = self.lines.get_mut(&id) else { return };
        if !place.is_some_and(|place| line.subscribed.remove(&place)) {
            return self.refuse_stream(id, hash, "not-subscribed");
        }
        self.note("unsubscribed", json!({"connection": id, "stream": hash}));
        if self.scenario.answers.unsubscribe == Unsubscribe::Acknowledge {
            let text = json!({"status": "success", "message": format!("Successfully unsubscribed from hash {hash}")});
            self.say(id, &text.to_string());
        }
    }
}
