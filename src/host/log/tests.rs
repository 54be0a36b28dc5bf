//! The log against readers that are hostile, slow or gone.

use std::collections::BTreeSet;
use std::io::{Write, pipe};
use std::sync::mpsc::{SyncSender, sync_channel};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::event::{FIELDS, PREFIX};
use super::line::Form;
use super::reader::{Page, lines};
use super::*;
use crate::coverage::Cause;
use crate::notice::TABLE;
use crate::peer_text::PeerText;
use crate::record::{ConnectionId, DaemonState};

const SOON: Duration = Duration::from_secs(10);
const AT: Time = Time::from_micros(1_795_323_600_123_456);
const TEXT: Form = Form::Text { colours: false };

/// What a log of this form writes for these notices.
fn written(form: Form, level: LogLevel, notices: &[Notice]) -> String {
    let page = Page::default();
    let log = Log::into(lines(form, page.clone()), level).unwrap();
    for notice in notices {
        log.say(AT, notice);
    }
    assert!(log.flush(SOON));
    page.text()
}

fn disconnected(detail: &str) -> Notice {
    Notice::Disconnected { connection: ConnectionId(7), cause: Cause::Network, detail: detail.into(), seconds: 12.1 }
}

#[test]
fn a_line_of_text_begins_with_time_level_and_name_and_ends_with_the_words_of_others() {
    assert_eq!(
        written(TEXT, LogLevel::Info, &[disconnected("reset \"by\" peer")]),
        "2026-11-22T05:00:00.123456Z WARN  disconnected connection=7 cause=network seconds=12.1 \
         detail=\"reset \\\"by\\\" peer\" | connection 7 ended after 12.1 s (network): reset \"by\" peer\n"
    );
}

#[test]
fn colours_are_only_in_the_level() {
    let line = written(Form::Text { colours: true }, LogLevel::Info, &[disconnected("x")]);
    assert!(line.contains(" \u{1b}[33mWARN \u{1b}[0m disconnected connection=7"), "{line:?}");
    assert_eq!(line.matches('\u{1b}').count(), 2);
}

#[test]
fn a_line_of_json_has_the_names_that_programs_rely_on() {
    let reloaded = Notice::Reloaded { added: vec!["a".into(), "b".into()], removed: vec![], changed: vec![] };
    let text = written(Form::Json, LogLevel::Info, &[disconnected("x"), reloaded]);
    let parsed: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        parsed,
        [
            json!({"at": "2026-11-22T05:00:00.123456Z", "level": "warn", "notice": "disconnected",
                "message": "connection 7 ended after 12.1 s (network): x",
                "connection": 7, "cause": "network", "seconds": 12.1, "detail": "x"}),
            json!({"at": "2026-11-22T05:00:00.123456Z", "level": "info", "notice": "reloaded",
                "message": "reloaded: 2 streams added, 0 removed, 0 settings changed",
                "added": ["a", "b"], "removed": [], "changed": []}),
        ]
    );
}

#[test]
fn the_log_knows_the_fields_of_every_notice_and_no_other() {
    let known: BTreeSet<_> = FIELDS.iter().map(|field| field.trim_start_matches(PREFIX)).collect();
    let table: BTreeSet<_> = TABLE.iter().flat_map(|entry| entry.fields).copied().collect();
    assert_eq!(known, table, "put the missing fields into src/host/log/event.rs, or take them out there");
    for taken in ["at", "level", "notice", "message", "message_id"] {
        assert!(!table.contains(taken), "a field `{taken}` would hide what every line has");
    }
}

#[test]
fn the_level_can_be_changed_while_it_runs() {
    let page = Page::default();
    let log = Log::into(lines(TEXT, page.clone()), LogLevel::Error).unwrap();
    log.say(AT, &disconnected("before"));
    log.set_level(LogLevel::Warn);
    log.say(AT, &disconnected("after"));
    assert!(log.flush(SOON));
    assert_eq!(page.text().lines().count(), 1);
    assert!(page.text().contains("after"));
}

#[test]
fn no_library_can_speak_not_even_under_our_name() {
    let page = Page::default();
    let log = Log::into(lines(TEXT, page.clone()), LogLevel::Debug).unwrap();
    tracing::error!(target: "rustls", "the key");
    tracing::error!(target: "siftd", "the key");
    log.say(AT, &Notice::DrainLeft { seconds: 1.0 });
    assert!(log.flush(SOON));
    assert!(!page.text().contains("the key"));
    assert_eq!(page.text().lines().count(), 1);
}

