//! Measuring a span and waiting: what both benchmarks do while they look at other processes from outside.

use std::time::{Duration, Instant};

/// A moment to measure spans from.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
pub(crate) fn start() -> Instant {
    Instant::now()
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
