//! What is on its way between the server and the daemon.

use std::time::Duration;

use siftd::fault::Fault as Failure;
use siftd::time::Time;

use super::{Event, World};
use crate::simulate::server::Connection;

impl World {
    /// The server sends a frame, in order.
    pub(in crate::simulate) fn send(&mut self, frame: String, message: Option<u64>, acknowledges: Option<String>) {
        let Some(connection) = &mut self.server.connection else { return };
        let (number, silent) = (connection.number, connection.silent);
        let arrival = connection.arrival(self.now, &mut self.chance);
        self.longest = self.longest.max(arrival.since(self.now));
        if !silent {
            self.at(arrival, Event::Arrive { connection: number, frame, message, acknowledges });
        }
    }

    /// Whether what is sent now is read late.
    pub(in crate::simulate) fn is_late(&self) -> bool {
        let is_stalled = |connection: &Connection| connection.stalled > self.now || !connection.is_empty(self.now);
        let is_left = self.unread.is_some() || self.asleep.is_some();
        is_left || self.server.connection.as_ref().is_some_and(is_stalled)
    }

    /// The server says something at once, before what it still holds. Says when that arrives.
    pub(in crate::simulate) fn send_ahead(&mut self, frame: String) -> Time {
        let Some(connection) = &mut self.server.connection else { return self.now };
        let number = connection.number;
        connection.sent = self.now;
        let wait = self.chance.millis(1, 3);
        if !connection.silent {
            self.plan(wait, Event::Arrive { connection: number, frame, message: None, acknowledges: None });
        }
        self.now.after(wait)
    }

    /// Loses some of what the server still holds: `keep` of a hundred arrive. What has reached this machine is safe, and
    /// what reaches it before what the server has to say about it (`after`).
    pub(in crate::simulate) fn lose_messages(&mut self, keep: u64, after: Time) {
        if self.asleep.is_some() || self.server.connection.is_none() {
            return;
        }
        let chance = &mut self.chance;
        self.agenda.retain(|(at, _), event| {
            *at <= after || !matches!(event, Event::Arrive { message: Some(_), .. }) || chance.percent(keep)
        });
    }

    /// Loses what the server has still to say, too: a tick behind lost messages would deny that they are lost.
    pub(in crate::simulate) fn lose_words(&mut self) {
        if self.asleep.is_none() {
            self.agenda.retain(|_, event| !matches!(event, Event::Arrive { .. }));
        }
    }

    /// The connection ends here and now, with all that is on its way.
    pub(in crate::simulate) fn cut(&mut self, fault: Failure) {
        let Some(connection) = self.server.connection.take() else { return };
        self.cut_served(None);
        self.agenda.retain(|_, event| !matches!(event, Event::Arrive { .. }));
        let wait = self.chance.millis(0, 300);
        self.plan(wait, Event::Lost { connection: connection.number, fault });
    }

    /// The server serves no more, a stream or all of them.
    pub(in crate::simulate) fn cut_served(&mut self, stream: Option<&str>) {
        let here = self.here();
        for served in &mut self.served {
            if stream.is_none_or(|stream| stream == served.name) {
                served.stretch.until.get_or_insert(here);
            }
        }
    }

    pub(super) fn quiet(&mut self, number: u32) {
        let clock = self.server.told(self.now).micros() / 1_000_000;
        let Some(connection) = self.server.connection.as_ref().filter(|one| one.number == number) else { return };
        if self.now.since(connection.sent) >= Duration::from_secs(30) && connection.is_empty(self.now) {
            self.send(format!(r#"{{"tick":{clock},"status":"connected","message":"Waiting for data"}}"#), None, None);
        }
        self.plan(Duration::from_secs(1), Event::Quiet { connection: number });
    }
}
