//! A test that cannot run here says so.

use std::io::Write as _;

/// Says on the real standard error that a test cannot run here, and what to install; with `SIFTD_SKIP=never` in the
/// environment, as continuous integration sets it, that is a failure. Return from the test afterwards.
#[expect(clippy::disallowed_methods, reason = "the environment is where continuous integration says so")]
pub(crate) fn skip(name: &str, why: &str) {
    assert!(std::env::var("SIFTD_SKIP").as_deref() != Ok("never"), "{name} cannot run here: {why}");
    // Not eprintln!, which the test harness keeps to itself; if nobody listens, nobody is misled.
    drop(writeln!(std::io::stderr(), "SKIPPED {name}: {why}"));
}
