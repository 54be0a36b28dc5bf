//! Every point, one after the other, until a run is no longer killed.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::tracer::Trace;

/// Runs at once: each mostly waits.
const AT_ONCE: usize = 4;

/// A sweep ends when so many runs in a row were not killed: two runs need not have the same number of calls.
const SURVIVED: usize = 3;

/// How many points there were, by call and file.
#[derive(Debug)]
pub(crate) struct Sweep(BTreeMap<String, usize>);

impl Sweep {
    /// Has `run` end at its first point, at the one `stride` later, and so on.
    pub(crate) fn over(stride: usize, run: impl Fn(usize) -> Trace + Sync) -> Self {
        let (next, survived) = (AtomicUsize::new(1), AtomicUsize::new(0));
        let points: Mutex<BTreeMap<String, usize>> = Mutex::default();
        let work = || {
            while survived.load(Ordering::Relaxed) < SURVIVED {
                let trace = run(next.fetch_add(stride, Ordering::Relaxed));
                if !trace.killed {
                    survived.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                survived.store(0, Ordering::Relaxed);
                let mut points = points.lock().unwrap();
                *points.entry(trace.points.last().unwrap().clone()).or_default() += 1;
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(work);
            }
        });
        Self(points.into_inner().unwrap())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.values().sum()
    }

    pub(crate) fn has(&self, call: &str) -> bool {
        self.0.contains_key(call)
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} points", self.count())?;
        self.0.iter().try_for_each(|(call, count)| write!(out, ", {count} {call}"))
    }
}

/// A figure, for whoever runs the tests.
pub(crate) fn tell(figure: &str) {
    writeln!(std::io::stderr(), "{figure}").ok();
}