#[test]
fn a_list_and_a_sentence_are_bounded() {
    let added = (0..5_000).map(|n| format!("{n:032x}")).collect();
    let reloaded = Notice::Reloaded { added, removed: vec![], changed: vec![] };
    let refused = Notice::ReloadRefused { faults: "é".repeat(1 << 20) };
    let text = written(Form::Json, LogLevel::Info, &[reloaded, refused]);
    assert!(text.contains("and 4980 more"));
    assert!(text.lines().all(|line| line.len() < 8_192));
}

/// A reader that takes a line into its hands and stands still until its gate is gone.
struct Still {
    took: SyncSender<()>,
    gate: Receiver<()>,
    page: Page,
}

impl Write for Still {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.took.try_send(()).ok();
        self.gate.recv().ok();
        self.page.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_stands_still_costs_lines_and_no_time_and_the_loss_is_told() {
    let ((took, taken), (open, gate), page) = (sync_channel(1), sync_channel::<()>(1), Page::default());
    let log = Log::into(lines(TEXT, Still { took, gate, page: page.clone() }), LogLevel::Info).unwrap();
    log.say(AT, &disconnected("in the reader's hands"));
    taken.recv_timeout(SOON).unwrap();
    for _ in 0..LOG_QUEUE_MAX {
        log.say(AT, &disconnected("in the queue"));
    }
    assert_eq!(log.lost(), 0);
    for lost in 1..=2 {
        log.say(AT, &disconnected("lost"));
        assert_eq!(log.lost(), lost);
    }
    assert!(!log.flush(Duration::ZERO), "the reader stands still");

    drop(open);
    assert!(log.flush(SOON));
    log.say(AT, &disconnected("the end"));
    assert!(log.flush(SOON));
    assert_eq!(log.lost(), 0);
    let (text, kept) = (page.text(), LOG_QUEUE_MAX + 1);
    let told = text.lines().nth(kept).unwrap();
    assert!(told.contains("WARN  log-lost count=2 | 2 log lines were lost"), "{told}");
    assert!(text.lines().nth(kept + 1).unwrap().contains("the end"));
    assert_eq!(text.lines().count(), kept + 2);
}

#[test]
fn a_reader_that_is_gone_ends_nothing() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let log = Log::into(lines(TEXT, writer), LogLevel::Info).unwrap();
    for _ in 0..10 {
        log.say(AT, &disconnected("x"));
        assert!(log.flush(SOON));
    }
}

/// Any text, with a liking for what forges lines, moves cursors, or ends quotes.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![".*", "[\\x00-\\x9f\u{2028}\u{202e}\"\\\\| =]*", Just("\n2026 ERROR stopped |\u{1b}]52;c;\u{7}".into())]
}

fn any_notice() -> impl Strategy<Value = Notice> {
    (hostile(), hostile(), any::<f64>(), prop::collection::vec(hostile(), 0..30)).prop_map(|(a, b, seconds, many)| {
        match many.len() % 5 {
            0 => Notice::StreamRejected { stream: a, text: PeerText::of(&b) },
            1 => Notice::Disconnected { connection: ConnectionId(-1), cause: Cause::Silence, detail: a, seconds },
            2 => Notice::Reloaded { added: many, removed: vec![a], changed: vec![b] },
            3 => Notice::ReloadRefused { faults: a },
            _ => Notice::State {
                state: DaemonState::Live,
                active: 1,
                wanted: 2,
                out: 3,
                open_gaps: 4,
                queue_bytes: 5,
                connection: None,
                watermark_us: None,
                settings: json!({ a: many, "b": { b: seconds } }),
            },
        }
    })
}

proptest! {
    #[test]
    fn whatever_a_notice_holds_it_is_one_harmless_line(notice in any_notice()) {
        let name = notice.entry().name;
        let text = written(TEXT, LogLevel::Debug, std::slice::from_ref(&notice));
        let json = written(Form::Json, LogLevel::Debug, &[notice]);
        for line in [&text, &json] {
            let body = line.strip_suffix('\n').unwrap();
            prop_assert!(!body.chars().any(|c| c.is_control() || "\u{2028}\u{2029}\u{202e}".contains(c)), "{body:?}");
            prop_assert!(body.len() < 256 * 1024);
        }
        prop_assert_eq!(text.split_whitespace().nth(2), Some(name));
        let parsed: Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(parsed.get("notice").and_then(Value::as_str), Some(name));
    }
}
