//! The clocks of the benchmark: the only file of it that reads one.

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// Microseconds since 1970. All processes of a run share one machine, so their readings may be compared.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

/// A moment to measure spans from.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// Processor time of this process so far.
pub(crate) fn spent() -> Duration {
    let reading = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(reading.tv_sec).unwrap(), u32::try_from(reading.tv_nsec).unwrap())
}

/// Waits; a benchmark has nothing to await where it looks at another process from outside.
#[expect(clippy::disallowed_methods, reason = "a look from outside has no event to wait for")]
pub(crate) fn nap(span: Duration) {
    std::thread::sleep(span);
}

/// Looks every `every` until something is there; panics after `patience`.
pub(crate) fn until<T>(what: &str, every: Duration, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = start();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < patience, "waited {patience:?} in vain for {what}");
        nap(every);
    }
}
