//! A model of the server: what it does with a subscription, how it names things, how it buffers and what it drops.
//!
//! It keeps three promises, those that the proof rests on: what it sends of a connection's messages it sends in the
//! order in which it produced them; a status is never later than the messages produced after it; it has sent whatever
//! it still holds before it says a tick.

use std::collections::BTreeSet;
use std::time::Duration;

use siftd::fault::Fault as Refused;
use siftd::protocol::{DataSift, Protocol};
use siftd::time::Time;

use super::chance::Chance;
use super::faults::Fault;
use super::world::BEGINNING;

/// How statuses name the stream that they mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Naming {
    Text,
    Hash,
    Hashes,
    Nowhere,
}

/// One connection as the server sees it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u32,
    pub(super) subscribed: BTreeSet<String>,
    /// When the last thing sent arrives, or would.
    last: Time,
    /// When something was last sent.
    pub(super) sent: Time,
    /// Nothing leaves the buffer before.
    pub(super) stalled: Time,
    /// What is sent arrives nowhere.
    pub(super) silent: bool,
    /// It has warned, and drops.
    pub(super) dropping: bool,
}

impl Connection {
    pub(super) fn new(number: u32, now: Time) -> Self {
        let subscribed = BTreeSet::new();
        Self { number, subscribed, last: now, sent: now, stalled: now, silent: false, dropping: false }
    }

    /// When something that is sent now, after everything before it, arrives.
    pub(super) fn arrival(&mut self, now: Time, chance: &mut Chance) -> Time {
        self.sent = now;
        self.last = self.last.max(now.max(self.stalled).after(chance.millis(2, 200)));
        self.last
    }

    /// Whether all that was sent has arrived.
    pub(super) fn is_empty(&self, now: Time) -> bool {
        self.last <= now
    }
}

/// What the server is like.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a server's ways come in any combination")]
pub(super) struct Server {
    /// Its clock less the true one, in microseconds.
    offset: i64,
    /// How much faster than the true one it goes, in parts of a million.
    drift: i64,
    /// How far it was set ahead since the connection came up, in microseconds.
    ahead: i64,
    /// It does not tell its clock in the handshake.
    dateless: bool,
    /// Its clock is always right.
    right: bool,
    pub(super) naming: Naming,
    /// In how many of a hundred cases a refusal names its stream.
    pub(super) names_refusals: u64,
    /// Whether it keeps some acknowledgements to itself.
    pub(super) forgetful: bool,
    pub(super) limit: usize,
    pub(super) disabled: BTreeSet<String>,
    pub(super) connection: Option<Connection>,
    /// It does not accept connections until then, for this reason.
    pub(super) down: Option<(Time, Down)>,
    pub(super) credits: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Down {
    Unreachable,
    Error,
    Busy,
    Later,
    Full,
}

impl Server {
    pub(super) fn new(chance: &mut Chance, streams: usize, calm: bool) -> Self {
        let named = [Naming::Text, Naming::Text, Naming::Text, Naming::Hash, Naming::Hashes, Naming::Nowhere];
        let (right, forgetful) = (chance.percent(30), !calm && chance.percent(15));
        let skewed = !right && chance.percent(70);
        Self {
            offset: if skewed { chance.signed(300_000_000) } else { 0 },
            drift: if right { 0 } else { chance.signed(400) },
            ahead: 0,
            // Without its word its clock is taken to be right.
            dateless: !skewed && !right && chance.percent(20),
            right,
            naming: chance.pick(&named),
            // One that keeps answers to itself names those it gives: both at once cannot be understood in every case.
            names_refusals: if forgetful { 100 } else { chance.pick(&[100, 70, 0]) },
            forgetful,
            limit: if calm || chance.percent(80) { usize::MAX } else { streams - 1 },
            disabled: BTreeSet::new(),
            connection: None,
            down: None,
            credits: true,
        }
    }

