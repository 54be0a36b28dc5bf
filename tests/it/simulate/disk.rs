//! A disk that fails, stalls, or comes late; and a connection that is left unread while too much waits for it.

use std::time::Duration;

use siftd::decide::{Input, StorageFault};
use siftd::time::Time;

use super::faults::Fault;
use super::world::World;

/// The disk's condition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Disk {
    Sound,
    /// Commits fail until then. `told` is whether the session knows.
    Failing {
        until: Time,
        told: bool,
    },
    /// A commit does not return until then.
    Stalled {
        until: Time,
    },
}

impl World {
    pub(super) fn disk_fails(&mut self) {
        let until = self.now.after(self.chance.millis(500, 100_000));
        self.disk = Disk::Failing { until, told: false };
    }

    pub(super) fn disk_stalls(&mut self) {
        self.fired(Fault::DiskStalls);
        self.disk = Disk::Stalled { until: self.now.after(self.chance.millis(500, 60_000)) };
    }

    pub(super) fn is_disk_sound(&self) -> bool {
        self.disk == Disk::Sound
    }

    /// The writer tries to commit some of what waits.
    pub(super) fn commit(&mut self) {
        if self.asleep.is_some() {
            return;
        }
        let now = self.now;
        match self.disk {
            Disk::Sound => {
                let some = if self.chance.percent(30) { self.chance.below(6) } else { u64::MAX };
                self.store(usize::try_from(some).unwrap_or(usize::MAX));
            }
            Disk::Failing { until, told } if until > now => {
                self.disk = Disk::Failing { until, told: true };
                if !told && self.session.is_some() {
                    self.fired(Fault::DiskFails);
                    let full = self.chance.percent(50);
                    self.feed(Input::Storage(Some(StorageFault { full, detail: "no".to_owned() })), None);
                }
            }
            Disk::Stalled { until } if until > now => {}
            Disk::Failing { .. } | Disk::Stalled { .. } => {
                let told = matches!(self.disk, Disk::Failing { told: true, .. });
                self.disk = Disk::Sound;
                self.store(usize::MAX);
                if told && self.session.is_some() {
                    self.feed(Input::Storage(None), None);
                }
            }
        }
        self.relieve();
    }

    /// Some of what waits is on the disk.
    pub(super) fn store(&mut self, parcels: usize) {
        let here = self.here();
        self.archive.seal(here);
        let stored = self.archive.commit(parcels);
        if let Some(real) = &mut self.real {
            real.write(here, &stored);
        }
        if self.session.is_some() {
            self.feed(Input::Queue(self.archive.weight), None);
        }
    }

    /// Whether the connection is left unread now, for want of room.
    pub(super) fn gauge(&mut self) {
        if self.session.is_some() && self.unread.is_none() && self.archive.weight > self.policy.queue_max {
            self.unread = Some(self.now);
            self.fired(Fault::Unread);
            self.feed(Input::Queue(self.archive.weight), None);
            self.feed(Input::Unread(true), None);
        }
    }

    /// Reads again what has come meanwhile, if there is room.
    fn relieve(&mut self) {
        let Some(since) = self.unread else { return };
        if self.archive.weight > self.policy.queue_max / 2 {
            // The server's end fills up: it finds us slow.
            if self.now.since(since) > Duration::from_secs(5) && self.chance.percent(20) {
                self.warn();
            }
            return;
        }
        self.read_again();
        while let Some(event) = self.socket.pop_front() {
            self.happen(event);
            let here = self.here();
            self.archive.seal(here);
            self.gauge();
            if self.unread.is_some() {
                return;
            }
        }
    }

    fn read_again(&mut self) {
        self.note_unread();
        if self.unread.take().is_some() {
            self.feed(Input::Unread(false), None);
        }
    }

    /// What has come and is not read waits as well.
    pub(super) fn note_unread(&mut self) {
        if let Some(since) = self.unread {
            self.longest = self.longest.max(self.now.since(since));
        }
    }

    /// The process ends, in order or not: what waits for a disk that does not take it is lost.
    pub(super) fn settle(&mut self) {
        if self.is_disk_sound() {
            self.store(usize::MAX);
        } else {
            self.lose_queue();
        }
        self.forget_socket();
    }

    pub(super) fn lose_queue(&mut self) {
        let here = self.here();
        self.archive.seal(here);
        if let Some(oldest) = self.archive.crash() {
            self.longest = self.longest.max(here.since(oldest));
            self.fired(Fault::CrashWithLoss);
        }
    }

    /// The process is gone, and what it had not read.
    pub(super) fn forget_socket(&mut self) {
        self.note_unread();
        self.unread = None;
        self.socket.clear();
    }
}
