//! The daemon's lives: its starts, its ends, and what it wants.

use std::time::Duration;

use siftd::decide::{Input, Session, Start};
use siftd::record::DaemonState;

use super::{Event, World};
use crate::simulate::faults::Fault;
use crate::simulate::oracle;

impl World {
    /// Stream number `index` comes into the settings; committed when this returns.
    pub(in crate::simulate) fn add(&mut self, index: usize) -> Start {
        self.store(usize::MAX);
        let name = self.streams.get(index).unwrap().clone();
        let (here, now) = (self.here(), self.now);
        if let Some(real) = self.real.as_mut().filter(|_| self.session.is_some()) {
            real.adopt(here, &name);
        }
        self.archive.want(self.id(&name), &name, here, now)
    }

    pub(super) fn start(&mut self) {
        let set = self.wall - self.skew;
        self.skew = self.wall;
        if set != 0 {
            self.fired(if set > 0 { Fault::ClockForward } else { Fault::ClockBack });
        }
        let here = self.here();
        if let Some(real) = &mut self.real {
            real.compare(&self.archive);
        }
        let streams = self.archive.recover(here, self.skew);
        if let Some(real) = &mut self.real {
            real.start(here, &self.archive, &self.streams);
        }
        oracle::check(self, false);
        let (policy, seed) = (self.policy.clone(), self.chance.below(1000));
        self.session = Some(Session::new(policy, streams, self.archive.last, here, seed));
        self.reach = None;
        self.feed(Input::Start, None);
    }

    /// The process dies.
    pub(in crate::simulate) fn crash(&mut self) {
        self.lose_queue();
        self.session = None;
        self.cut_served(None);
        (self.client, self.server.connection) = (None, None);
        self.attempt += 1;
        self.forget_socket();
    }

    /// The process is started again, unless it runs or its archive cannot be opened.
    pub(super) fn restart(&mut self) {
        match &self.session {
            Some(session) if session.state() == DaemonState::Stopping => {
                self.plan(Duration::from_secs(5), Event::Restart);
            }
            Some(_) => {}
            None if self.is_disk_sound() => self.start(),
            None => self.plan(Duration::from_secs(1), Event::Restart),
        }
    }
}
