//! The only file that reads a clock.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::time::{Time, micros_of};

/// The longest single wait of [`Clock::sleep_until`].
const NAP_MAX: Duration = Duration::from_secs(1);

/// UTC as it was when the process started, carried on by a clock that never steps.
///
/// The carrying clock is `CLOCK_BOOTTIME` (see `clock_gettime(2)`): it goes on while the machine is suspended, and nobody
/// can set it. So two readings may be subtracted, and a machine that slept for an hour shows an hour. If the
/// system's clock is set, this one keeps its own time until the process is started again; [`Clock::drift`] tells.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// UTC less the carrying clock, in microseconds.
    ahead: i64,
}

impl Clock {
    /// A clock that agrees with the system's at this moment.
    pub fn start() -> Self {
        Self { ahead: system().saturating_sub(steady()) }
    }

    /// The present moment.
    pub fn now(&self) -> Time {
        Time::from_micros(steady().saturating_add(self.ahead))
    }

    /// The system's clock less ours, in microseconds: how far it was set, or slewed, since we started.
    pub fn drift(&self) -> i64 {
        system().saturating_sub(self.now().micros())
    }

    /// Waits until `deadline`, but no longer than a second: look at [`Clock::now`] again afterwards.
    ///
    /// A timer of the runtime stands still while the machine is suspended, so one long wait would end late by as
    /// much. Short ones make up for it within a second of waking.
    pub async fn sleep_until(&self, deadline: Time) {
        tokio::time::sleep(nap(self.now(), deadline)).await;
    }
}

/// How long to sleep now.
fn nap(now: Time, deadline: Time) -> Duration {
    deadline.since(now).min(NAP_MAX)
}

/// Microseconds on the clock that goes on in suspend and cannot be set.
fn steady() -> i64 {
    let reading = clock_gettime(ClockId::Boottime);
    reading.tv_sec.saturating_mul(1_000_000).saturating_add(reading.tv_nsec / 1_000)
}

/// Microseconds since 1970 on the system's clock.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
fn system() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => micros_of(since),
        Err(before) => micros_of(before.duration()).saturating_neg(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_in_agreement_with_the_system_and_goes_forward() {
        let clock = Clock::start();
        assert!(clock.drift().abs() < 1_000_000, "{}", clock.drift());
        let first = clock.now();
        assert!(first > Time::from_seconds(1_700_000_000));
        assert!(clock.now() >= first);
    }

    const INSIDE: &str = "SIFTD_TEST_BOOT_OFFSET";

    /// This test, in a process of its own for which the machine was suspended for ten days (`time_namespaces(7)`): there
    /// the clock that stands still in suspend and the one that does not differ by as much.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the process inside the namespace is told so by its environment")]
    fn it_goes_on_while_the_machine_is_suspended() {
        let uptime = || {
            let text = std::fs::read_to_string("/proc/uptime").unwrap();
            text.split_whitespace().next().unwrap().parse::<f64>().unwrap()
        };
        if std::env::var(INSIDE).is_ok() {
            let read = Duration::from_micros(steady().unsigned_abs()).as_secs_f64();
            assert!((read - uptime()).abs() < 60.0, "{read} s, and up for {} s", uptime());
            return;
        }
        let outside = uptime();
        let this = std::env::current_exe().unwrap();
        let inside = std::process::Command::new("unshare")
            .args(["--time", "--boottime", "864000", "--fork"])
            .arg(this)
            .args(["--exact", "host::clock::tests::it_goes_on_while_the_machine_is_suspended", "--nocapture"])
            .env(INSIDE, "1")
            .output();
        match inside {
            Ok(output) if !String::from_utf8_lossy(&output.stderr).starts_with("unshare: ") => {
                assert!(
                    output.status.success(),
                    "up for {outside} s outside\n{}",
                    String::from_utf8_lossy(&output.stdout)
                );
            }
            cannot => {
                assert!(std::env::var("SIFTD_SKIP").as_deref() != Ok("never"), "cannot run here: {cannot:?}");
                // Not eprintln!, which the test harness keeps to itself.
                let why = "SKIPPED host::clock: needs root and unshare of util-linux\n";
                drop(std::io::Write::write_all(&mut std::io::stderr(), why.as_bytes()));
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_shows_as_drift() {
        let true_clock = Clock::start();
        let set_back_an_hour = Clock { ahead: true_clock.ahead + 3_600_000_000 };
        assert!((set_back_an_hour.drift() + 3_600_000_000).abs() < 1_000_000);
    }

    #[tokio::test]
    async fn a_short_wait_ends_at_its_deadline() {
        let clock = Clock::start();
        let deadline = clock.now().after(Duration::from_millis(20));
        clock.sleep_until(deadline).await;
        assert!(clock.now() >= deadline);
    }

    #[test]
    fn a_long_wait_is_cut_short_and_a_missed_deadline_is_no_wait() {
        let now = Time::from_seconds(10);
        assert_eq!(nap(now, Time::NEVER), NAP_MAX);
        assert_eq!(nap(now, Time::from_seconds(9)), Duration::ZERO);
    }
}
