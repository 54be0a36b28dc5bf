//! From a message's arrival until another connection sees its row, at a steady pace and at flood; and what a quiet
//! daemon costs.

use std::time::Duration;

use super::clock;
use super::process::Process;
use super::sample::{Measures, float};
use super::stage::{Running, Stage, Trim, role};
use super::watcher::Latency;

/// Seconds of messages at a steady pace.
const SECONDS: usize = 10;

/// So many messages a second; at flood (0) so many in all.
pub(crate) fn paced(rate: usize, flood: usize, quick: bool) -> Measures {
    let seconds = if quick { 2 } else { SECONDS };
    let messages = if rate == 0 { flood } else { rate * seconds };
    let stage = Stage::new();
    let mut running = Running::start(&stage, &Trim::default());
    let mut watch = role(&["watch", "--messages", &messages.to_string(), "--archive"]);
    let mut watch = Process::start(watch.arg(&running.archive));
    watch.hear("watching");
    let (spent, written) = (running.daemon.spent(), running.daemon.written());
    running.send(messages, rate);
    let seen: Latency = watch.answer();
    running.committed(messages);
    let spent = running.daemon.spent().checked_sub(spent).unwrap_or_default();
    let written = running.daemon.written() - written;
    running.stop();
    vec![
        ("p50", seen.p50),
        ("p99", seen.p99),
        ("most", seen.most),
        ("cpu", spent.as_secs_f64() * 1e6 / float(messages)),
        ("written", written / float(messages)),
    ]
}

/// All streams active and nothing comes but a tick now and then: percent of one core, and KiB written a second.
pub(crate) fn idle(quick: bool) -> Measures {
    let stage = Stage::new();
    let running = Running::start(&stage, &Trim::default());
    // What the subscriptions still cost is not idleness.
    clock::nap(Duration::from_secs(2));
    let (begun, spent, written) = (clock::start(), running.daemon.spent(), running.daemon.written());
    clock::nap(Duration::from_secs(if quick { 3 } else { 45 }));
    let spent = running.daemon.spent().checked_sub(spent).unwrap_or_default();
    let (seconds, written) = (begun.elapsed().as_secs_f64(), running.daemon.written() - written);
    let memory = running.daemon.memory();
    running.stop();
    vec![("percent", spent.as_secs_f64() * 100.0 / seconds), ("written", written / seconds), ("memory", memory)]
}
