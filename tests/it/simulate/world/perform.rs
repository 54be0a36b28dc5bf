//! What the daemon does: the core is asked, and what it says is done.

use std::time::Duration;

use secrecy::SecretString;
use siftd::decide::{Action, Ending, Input};
use siftd::fault::Fault as Failure;
use siftd::protocol::{DataSift, Protocol};
use siftd::signal::Signal;

use super::{Event, Message, Served, World};
use crate::simulate::archive::{Entry, Stretch};
use crate::simulate::faults::Fault;
use crate::simulate::sabotage::Sabotage;
use crate::simulate::server::Naming;

impl World {
    pub(super) fn produce(&mut self, index: usize) {
        let wait = self.chance.millis(10, if self.is_troubled() { 3_000 } else { 12_000 });
        self.plan(wait, Event::Produce(index));
        let stream = self.streams.get(index).unwrap().clone();
        let number = u64::try_from(self.messages.len()).unwrap();
        self.messages.push(Message { stream: stream.clone(), at: self.now });
        let copies = if self.chance.percent(3) { 2 } else { 1 };
        let garbled = !self.calm && self.is_troubled() && self.chance.percent(1);
        let dropped = self.chance.percent(60);
        let served = self.server.connection.as_ref().filter(|one| one.subscribed.contains(&stream));
        if served.is_none_or(|connection| connection.dropping && dropped) {
            return;
        }
        let frame = self.message(&stream, number);
        let frame = if garbled { frame.replace("\"id\"", "\"id") } else { frame };
        if garbled {
            self.fired(Fault::Garbled);
        }
        if copies > 1 {
            self.fired(Fault::Duplicate);
        }
        for _ in 0..copies {
            self.send(frame.clone(), Some(number), None);
        }
        if number > 10 && self.chance.percent(2) {
            let gone = self.chance.below(number);
            self.fired(Fault::Delete);
            let order = format!(r#"{{"deleted":true,"interaction":{{"id":"m{gone}"}}}}"#);
            self.send(format!(r#"{{"hash":"{stream}","data":{order}}}"#), None, None);
        }
    }

    /// A message as the server writes it: posted a little or long before it was produced.
    fn message(&mut self, stream: &str, number: u64) -> String {
        let age = if self.chance.percent(10) { self.chance.millis(0, 86_400_000) } else { self.chance.millis(0, 1500) };
        let posted = self.server.told(self.now.before(age));
        let posted = jiff::Timestamp::from_microsecond(posted.micros()).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let posted = jiff::fmt::rfc2822::to_string(&posted).unwrap();
        let received = if self.chance.percent(30) {
            let clock = self.server.clock(self.now).micros();
            format!(r#","received_at":{}.{:06}"#, clock / 1_000_000, clock % 1_000_000)
        } else {
            String::new()
        };
        let inner = format!(r#"{{"id":"m{number}","type":"test","created_at":"{posted}"{received}}}"#);
        format!(r#"{{"hash":"{stream}","data":{{"interaction":{inner}}}}}"#)
    }

    pub(super) fn dialed(&mut self, attempt: u32) {
        if attempt != self.attempt {
            return;
        }
        if let Some(fault) = self.server.refusal(self.now, &self.protocol) {
            return self.feed(Input::DialFailed(fault), None);
        }
        self.connections += 1;
        let number = self.connections;
        self.client = Some(number);
        self.server.connected(number, self.now);
        self.plan(Duration::from_secs(1), Event::Quiet { connection: number });
        let told = self.server.date(self.now.before(Duration::from_millis(20)));
        let sent = self.here().before(Duration::from_millis(40));
        self.feed(Input::Opened { sent, told, shown: String::new() }, None);
    }

    pub(super) fn asked(&mut self, number: u32, stream: String, subscribe: bool) {
        let troubled = !self.calm && self.is_troubled() && self.chance.percent(5);
        let Some(connection) = self.server.connection.as_mut().filter(|one| one.number == number) else { return };
        if !subscribe {
            connection.subscribed.remove(&stream);
            return self.cut_served(Some(&stream));
        }
        let (frame, serves, wrong) = self.server.answer(&stream, troubled, &mut self.chance);
        let named = if serves { self.server.naming != Naming::Nowhere } else { frame.contains(&stream) };
        wrong.into_iter().chain((!named).then_some(Fault::Unnamed)).for_each(|fault| self.fired(fault));
        if let (Some(connection), true) = (&mut self.server.connection, serves) {
            connection.subscribed.insert(stream.clone());
        }
        // What names nobody cannot be missed: another such in its stead would be taken for it.
        if self.server.forgetful && (serves || named) && self.chance.percent(30) {
            return self.fired(Fault::LostAnswer);
        }
        if self.chance.percent(3) {
            // An answer may be late by as long as anything.
            let stall = self.now.after(self.chance.millis(0, 12_000));
            if let Some(connection) = &mut self.server.connection {
                connection.stalled = connection.stalled.max(stall);
            }
        }
        if serves && named && self.chance.percent(3) {
            self.send(frame.clone(), None, None);
        }
        self.send(frame, None, Some(stream).filter(|_| serves && named));
    }

    pub(super) fn receive(&mut self, connection: u32, frame: &str, message: Option<u64>, acknowledges: Option<String>) {
        self.feed(Input::Frame(frame.len()), None);
        let mut protocol = DataSift::new("", "", SecretString::from(""));
        std::mem::swap(&mut protocol, &mut self.protocol);
        protocol.decode(frame, &mut |signal| match signal {
            Signal::Unreadable(reason, text) => {
                let room = self.chance.percent(80);
                if !room {
                    self.fired(Fault::QuarantineFull);
                }
                self.feed(Input::Unreadable { reason: &reason, bytes: text.len(), room }, message);
            }
            Signal::Delete(delete) => {
                let erased = delete.id.as_ref().and_then(|id| id.strip_prefix('m')?.parse().ok());
                self.feed(Input::Signal(Signal::Delete(delete)), erased);
            }
            Signal::Status(status) if self.sabotage.is_some_and(|one| one.hushes(status.class)) => {}
            signal @ (Signal::Interaction(_) | Signal::Tick(_) | Signal::Status(_)) => {
                self.feed(Input::Signal(signal), message);
            }
        });
        self.protocol = protocol;
        let serves = self.server.connection.as_ref().filter(|one| {
            let named = acknowledges.as_ref().is_some_and(|stream| one.subscribed.contains(stream));
            one.number == connection && !one.silent && !one.dropping && named
        });
        if let (Some(_), Some(name)) = (serves, acknowledges)
            && self.archive.is_wanted(self.id(&name))
            && !self.served.iter().any(|served| served.name == name && served.stretch.until.is_none())
        {
            let stretch = Stretch::new(self.id(&name), self.here(), self.skew);
            self.served.push(Served { connection, stretch, name, life: self.archive.life });
        }
    }

    /// Hands something to the core and does what it says. `message` is the one that it is about.
    pub(in crate::simulate) fn feed(&mut self, input: Input<'_>, message: Option<u64>) {
        let here = self.here();
        let Some(session) = &mut self.session else { return };
        let mut actions = Vec::new();
        session.handle(here, input, &mut actions);
        let reach = session.reach().filter(|reach| self.reach != Some(*reach));
        let mut ended = false;
        for action in actions {
            self.note(format_args!("{action:?}"));
            ended |= self.perform(action, message);
        }
        if let Some(reach) = reach {
            self.reach = Some(reach);
            self.ask_archive(Entry::Reach(reach));
        }
        if ended {
            self.settle();
            self.session = None;
            self.forget_socket();
        }
    }

    fn perform(&mut self, action: Action, message: Option<u64>) -> bool {
        match action {
            Action::Dial => {
                assert!(self.client.is_none(), "a dial while the connection stands");
                self.attempt += 1;
                self.dials.push(self.now);
                let wait = self.chance.millis(5, 400);
                self.plan(wait, Event::Dialed { attempt: self.attempt });
            }
            Action::HangUp => {
                self.attempt += 1;
                self.note_unread();
                if let Some(connection) = self.client.take() {
                    self.close(connection);
                }
            }
            Action::Farewell => {
                let connection = self.client.unwrap();
                if self.chance.percent(70) {
                    let fault = Failure::Closed { code: Some(1000), reason: String::new() };
                    let wait = self.chance.millis(10, 1900);
                    self.plan(wait, Event::Lost { connection, fault });
                }
            }
            Action::Subscribe(stream) => self.ask(stream, true),
            Action::Unsubscribe(stream) => self.ask(stream, false),
            Action::Keep(stream) => self.ask_archive(Entry::Keep(stream, message.unwrap())),
            Action::Erase => self.ask_archive(Entry::Erase(message.unwrap())),
            Action::Quarantine => message.into_iter().for_each(|one| self.ask_archive(Entry::Quarantine(one))),
            Action::Record(record) => self.ask_archive(Entry::Record(record)),
            Action::Say(_) => {}
            Action::End(ending) => {
                assert_eq!(ending, Ending::Stopped);
                return true;
            }
        }
        false
    }

    fn ask_archive(&mut self, entry: Entry) {
        let here = self.here();
        match self.sabotage {
            Some(sabotage) => sabotage.spoil(here, &mut self.archive, entry),
            None => self.archive.ask(entry),
        }
    }

    fn ask(&mut self, stream: String, subscribe: bool) {
        let connection = self.client.expect("a request without a connection");
        // Requests arrive in the order in which they were made.
        if self.sabotage != Some(Sabotage::ForgetsToAsk) || self.streams.last() != Some(&stream) {
            self.plan(Duration::from_millis(50), Event::Asked { connection, stream, subscribe });
        }
    }

    /// A connection is over on our side.
    pub(super) fn close(&mut self, number: u32) {
        let here = self.here();
        for served in &mut self.served {
            if served.connection == number {
                served.stretch.until.get_or_insert(here);
            }
        }
        self.server.connection.take_if(|connection| connection.number == number);
    }
}
