//! The clocks of the benchmark: the only file of it that reads one.

#[path = "../wait.rs"]
mod wait;

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

pub(crate) use self::wait::{nap, start, until};

/// Microseconds since 1970. All processes of a run share one machine, so their readings may be compared.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

/// Processor time of this process so far.
pub(crate) fn spent() -> Duration {
    let reading = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(reading.tv_sec).unwrap(), u32::try_from(reading.tv_nsec).unwrap())
}
