//! Any words in any notice: one line of text and one of JSON, which say the same and can be taken apart again.

use arbitrary::{Result, Unstructured};
use serde::de::IgnoredAny;
use serde_json::Value;
use siftd::command::columns::write_json;
use siftd::command::output::cell;
use siftd::coverage::Cause;
use siftd::host::log::{as_json, as_text};
use siftd::notice::Notice;
use siftd::peer_text::{PeerText, is_harmful};
use siftd::record::{ConnectionId, DaemonState};
use siftd::time::Time;

pub(crate) fn holds(input: &[u8]) {
    let mut dice = Unstructured::new(input);
    let Ok(notice) = any(&mut dice) else { return };
    let at = Time::from_micros(1_795_323_600_123_456);
    let json = one_line(&as_json(at, &notice));
    let text = one_line(&as_text(at, &notice));
    let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(&json) else { panic!("no object: {json}") };
    let mut head =
        |name: &str| fields.remove(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let (time, level, name, sentence) = (head("at"), head("level"), head("notice"), head("message"));
    assert_eq!((name.as_str(), level.as_str()), (notice.entry().name, notice.entry().level.word()));
    let rest = text.strip_prefix(&format!("{time} {:<5} {name}", level.to_ascii_uppercase()));
    let (cells, rest) = cells(rest.unwrap_or_else(|| panic!("no head: {text}")));
    assert_eq!(rest, format!(" | {sentence}"), "the sentence stands behind the fields");
    assert_eq!(cells.len(), fields.len(), "both forms have the same fields");
    for (name, value) in cells {
        // A text without anything to escape stands there without quotes; the reader knows the field.
        let same = fields.get(name).is_some_and(|field| {
            field == value || serde_json::from_str::<Value>(value).is_ok_and(|value| value == *field)
        });
        assert!(same, "{name}={value} is another in {json}");
    }
    for word in notice.detail().values().filter_map(Value::as_str) {
        assert_printed(word);
    }
}

/// A notice of words that a server, a file or a system may have chosen.
fn any(dice: &mut Unstructured<'_>) -> Result<Notice> {
    let stream = dice.arbitrary::<&str>()?.to_owned();
    let number = dice.arbitrary::<f64>()?;
    let choice = dice.int_in_range(0..=8)?;
    let words = str::from_utf8(dice.bytes(dice.len())?).unwrap_or_default().to_owned();
    let text = PeerText::of(&words);
    let many: Vec<String> = words.split(' ').map(str::to_owned).collect();
    Ok(match choice {
        0 => Notice::StreamRejected { stream, text },
        1 => {
            Notice::Disconnected { connection: ConnectionId(-1), cause: Cause::Silence, detail: words, seconds: number }
        }
        2 => Notice::Reloaded { added: many, removed: vec![stream], changed: Vec::new() },
        3 => Notice::ReloadRefused { faults: words },
        4 => Notice::RequestRefused { text, sent: stream },
        5 => Notice::FrameQuarantined { reason: words, bytes: 1 },
        6 => Notice::StorageTrouble { detail: words },
        7 => Notice::UnknownStatus { status: stream, text },
        _ => Notice::State {
            state: DaemonState::Live,
            active: 1,
            wanted: 2,
            out: 3,
            open_gaps: 4,
            queue_bytes: 5,
            connection: None,
            watermark_us: None,
            settings: serde_json::json!({ stream: many, "b": { words: number } }),
        },
    })
}

/// The line without its end.
fn one_line(written: &str) -> String {
    let line = written.strip_suffix('\n').unwrap_or_else(|| panic!("no end: {written:?}"));
    assert!(!line.chars().any(is_harmful), "not one harmless line: {line:?}");
    assert!(line.len() < 256 * 1024, "{} bytes", line.len());
    line.to_owned()
}

/// Takes ` name=value` off as often as it comes, as a program that knows the form would.
fn cells(mut rest: &str) -> (Vec<(&str, &str)>, &str) {
    let mut cells = Vec::new();
    while !rest.starts_with(" | ") {
        let cell = rest.strip_prefix(' ').and_then(|cell| cell.split_once('='));
        let (name, value) = cell.unwrap_or_else(|| panic!("no cell: {rest}"));
        let length = if value.starts_with(['"', '[', '{']) { json_length(value) } else { value.find(' ') };
        let (value, after) = value.split_at(length.unwrap_or_else(|| panic!("no end: {value}")));
        cells.push((name, value));
        rest = after;
    }
    (cells, rest)
}

/// How long the JSON is that a text begins with.
fn json_length(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}

/// What the commands print of it is as harmless, and JSON loses nothing.
fn assert_printed(word: &str) {
    assert!(!cell(word).chars().any(is_harmful));
    let mut out = Vec::new();
    write_json(&mut out, &word).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(!text.chars().any(is_harmful));
    assert_eq!(serde_json::from_str::<String>(&text).unwrap(), word);
}
