//! Signs of life for the service manager: progress of the loop and of the writer, never a bare timer.

use std::time::Duration;

use crate::archive::Intake;
use crate::decide::Session;
use crate::host::clock::Clock;
use crate::host::systemd::Systemd;
use crate::limits::STOP_MAX;
use crate::notice::Notice;
use crate::time::Time;

/// What the service manager is told, and when.
#[derive(Debug)]
pub struct Pulse {
    systemd: Systemd,
    /// The writer's count when it was last seen to have moved.
    progress: u64,
    /// When the watchdog is due to be fed.
    feed_at: Time,
    status_at: Time,
    status: String,
    /// How far the system's clock was from ours when that was last said, in microseconds.
    drift: i64,
    drift_at: Time,
}

/// How often the status line is renewed, and the clocks compared.
const STATUS_EVERY: Duration = Duration::from_secs(5);
const CLOCK_EVERY: Duration = Duration::from_mins(1);

/// The system's clock may be slewed this far without a word, in microseconds.
const DRIFT_MAX: i64 = 1_000_000;

impl Pulse {
    pub fn new(systemd: Systemd, now: Time) -> Self {
        let drift_at = now.after(CLOCK_EVERY);
        Self { systemd, progress: 0, feed_at: now, status_at: now, status: String::new(), drift: 0, drift_at }
    }

    /// When [`Pulse::beat`] has something to do.
    pub fn deadline(&self) -> Time {
        let feed = if self.systemd.watchdog_every().is_some() { self.feed_at } else { Time::NEVER };
        feed.min(self.status_at).min(self.drift_at)
    }

    /// The loop has turned. Feeds the watchdog if the writer has moved as well.
    pub fn beat(&mut self, now: Time, session: &Session, intake: &Intake) {
        if let Some(every) = self.systemd.watchdog_every()
            && self.feed_at <= now
        {
            self.feed_at = now.after(every / 4);
            let progress = intake.progress();
            if progress != self.progress {
                self.progress = progress;
                self.systemd.watchdog();
            }
        }
        if self.status_at <= now {
            self.status_at = now.after(STATUS_EVERY);
            let (active, wanted, open_gaps) = session.counts();
            let state = session.state();
            let queued = intake.queued_frames();
            let status =
                format!("{state}: {active} of {wanted} streams active, {open_gaps} gaps open, {queued} frames wait");
            if status != self.status {
                self.systemd.status(&status);
                self.status = status;
            }
        }
    }

    /// Says if the system's clock was set since this was last asked.
    pub fn clock_was_set(&mut self, clock: &Clock) -> Option<Notice> {
        let now = clock.now();
        if self.drift_at > now {
            return None;
        }
        self.drift_at = now.after(CLOCK_EVERY);
        let (before, drift) = (self.drift, clock.drift());
        let by = drift.saturating_sub(before);
        if by.saturating_abs() < DRIFT_MAX {
            return None;
        }
        self.drift = drift;
        let span = Duration::from_micros(by.unsigned_abs()).as_secs_f64();
        Some(Notice::ClockStepped { seconds: if by < 0 { -span } else { span } })
    }

    pub fn ready(&self) {
        self.systemd.ready();
    }

    pub fn reloading(&self) {
        self.systemd.reloading();
    }

    pub fn reloaded(&self) {
        self.systemd.ready();
    }

    /// The end has begun, and takes its time on a slow disk.
    pub fn stopping(&self) {
        self.systemd.extend_timeout(STOP_MAX);
        self.systemd.stopping();
    }
}
