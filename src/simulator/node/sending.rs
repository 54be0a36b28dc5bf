//! What is sent next on each connection: the buffered frames, and ticks and pings when they fall due.

use super::outbox::{self, Next, Parcel};
use super::{Ending, Node, answer};
use crate::simulator::clock::signed_micros;
use crate::simulator::cue::How;
use crate::simulator::wire;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Bytes;

/// At `rate = "max"` the world rests when so much waits on a connection.
const FULL: usize = 1 << 20;

/// What a connection's writer does next.
#[derive(Debug)]
pub(in crate::simulator) enum Step {
    Write(Vec<Bytes>),
    Wait(Option<Instant>),
    Finish(Ending),
}

impl Node {
    /// What the connection's writer is to do now; ticks and pings fall due here.
    pub(in crate::simulator) fn step(&mut self, id: u64, now: Instant) -> Option<Step> {
        let ending = self.lines.get(&id)?.ending;
        if ending.is_none() {
            self.keep_alive(id, now);
        }
        let line = self.lines.get_mut(&id)?;
        if let Some(ending) = ending {
            let silent = matches!(ending.how, How::Reset | How::HalfOpen);
            if silent || line.outbox.is_empty() || now >= ending.by {
                return Some(Step::Finish(ending));
            }
        }
        Some(match line.outbox.next(now) {
            Next::Write(batch) => Step::Write(batch),
            Next::Wait(until) => {
                let ending = ending.map(|ending| ending.by);
                Step::Wait([until, ending, self.next_keep_alive(id)].into_iter().flatten().min())
            }
        })
    }

    fn next_keep_alive(&self, id: u64) -> Option<Instant> {
        let line = self.lines.get(&id).filter(|line| line.ending.is_none())?;
        let after = |span: Duration, last: Instant| (!span.is_zero()).then(|| last + span);
        let tick = after(self.scenario.node.tick_every, line.last_data);
        let ping = after(self.scenario.node.ping_every, line.last_ping);
        let shuffle = (!line.unshuffled.is_empty()).then(|| line.last_subscribe + answer::SHUFFLE_WAIT);
        [tick, ping, shuffle].into_iter().flatten().min()
    }

    fn keep_alive(&mut self, id: u64, now: Instant) {
        let Some(line) = self.lines.get(&id) else { return };
        let due = |span: Duration, last: Instant| !span.is_zero() && now >= last + span;
        let tick = due(self.scenario.node.tick_every, line.last_data);
        let ping = due(self.scenario.node.ping_every, line.last_ping);
        let shuffle = !line.unshuffled.is_empty() && now >= line.last_subscribe + answer::SHUFFLE_WAIT;
        if tick {
            self.tick(id, now);
        }
        if ping && let Some(line) = self.lines.get_mut(&id) {
            line.last_ping = now;
            line.push(Parcel::control(wire::ping(b"ping")), None);
            self.note("ping", json!({"connection": id, "by": "server"}));
        }
        if shuffle {
            self.send_shuffled(id);
        }
    }

    /// A tick carries the node's clock, so it waits behind the messages like one of them.
    pub(super) fn tick(&mut self, id: u64, now: Instant) {
        let skew = signed_micros(self.scenario.node.tick_skew);
        let seconds = self.clock.server_us().saturating_add(skew).div_euclid(1_000_000);
        let value = self.scenario.node.tick_value.clone().unwrap_or_else(|| seconds.to_string());
        let text = format!(r#"{{"tick":{value},"status":"connected","message":"Waiting for data"}}"#);
        let from = now + self.scenario.node.lag;
        if let Some(line) = self.lines.get_mut(&id) {
            line.put(Parcel::control(wire::text(text.as_bytes())), now, from);
        }
        self.note("tick", json!({"connection": id, "value": value}));
    }

    /// So many bytes of the last batch are in the socket.
    pub(in crate::simulator) fn wrote(&mut self, id: u64, bytes: usize) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let written = line.outbox.wrote(bytes);
        let sum = &mut line.unreported;
        sum.bytes += written.bytes;
        sum.frames += written.frames;
        sum.messages += written.messages;
        sum.through = written.through.or(sum.through);
        self.totals.written += written.messages;
        if line.warned && line.outbox.bytes() < self.scenario.node.slow_warning.0 / 2 {
            line.warned = false;
        }
        if line.outbox.bytes() < FULL {
            self.bells.room.notify_one();
        }
    }

    /// Whether the world may go on at full speed: somebody takes its messages, and nobody is behind.
    pub(in crate::simulator) fn has_room(&self) -> bool {
        let full = FULL.min(self.scenario.node.slow_warning.0 / 2);
        let mut takers =
            self.lines.values().filter(|line| line.ending.is_none() && !line.subscribed.is_empty()).peekable();
        takers.peek().is_some() && takers.all(|line| line.outbox.bytes() < full)
    }

    /// Tells the journal what has been written, and hands it over. Every 20 ms.
    pub(in crate::simulator) fn report(&mut self) {
        let reports: Vec<(u64, outbox::Written)> = self
            .lines
            .iter_mut()
            .filter(|(_, line)| line.unreported.bytes > 0)
            .map(|(id, line)| (*id, std::mem::take(&mut line.unreported)))
            .collect();
        for (id, sum) in reports {
            self.note(
                "written",
                json!({"connection": id, "through_seq": sum.through, "frames": sum.frames, "messages": sum.messages, "bytes": sum.bytes}),
            );
        }
        self.report_rest();
        self.journal.flush();
    }
}
