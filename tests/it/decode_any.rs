//! Whatever a frame holds, all of it is said, and the short way says what the long way says.

use proptest::prelude::*;

use crate::decode::{A, datasift, said};
use siftd::limits::{FRAME_OBJECTS_MAX, ID_BYTES_MAX};
use siftd::protocol::Protocol as _;
use siftd::signal::Signal;

#[test]
fn depth_does_not_overflow_the_stack() {
    for (open, close) in [("[", "]"), ("{\"x\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let item = format!(r#"{{"hash":"<a>","data":{{"interaction":{{"id":"x"}},"deep":{deep}}}}}"#);
        assert!(said(&item).starts_with("interaction <a> x "));
        let item = format!(r#"{{"hash":"<a>","data":{{"interaction":{{"id":"x","created_at":{deep}}}}}}}"#);
        assert!(said(&item).starts_with("interaction <a> x "));
        for frame in
            [deep.clone(), format!(r#"{{"status":{deep}}}"#), format!(r#"{{"hashes":{deep}}}"#), open.repeat(100_000)]
        {
            assert!(said(&frame).starts_with("unreadable"), "{}", said(&frame).get(..80).unwrap_or_default());
        }
    }
    let comment =
        format!(r#"{{"hash":"<a>","data":{{"interaction":{{"id":"x","created_at":"{}"}}}}}}"#, "(".repeat(100_000));
    assert!(said(&comment).starts_with("interaction <a> x "));
}

#[test]
fn a_frame_of_a_million_pieces_is_kept_in_one() {
    for (first, piece, last) in [("[", "7,", "7]"), ("", "7 ", "7"), (r#"{"status":"success","hashes":["#, "7,", "7]}")]
    {
        let frame = format!("{first}{}{last}", piece.repeat(1_000_000));
        let mut signals = 0;
        let mut kept = 0;
        datasift().decode(&frame, &mut |signal| {
            signals += 1;
            if let Signal::Unreadable(_, part) = signal {
                kept += part.len();
            }
        });
        assert!(signals <= FRAME_OBJECTS_MAX + 1, "{signals} signals of {}", &frame[..40]);
        let blanks = if first.is_empty() { FRAME_OBJECTS_MAX } else { 0 };
        assert_eq!(kept, frame.len() - blanks, "every byte is kept");
    }
    let names = vec![format!("\"{A}\""); FRAME_OBJECTS_MAX - 1].join(",");
    assert!(said(&format!(r#"{{"status":"success","hashes":[{names}]}}"#)).starts_with("Acknowledged"));
}

/// What a frame says, as owned lines.
fn lines(frame: &str) -> Vec<String> {
    said(frame).lines().map(str::to_owned).collect()
}

/// Values as servers and worse ones write them.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1".to_owned()),
        Just(format!("\"{A}\"")),
        Just("\"Sat, 20 Oct 2012 17:10:20 +0000\"".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        "[a-z \\\\u{0}-\\u{7f}é]{0,12}".prop_map(|text| serde_json::Value::String(text).to_string()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![
            Just("hash"),
            Just("hashes"),
            Just("data"),
            Just("interaction"),
            Just("id"),
            Just("type"),
            Just("deleted"),
            Just("tick"),
            Just("status"),
            Just("message"),
            Just("reconnect"),
            Just("created_at"),
            Just("received_at"),
        ];
        let space = prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n")];
        let pairs = prop::collection::vec((key, inner.clone(), space), 0..5).prop_map(|pairs| {
            let pairs: Vec<_> =
                pairs.iter().map(|(key, value, space)| format!("{space}\"{key}\":{space}{value}")).collect();
            format!("{{{}}}", pairs.join(","))
        });
        let items = prop::collection::vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(",")));
        prop_oneof![4 => pairs, 1 => items]
    })
}

/// Ids as nobody should write them: long, empty, with control characters, in every script, or what looks like a digest.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-f0-9]{0,40}",
        "[\\x00-\\x1f'\";%\\u{80}-\\u{9f}\\u{202e}a]{0,8}",
        "blake3:[0-9a-f]{64}",
        (0_usize..600, "[aé😀\\x00]").prop_map(|(count, piece)| piece.repeat(count)),
    ]
}

/// Under which id a message with this one is kept, and the payload that is kept of it; the same for the order to
/// delete it.
fn kept(data: &str) -> (Option<String>, Option<String>) {
    let frame = format!(r#"{{"hash":"{A}","data":{data}}}"#);
    let mut kept = (None, None);
    datasift().decode(&frame, &mut |signal| match signal {
        Signal::Interaction(item) => kept = (Some(item.id.into_owned()), Some(item.payload.to_owned())),
        Signal::Delete(order) => kept = (order.id.map(String::from), None),
        Signal::Tick(_) | Signal::Status(_) | Signal::Unreadable(..) => panic!("{signal:?}"),
    });
    kept
}

/// A frame in the usual spelling, around any data.
fn usual() -> impl Strategy<Value = String> {
    value().prop_map(|data| format!(r#"{{"hash":"{A}","data":{data}}}"#))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_is_passed_over_and_none_panics(frame in "\\PC*|[\\x00-\\x7f]*|[{}\\[\\]\",:a-z0-9 ]*") {
        let blank = frame.trim_start_matches('\u{feff}').trim().is_empty();
        prop_assert_eq!(said(&frame).is_empty(), blank, "{}", frame);
    }

    #[test]
    fn every_object_says_something(frame in value()) {
        prop_assert!(!said(&frame).is_empty());
    }

    /// The short way for messages is a short cut and nothing else.
    #[test]
    fn the_short_way_and_the_long_way_agree(frame in prop_oneof![usual(), value()]) {
        prop_assert_eq!(lines(&frame), lines(&format!(" {frame}")));
    }

    /// An id is kept as it came or as its digest: short, without control characters, and apart from every other.
    #[test]
    fn an_id_stays_itself(one in id(), other in id()) {
        let data = |id: &str, more: &str| format!(r#"{{{more}"interaction":{{"id":{}}}}}"#, serde_json::Value::from(id));
        let [(first, payload), (second, _)] = [&one, &other].map(|id| kept(&data(id, "")));
        let first = first.unwrap();
        prop_assert_eq!(payload, Some(data(&one, "")));
        prop_assert!(!first.is_empty() && first.len() <= ID_BYTES_MAX && !first.contains(char::is_control), "{}", first);
        prop_assert_eq!(Some(&first) == second.as_ref(), one == other);
        let (ordered, _) = kept(&data(&one, r#""deleted":true,"#));
        prop_assert_eq!(ordered, (!one.is_empty()).then_some(first));
    }

    /// Nothing of a frame is lost, whatever stands beside it.
    #[test]
    fn objects_say_together_what_they_say_alone(
        frames in prop::collection::vec(prop_oneof![usual(), value().prop_filter("object", |v| v.starts_with('{'))], 1..4),
        space in prop_oneof![Just(""), Just("\n"), Just(" ")],
    ) {
        let alone: Vec<_> = frames.iter().flat_map(|frame| lines(frame)).collect();
        prop_assert_eq!(lines(&frames.join(space)), alone.clone());
        prop_assert_eq!(lines(&format!("[{}]", frames.join(","))), alone);
    }

    /// What follows a message and is no part of it is kept.
    #[test]
    fn what_follows_a_message_is_not_lost(rest in "[^ \\s\\u{feff}][ -~]{0,20}") {
        let whole = said(&format!(r#"{{"hash":"{A}","data":{{"interaction":{{"id":"x"}}}}}}{rest}"#));
        prop_assert!(whole.starts_with("interaction <a> x "), "{}", whole);
        prop_assert!(whole.lines().count() > 1, "{}", whole);
    }
}

#[test]
fn requests_are_written_as_the_documentation_writes_them() {
    let protocol = datasift();
    assert_eq!(protocol.subscribe(A), format!(r#"{{"action":"subscribe","hash":"{A}"}}"#));
    assert_eq!(protocol.unsubscribe(A), format!(r#"{{"action":"unsubscribe","hash":"{A}"}}"#));
}

#[test]
fn a_long_kind_is_cut_to_its_bound() {
    let mut protocol = datasift();
    for kind in ["x".repeat(65), "\u{e9}".repeat(65), "\\u0001x".repeat(200)] {
        let frame = format!(r#"{{"hash":"{A}","data":{{"interaction":{{"id":"1","type":"{kind}"}}}}}}"#);
        let mut kinds = Vec::new();
        protocol.decode(&frame, &mut |signal| {
            if let Signal::Interaction(one) = signal {
                kinds.push(one.kind.into_owned());
            }
        });
        assert_eq!(kinds.len(), 1);
        assert!(kinds.iter().all(|kind| !kind.is_empty() && kind.len() <= 64), "{kinds:?}");
    }
}
