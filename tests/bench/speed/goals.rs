//! What is aimed at, and how each figure comes out of the measurements.

use super::sample::Book;

/// One line of the table of aims.
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    /// Whether a smaller figure is the better one.
    pub(crate) at_most: bool,
    pub(crate) must: f64,
    pub(crate) aim: f64,
    /// The figure, round by round; nothing if it was not measured.
    pub(crate) figure: fn(&Book) -> Vec<f64>,
}

const fn least(what: &'static str, [must, aim]: [f64; 2], figure: fn(&Book) -> Vec<f64>) -> Goal {
    Goal { what, unit: "", at_most: false, must, aim, figure }
}

const fn most(what: &'static str, unit: &'static str, [must, aim]: [f64; 2], figure: fn(&Book) -> Vec<f64>) -> Goal {
    Goal { what, unit, at_most: true, must, aim, figure }
}

/// Against SQLite of the same strictness, in the same round.
pub(crate) const GOALS: &[Goal] = &[
    least("committed messages a second ÷ SQLite alone, same schema and pages, FULL", [0.85, 1.05], |book| {
        book.ratio("siftd", "bare-full", "rate")
    }),
    least("the same, NORMAL", [0.85, 1.05], |book| book.ratio("siftd-normal", "bare-normal", "rate")),
    least("committed messages a second ÷ one table without an index, FULL", [0.75, 0.95], |book| {
        book.ratio("siftd", "append-full", "rate")
    }),
    least("the same, NORMAL", [0.75, 0.95], |book| book.ratio("siftd-normal", "append-normal", "rate")),
    most("processor time a message ÷ (null consumer + SQLite alone), FULL", "", [1.5, 1.2], |book| {
        costs(book, "siftd", "bare-full")
    }),
    most("the same, NORMAL", "", [1.5, 1.2], |book| costs(book, "siftd-normal", "bare-normal")),
    least("ids without order ÷ ids in the order of time", [0.8, 0.95], |book| {
        book.ratio("siftd-random", "siftd", "rate")
    }),
    least(
        "rate at 3 million rows ÷ at 0.5 million, as a part of the same of the index-free loop",
        [1.0, 1.0],
        |book| book.ratio("growth-siftd", "growth-append", "late"),
    ),
    most("received → visible, p99, 1,000 a second", "ms", [10.0, 3.0], |book| book.of("latency-1k", "p99")),
    most("the same, 10,000 a second", "ms", [10.0, 3.0], |book| book.of("latency-10k", "p99")),
    most("the same, 30,000 a second", "ms", [10.0, 3.0], |book| book.of("latency-30k", "p99")),
    most("the same, flood", "ms", [50.0, 20.0], |book| book.of("latency-flood", "p99")),
    most("memory at flood, 5,000 streams", "MiB", [64.0, 40.0], |book| book.of("siftd", "memory")),
    least("× the official client with sqlite3, NORMAL as it is", [100.0, 150.0], |book| {
        book.ratio("siftd-normal", "official", "rate")
    }),
    least("the same, the daemon FULL", [100.0, 150.0], |book| book.ratio("siftd", "official", "rate")),
    least("× the fastest of Python, NORMAL as it is", [4.5, 7.0], |book| book.ratio("siftd-normal", "picows", "rate")),
    least("the same, the daemon FULL", [4.5, 7.0], |book| book.ratio("siftd", "picows", "rate")),
    least("× Node, NORMAL as it is", [6.0, 9.0], |book| book.ratio("siftd-normal", "node-ws", "rate")),
    least("the same, the daemon FULL", [6.0, 9.0], |book| book.ratio("siftd", "node-ws", "rate")),
    least("× websocat into a file, which syncs nothing; the daemon NORMAL", [1.0, 1.3], |book| {
        book.ratio("siftd-normal", "websocat", "rate")
    }),
    least("the same, the daemon FULL", [1.0, 1.3], |book| book.ratio("siftd", "websocat", "rate")),
    most("5,000 subscriptions acknowledged, plain", "ms", [50.0, 5.0], |book| book.of("setup-plain", "subscribed")),
    most("the same, TLS", "ms", [50.0, 5.0], |book| book.of("setup-tls", "subscribed")),
    most("server closes → all 5,000 active again, plain", "ms", [100.0, 10.0], |book| {
        book.of("setup-plain", "again")
    }),
    most("the same, TLS", "ms", [100.0, 10.0], |book| book.of("setup-tls", "again")),
    least("a busy reader beside the flood ÷ none", [0.75, 0.95], |book| book.ratio("siftd-reader", "siftd", "rate")),
    most("write-ahead log at flood", "MiB", [128.0, 64.0], |book| book.of("siftd", "log")),
    most("idle with 5,000 streams", "% of a core", [0.5, 0.1], |book| book.of("idle", "percent")),
    most("the slowest of the questions at 5 million rows, warm", "ms", [100.0, 10.0], |book| {
        book.of("questions", "slowest")
    }),
    most("counts for each stream and hour at 5 million rows, warm", "ms", [2000.0, 2000.0], |book| {
        book.of("questions", "hours")
    }),
    most("the slowest of the questions while the flood runs", "ms", [500.0, 50.0], |book| {
        book.of("questions-flood", "slowest")
    }),
    most("start with 5 million rows", "ms", [1000.0, 1000.0], |book| book.of("questions", "start")),
    most("ids without order: the slowest of the questions at 5 million rows, warm", "ms", [100.0, 10.0], |book| {
        book.of("questions-random", "slowest")
    }),
    most("the same while the flood runs", "ms", [500.0, 50.0], |book| book.of("questions-random-flood", "slowest")),
    most("ids without order: start with 5 million rows", "ms", [1000.0, 1000.0], |book| {
        book.of("questions-random", "start")
    }),
];

/// The daemon's cost as a part of what its parts cost alone.
fn costs(book: &Book, siftd: &str, bare: &str) -> Vec<f64> {
    let parts = book.of("null", "cpu").into_iter().zip(book.of(bare, "cpu")).map(|(null, bare)| null + bare);
    book.of(siftd, "cpu").into_iter().zip(parts).map(|(whole, parts)| whole / parts).collect()
}

/// How a figure stands to what is aimed at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Aim,
    Must,
    Missed,
}

impl Goal {
    pub(crate) fn verdict(&self, figure: f64) -> Verdict {
        let holds = |bound: f64| if self.at_most { figure <= bound } else { figure >= bound };
        match (holds(self.aim), holds(self.must)) {
            (true, _) => Verdict::Aim,
            (false, true) => Verdict::Must,
            (false, false) => Verdict::Missed,
        }
    }

    /// The bounds in words.
    pub(crate) fn bounds(&self) -> [String; 2] {
        let sign = if self.at_most { '≤' } else { '≥' };
        [self.must, self.aim].map(|bound| format!("{sign} {bound} {}", self.unit).trim_end().to_owned())
    }
}
