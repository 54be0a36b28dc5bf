//! What goes wrong.

use std::time::Duration;

use siftd::decide::{Input, Reload};
use siftd::fault::Fault;

use super::server::Down;
use super::world::{Event, World};

impl World {
    pub(super) fn trouble(&mut self) {
        self.troubles += 1;
        match self.chance.below(18) {
            0 | 1 => self.cut(Fault::Broken("reset".to_owned())),
            2 => self.cut(Fault::Closed { code: Some(1006), reason: String::new() }),
            3 => self.cut(Fault::Oversize { limit: 1 }),
            4 => self.go_silent(),
            5 | 6 => self.stall(),
            7 => self.send_away(),
            8 | 9 => self.warn(),
            10 => self.go_down(),
            11 => self.disable(),
            12 => self.exhaust_credits(),
            13 => self.fall_asleep(),
            14 => self.crash_and_restart(),
            15 => self.stop_and_restart(),
            _ => self.reload(),
        }
    }

    /// Nothing arrives any more, and nobody says so.
    fn go_silent(&mut self) {
        self.cut_served(None);
        self.lose_messages(0, self.now);
        if let Some(connection) = &mut self.server.connection {
            connection.silent = true;
        }
    }

    /// The server's buffer is held up, and what it holds comes later.
    fn stall(&mut self) {
        let until = self.now.after(self.chance.millis(500, 20_000));
        if let Some(connection) = &mut self.server.connection {
            connection.stalled = until;
        }
    }

    /// The node closes: with what it holds, or without.
    fn send_away(&mut self) {
        let text = "This streaming API service node is closing for maintenance, please reconnect immediately";
        let frame = self.server.status("failure", text, "", false);
        if self.chance.percent(50) {
            let said = self.send_ahead(frame);
            self.lose_messages(0, said);
        } else {
            self.send(frame, None, None);
        }
        self.cut_served(None);
        self.server.connection = None;
    }

    /// We are too slow: the server warns, drops, and perhaps cuts us off.
    fn warn(&mut self) {
        let text = "You are consuming data too slowly. If you do not consume data faster you will be disconnected.";
        let frame = self.server.status("warning", text, "", false);
        if self.chance.percent(50) {
            let said = self.send_ahead(frame);
            self.lose_messages(50, said);
        } else {
            self.send(frame, None, None);
        }
        self.cut_served(None);
        let Some(connection) = &mut self.server.connection else { return };
        connection.dropping = true;
        if self.chance.percent(40) {
            let text = "You are consuming data too slowly and have been disconnected";
            let frame = self.server.status("failure", text, "", false);
            self.send(frame, None, None);
            self.server.connection = None;
        }
    }

    fn go_down(&mut self) {
        let why = self.chance.pick(&[Down::Unreachable, Down::Error, Down::Busy, Down::Later, Down::Full]);
        let until = self.now.after(self.chance.millis(1_000, 90_000));
        self.server.down = Some((until, why));
        self.cut(Fault::Broken("end of stream".to_owned()));
    }

    /// A stream is switched off for a while.
    fn disable(&mut self) {
        let all = self.streams.clone();
        let stream = all.get(usize::try_from(self.chance.below(5)).unwrap()).unwrap();
        self.server.disabled.insert(stream.clone());
        let wait = self.chance.millis(1_000, 100_000);
        self.plan(wait, Event::Enable(stream.clone()));
        let Some(connection) = &mut self.server.connection else { return };
        if connection.subscribed.remove(stream) {
            let named = self.chance.percent(self.server.names_refusals);
            let frame = self.server.status("failure", "The stream has been disabled", stream, named);
            if self.chance.percent(50) {
                self.send_ahead(frame);
            } else {
                self.send(frame, None, None);
            }
            self.cut_served(Some(stream));
        }
    }

    fn exhaust_credits(&mut self) {
        self.server.credits = !self.server.credits;
        if !self.server.credits {
            let text = "You have insufficient credits available to consume the stream";
            let frame = self.server.status("failure", text, "", false);
            self.cut_served(None);
            self.send(frame, None, None);
            self.server.connection = None;
        }
    }

    /// The machine sleeps; the server goes on, or gives us up.
    fn fall_asleep(&mut self) {
        let wait = self.chance.millis(1_000, 120_000);
        if self.asleep.is_some() || self.session.is_none() {
            return;
        }
        self.longest = self.longest.max(wait);
        self.cut_served(None);
        self.asleep = Some(self.now.after(wait));
        self.plan(wait, Event::Wake);
        if self.chance.percent(30) {
            self.cut(Fault::Broken("reset".to_owned()));
        }
    }

    fn crash_and_restart(&mut self) {
        if self.session.is_some() && self.asleep.is_none() {
            self.crash();
            let wait = self.chance.millis(10, 40_000);
            self.plan(wait, Event::Restart);
        }
    }

    fn stop_and_restart(&mut self) {
        if self.session.is_some() && self.asleep.is_none() {
            self.feed(Input::Stop("asked".to_owned()), None);
            // More than a farewell may take.
            let wait = Duration::from_secs(3) + self.chance.millis(0, 30_000);
            self.plan(wait, Event::Restart);
        }
    }

    /// A stream is taken out, or in again, or both in a row; or just everything that is off is tried again.
    fn reload(&mut self) {
        if self.session.is_none() || self.asleep.is_some() || self.session.as_ref().is_some_and(is_stopping) {
            return;
        }
        for _ in 0..=self.chance.below(2) {
            let index = usize::try_from(self.chance.below(5)).unwrap();
            let name = self.streams.get(index).unwrap().clone();
            let mut reload = Reload::default();
            if self.archive.is_wanted(self.id(&name)) {
                reload.removed.push(name.clone());
                self.feed(Input::Reload(reload), None);
                self.archive.commit();
            }
            if self.chance.percent(70) {
                let start = self.add(index);
                let reload = Reload { added: vec![start], ..Reload::default() };
                self.feed(Input::Reload(reload), None);
            }
        }
    }
}

fn is_stopping(session: &siftd::decide::Session) -> bool {
    matches!(session.state(), siftd::record::DaemonState::Stopping)
}