    pub(super) fn clock(&self, now: Time) -> Time {
        let lived = now.micros() - BEGINNING.micros();
        now.shifted(self.offset + lived / 1_000_000 * self.drift)
    }

    /// Its clock is set: back by anything, ahead by no more than a second while one connection lives, as its drift
    /// against ours within one connection is assumed to be small. Says by how much.
    pub(super) fn set_clock(&mut self, chance: &mut Chance) -> i64 {
        let by = chance.signed(60_000_000);
        let by = if self.connection.is_some() { by.min(1_000_000 - self.ahead) } else { by };
        (self.offset, self.ahead) = (self.offset + by, self.ahead + by.max(0));
        by
    }

    pub(super) const fn is_right(&self) -> bool {
        self.right
    }

    pub(super) const fn is_dateless(&self) -> bool {
        self.dateless
    }

    pub(super) fn connected(&mut self, number: u32, now: Time) {
        self.ahead = 0;
        self.connection = Some(Connection::new(number, now));
    }

    /// What the handshake tells of its clock.
    pub(super) fn date(&self, now: Time) -> Option<Time> {
        (!self.dateless).then(|| self.told(now))
    }

    /// The server's clock in whole seconds, as servers tell it.
    pub(super) fn told(&self, now: Time) -> Time {
        Time::from_seconds(self.clock(now).micros().div_euclid(1_000_000))
    }

    /// Why a connection is not accepted now.
    pub(super) fn refusal(&self, now: Time, protocol: &DataSift) -> Option<Refused> {
        let (until, why) = self.down?;
        let refused = |status, retry_after, text: &str| Refused::Refused {
            status,
            retry_after,
            class: protocol.class_of(text),
            text: text.to_owned(),
        };
        (now < until).then(|| match why {
            Down::Unreachable => Refused::Unreachable("refused".to_owned()),
            Down::Error => refused(503, None, ""),
            Down::Busy => refused(420, None, "slow down"),
            Down::Later => refused(429, Some(Duration::from_secs(20)), ""),
            Down::Full => refused(503, None, r#"{"message":"The streaming API is currently at full capacity"}"#),
        })
    }

    /// A status in the server's way of naming streams; `named` is whether it does.
    pub(super) fn status(&self, word: &str, text: &str, stream: &str, named: bool) -> String {
        match self.naming {
            _ if !named => format!(r#"{{"status":"{word}","message":"{text}"}}"#),
            Naming::Hash => format!(r#"{{"status":"{word}","message":"{text}","hash":"{stream}"}}"#),
            Naming::Hashes => format!(r#"{{"hashes":["{stream}"],"status":"{word}","message":"{text}"}}"#),
            Naming::Text | Naming::Nowhere => format!(r#"{{"status":"{word}","message":"{text} {stream}"}}"#),
        }
    }

    /// What the server answers to a request for a stream, whether it serves it from now on, and what is wrong with that.
    pub(super) fn answer(
        &mut self,
        stream: &str,
        troubled: bool,
        chance: &mut Chance,
    ) -> (String, bool, Option<Fault>) {
        let named = chance.percent(self.names_refusals);
        let active = self.connection.as_ref().map_or(0, |connection| connection.subscribed.len());
        let again = self.connection.as_ref().is_some_and(|connection| connection.subscribed.contains(stream));
        if !self.credits {
            let text = "You have insufficient credits available to consume the stream";
            (self.status("failure", text, stream, false), false, None)
        } else if self.disabled.contains(stream) {
            (self.status("failure", "The stream has been disabled", stream, named), false, Some(Fault::Disabled))
        } else if active >= self.limit && !again {
            (self.status("failure", "You have too many subscriptions", stream, named), false, Some(Fault::NoRoom))
        } else if troubled && !again {
            (
                self.status("failure", "There was a problem starting your stream", stream, named),
                false,
                Some(Fault::StreamTrouble),
            )
        } else {
            let named = self.naming != Naming::Nowhere;
            (self.status("success", "Successfully subscribed to hash", stream, named), true, None)
        }
    }
}
