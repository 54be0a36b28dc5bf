//! An hour of trouble with 5,000 streams, and ten quiet minutes: nothing leaks, nothing is lost, nothing is made up.
//!
//! Every ten seconds something goes wrong, drawn from a seed: connections end in every way there is, the server warns,
//! lags, stalls, talks nonsense, switches streams off; the list of streams changes. Every ten seconds memory,
//! descriptors, threads, the files and the log are measured. At the end the oracle judges every message, and a line is
//! laid through each measure. docs/soak.md shows the last real run.

mod course;
mod gauge;
mod plot;
mod tail;
mod trend;
mod trouble;

use course::Course;
use std::time::Duration;

/// The length of a run, if the environment says another one.
#[expect(clippy::disallowed_methods, reason = "the environment is how a test is asked for a shorter run")]
fn seconds(usual: u64) -> Duration {
    let asked = std::env::var("SIFTD_SOAK_SECONDS").ok().map(|text| text.parse().unwrap());
    Duration::from_secs(asked.unwrap_or(usual))
}

#[test]
fn a_short_run_in_trouble() {
    let course =
        Course { streams: 500, rate: 200, lasts: Duration::from_secs(40), every: Duration::from_secs(3), seed: 7 };
    course.run("short", Some(course.every));
}

#[test]
#[ignore = "an hour with 5,000 streams, where the suite has 40 seconds with 500: cargo test --release --test proof soak::an_hour_of_trouble -- --ignored --nocapture"]
fn an_hour_of_trouble() {
    let course =
        Course { streams: 5_000, rate: 500, lasts: seconds(3_600), every: Duration::from_secs(10), seed: 20_261_122 };
    course.run("hour", Some(course.every));
}

#[test]
#[ignore = "ten minutes without an accident, for a line through each measure, which less time cannot show: cargo test --release --test proof soak::ten_quiet_minutes -- --ignored --nocapture"]
fn ten_quiet_minutes() {
    let course = Course { streams: 5_000, rate: 500, lasts: seconds(600), every: Duration::from_secs(10), seed: 1 };
    course.run("quiet", None);
}
