//! What goes wrong.

use std::time::Duration;

use siftd::decide::{Input, Reload};
use siftd::fault::Fault as Failure;

use super::faults::Fault;
use super::server::Down;
use super::world::{Event, World};

impl World {
    pub(super) fn trouble(&mut self) {
        match self.chance.below(24) {
            0 | 1 => self.lose(Failure::Broken("reset".to_owned()), Fault::Reset),
            2 => self.lose(Failure::Closed { code: Some(1006), reason: String::new() }, Fault::ClosedByServer),
            3 => self.lose(Failure::Oversize { limit: 1 }, Fault::Oversize),
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
            16 => self.disk_fails(),
            17 => self.disk_stalls(),
            18 => self.set_clock(),
            19 => self.set_servers_clock(),
            20 => self.absurd_tick(),
            21 => self.chatter(),
            _ => self.reload(),
        }
    }

    fn lose(&mut self, failure: Failure, fault: Fault) {
        if self.server.connection.is_some() {
            self.fired(fault);
            self.cut(failure);
        }
    }

    /// The machine's clock is set: ahead, and later right again. A daemon that runs goes on by its own; the next one
    /// starts by this. How far an earlier one was wrong is known by a server's clock that is right, or not at all.
    fn set_clock(&mut self) {
        if self.server.is_right() {
            let most = self.chance.pick(&[2_000, 60_000, 3_600_000]);
            let ahead = i64::try_from(self.chance.millis(1, most).as_micros()).unwrap();
            self.wall = if self.wall == 0 { ahead } else { 0 };
            self.crash_and_restart();
        }
    }

    fn set_servers_clock(&mut self) {
        if self.server.is_right() || self.server.is_dateless() {
            return;
        }
        let by = self.server.set_clock(&mut self.chance);
        self.unsure += Duration::from_micros(by.unsigned_abs());
        self.fired(if by > 0 { Fault::ServerForward } else { Fault::ServerBack });
    }

    /// The server's clock makes no sense for a moment.
    fn absurd_tick(&mut self) {
        let clock = self.server.told(self.now).micros() / 1_000_000;
        let day = 24 * 3600;
        let told = [0, -5, i64::MAX, i64::MIN, clock + day, clock - day, clock + 5, clock - 3600];
        let number = self.chance.pick(&told).to_string();
        let odd = self.chance.pick(&["18446744073709551616", "1e400", "null", "true", "\"soon\"", "[]"]);
        let told = if self.chance.percent(20) { odd } else { &number };
        // A clock that lies by less than the server delays deceives everybody (README, Promises).
        let told = if told == (clock + 5).to_string() && self.is_late() { "0" } else { told };
        // Without a handshake's word there is only the tick's.
        if self.server.connection.is_some() && !self.server.is_dateless() {
            self.fired(Fault::AbsurdTick);
            self.send(format!(r#"{{"tick":{told},"status":"connected","message":"Waiting for data"}}"#), None, None);
        }
    }

    /// The server says what it need not, or what nobody understands.
    fn chatter(&mut self) {
        let foreign = crate::session::script::hash("f");
        let item = format!(r#"{{"hash":"{foreign}","data":{{"interaction":{{"id":"x"}}}}}}"#);
        let unsubscribed =
            format!(r#"{{"status":"warning","message":"You aren't currently subscribed to the hash {foreign}"}}"#);
        let frame = match self.chance.below(5) {
            0 => item,
            1 => unsubscribed,
            2 => r#"{"status":"warning","message":"Something odd"}"#.to_owned(),
            3 => "  ".to_owned(),
            _ => r#"{"status":"success","message":"All is well"}"#.to_owned(),
        };
        if self.server.connection.is_some() {
            self.fired(Fault::Chatter);
            self.send(frame, None, None);
        }
    }

    /// Nothing arrives any more, and nobody says so.
    fn go_silent(&mut self) {
        self.cut_served(None);
        self.lose_messages(0, self.now);
        self.lose_words();
        if let Some(connection) = &mut self.server.connection {
            connection.silent = true;
            self.fired(Fault::Silence);
        }
    }

    /// The server's buffer is held up, and what it holds comes later.
    fn stall(&mut self) {
        let until = self.now.after(self.chance.millis(500, 20_000));
        if let Some(connection) = &mut self.server.connection {
            connection.stalled = until;
            self.fired(Fault::Stall);
        }
    }

    /// The node closes: with what it holds, or without.
    fn send_away(&mut self) {
        if self.server.connection.is_none() {
            return;
        }
        self.fired(Fault::Maintenance);
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
    pub(super) fn warn(&mut self) {
        if self.server.connection.is_none() {
            return;
        }
        self.fired(Fault::SlowWarning);
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
            self.fired(Fault::SlowDisconnect);
        }
    }

    fn go_down(&mut self) {
        let why = self.chance.pick(&[Down::Unreachable, Down::Error, Down::Busy, Down::Later, Down::Full]);
        let until = self.now.after(self.chance.millis(1_000, 90_000));
        self.server.down = Some((until, why));
        self.fired(Fault::Down);
        self.cut(Failure::Broken("end of stream".to_owned()));
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
            self.fired(Fault::Disabled);
            let named = self.chance.percent(self.server.names_refusals);
            let frame = self.server.status("failure", "The stream has been disabled", stream, named);
            if !named {
                self.fired(Fault::Unnamed);
            }
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
            self.fired(Fault::Credits);
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
        self.fired(Fault::Suspend);
        self.cut_served(None);
        self.asleep = Some(self.now.after(wait));
        self.plan(wait, Event::Wake);
        if self.chance.percent(30) {
            self.cut(Failure::Broken("reset".to_owned()));
        }
    }

    fn crash_and_restart(&mut self) {
        if self.session.is_some() && self.asleep.is_none() {
            self.fired(Fault::Crash);
            self.crash();
            let wait = self.chance.millis(10, 40_000);
            self.plan(wait, Event::Restart);
        }
    }

    fn stop_and_restart(&mut self) {
        if self.session.is_some() && self.asleep.is_none() {
            self.fired(Fault::Stop);
            self.feed(Input::Stop("asked".to_owned()), None);
            // More than a farewell may take.
            let wait = Duration::from_secs(3) + self.chance.millis(0, 30_000);
            self.plan(wait, Event::Restart);
        }
    }

    /// A stream is taken out, or in again, or both in a row; or just everything that is off is tried again.
    fn reload(&mut self) {
        // A list that cannot be written down is not taken in.
        if self.session.is_none()
            || self.asleep.is_some()
            || !self.is_disk_sound()
            || self.session.as_ref().is_some_and(is_stopping)
        {
            return;
        }
        self.fired(Fault::Reload);
        for _ in 0..=self.chance.below(2) {
            let index = usize::try_from(self.chance.below(5)).unwrap();
            let name = self.streams.get(index).unwrap().clone();
            let mut reload = Reload::default();
            if self.archive.is_wanted(self.id(&name)) {
                reload.removed.push(name.clone());
                self.archive.unwanted(self.id(&name), self.now);
                self.feed(Input::Reload(reload), None);
                self.store(usize::MAX);
            }
            if !self.archive.is_wanted(self.id(&name)) && self.chance.percent(70) {
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
