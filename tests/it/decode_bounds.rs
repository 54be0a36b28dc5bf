//! Where a frame stops being what it seems: the bounds of what is read, and each value on either side of them.

use siftd::protocol::{DataSift, Protocol as _};
use siftd::signal::{Class, Signal};

use crate::decode::{A, datasift, said};
use siftd::limits::{FRAME_OBJECTS_MAX, ID_BYTES_MAX, KIND_BYTES_MAX};

/// What stands in a message's own part, read out of it: its id and kind, and when it was created.
fn item(inner: &str) -> (String, String, Option<String>) {
    let mut items = Vec::new();
    datasift().decode(&format!(r#"{{"hash":"{A}","data":{{"interaction":{inner}}}}}"#), &mut |signal| match signal {
        Signal::Interaction(item) => {
            items.push((item.id.into_owned(), item.kind.into_owned(), item.created.map(|at| at.to_string())));
        }
        Signal::Delete(_) | Signal::Tick(_) | Signal::Status(_) | Signal::Unreadable(..) => panic!("{signal:?}"),
    });
    assert_eq!(items.len(), 1, "{inner}");
    items.pop().unwrap()
}

#[test]
fn the_name_of_a_stream_is_what_its_text_says_and_not_how_it_is_spelt() {
    let frame = |name: &str| format!(r#"{{"hash":"{name}","data":{{"interaction":{{"id":"x"}}}}}}"#);
    for (spelt, name) in [
        // Each of 32 characters, as a hash has.
        (format!("\\u0061{}", "b".repeat(26)), format!("a{}", "b".repeat(26))),
        ("\\/".repeat(16), "/".repeat(16)),
        ("\\\\".repeat(16), "\\\\".repeat(16)),
        ("AbcDefgh".repeat(4), "abcdefgh".repeat(4)),
    ] {
        assert_eq!(spelt.len(), 32);
        let due = format!("interaction {name} x ");
        assert!(said(&frame(&spelt)).starts_with(&due), "{spelt}: {}", said(&frame(&spelt)));
    }
}

#[test]
fn a_list_is_not_taken_for_the_fields_of_a_message() {
    for data in [r#"[{"id":"x"}]"#, r#"[{"id":"x"},true]"#, "[]", "17", r#""x""#] {
        let frame = format!(r#"{{"hash":"<a>","data":{data}}}"#);
        assert_eq!(said(&frame), format!("unreadable (data: not an object) {frame}\n"));
    }
}

#[test]
fn a_frame_holds_so_many_objects_and_a_status_so_many_names() {
    let kept = |frame: &str| {
        let (mut read, mut left) = (0, Vec::new());
        datasift().decode(frame, &mut |signal| match signal {
            Signal::Unreadable(reason, part) => left.push((reason, part.len())),
            Signal::Status(status) => read += status.streams.len(),
            Signal::Tick(_) | Signal::Interaction(_) | Signal::Delete(_) => read += 1,
        });
        (read, left)
    };
    let (tick, name) = (r#"{"tick":1311694603}"#, format!("\"{A}\""));
    let array = |count| format!("[{}]", vec![tick; count].join(","));
    let row = |count| vec![tick; count].join("\n");
    let names = |count| format!(r#"{{"status":"success","hashes":[{}]}}"#, vec![name.as_str(); count].join(","));
    for frame in [array(FRAME_OBJECTS_MAX), row(FRAME_OBJECTS_MAX), names(FRAME_OBJECTS_MAX)] {
        assert_eq!(kept(&frame), (FRAME_OBJECTS_MAX, Vec::new()));
    }
    let reason = format!("more than {FRAME_OBJECTS_MAX} objects or names in one frame");
    for frame in [array(FRAME_OBJECTS_MAX + 1), names(FRAME_OBJECTS_MAX + 1)] {
        assert_eq!(kept(&frame), (0, vec![(reason.clone(), frame.len())]));
    }
    // Of objects in a row, those within the bound are heard, and only the rest is kept.
    assert_eq!(kept(&row(FRAME_OBJECTS_MAX + 1)), (FRAME_OBJECTS_MAX, vec![(reason, tick.len())]));
}

#[test]
fn an_id_is_kept_as_it_is_up_to_its_bound() {
    let id = |id: &str| item(&format!(r#"{{"id":"{id}"}}"#)).0;
    let most = "x".repeat(ID_BYTES_MAX);
    assert_eq!(id(&most), most);
    assert!(id(&format!("{most}x")).starts_with("blake3:"));
    assert!(id("\\u009f").starts_with("blake3:"), "a control character");
}

#[test]
fn a_kind_is_kept_as_it_is_up_to_its_bound() {
    let kind = |kind: &str| item(&format!(r#"{{"id":"1","type":"{kind}"}}"#)).1;
    let most = "x".repeat(KIND_BYTES_MAX);
    assert_eq!((kind("twitter"), kind(&most)), ("twitter".to_owned(), most.clone()));
    // Beyond it, and with control characters in it, so many characters are kept as fit whatever their script.
    assert_eq!(kind(&format!("{most}x")), "x".repeat(KIND_BYTES_MAX / 4));
    assert_eq!(kind("\\u0001twi\\u0000tter\\n"), "twitter");
    assert_eq!(kind(&"😀".repeat(17)), "😀".repeat(16));
}

#[test]
fn a_date_is_of_our_age_and_a_number_outside_it_is_none() {
    for (value, created) in [
        ("1000000000", None),
        ("1000000001", Some("2001-09-09T01:46:41.000000Z")),
        ("9999999999", Some("2286-11-20T17:46:39.000000Z")),
        ("10000000000", None),
        ("\"1000000000\"", None),
        ("\"1000000001\"", Some("2001-09-09T01:46:41.000000Z")),
        ("1000000000.9", None),
        ("1000000001.25", Some("2001-09-09T01:46:41.250000Z")),
        ("9999999999.5", Some("2286-11-20T17:46:39.500000Z")),
        ("10000000000.0", None),
        ("1e300", None),
        ("-1350753020.5", None),
        ("\"nan\"", None),
        ("\"\"", None),
        ("true", None),
        ("[1350753020]", None),
    ] {
        assert_eq!(item(&format!(r#"{{"id":"x","created_at":{value}}}"#)).2.as_deref(), created, "{value}");
    }
}

#[test]
fn a_text_too_long_for_a_date_is_none() {
    let date = |length: usize| {
        let date = "Sat, 20 Oct 2012 17:10:20 +0000 ";
        let comment = "x".repeat(length - date.len() - 2);
        item(&format!(r#"{{"id":"x","created_at":"{date}({comment})"}}"#)).2
    };
    assert_eq!((date(64).as_deref(), date(65)), (Some("2012-10-20T17:10:20.000000Z"), None));
}

#[test]
fn the_date_of_a_message_is_its_own_and_not_its_neighbours() {
    let mut protocol = datasift();
    let mut created = |date: &str| {
        let mut created = None;
        let frame = format!(r#"{{"hash":"{A}","data":{{"interaction":{{"id":"x","created_at":"{date}"}}}}}}"#);
        protocol.decode(&frame, &mut |signal| {
            if let Signal::Interaction(item) = signal {
                created = item.created.map(|at| at.to_string());
            }
        });
        created
    };
    let (one, other) = ("Sat, 20 Oct 2012 17:10:20 +0000", "Sat, 20 Oct 2012 17:10:21 +0000");
    for (date, due) in [(one, Some("20")), (one, Some("20")), (other, Some("21")), ("no date", None), (one, Some("20"))]
    {
        assert_eq!(created(date), due.map(|second| format!("2012-10-20T17:10:{second}.000000Z")), "{date}");
    }
}

#[test]
fn a_message_is_deleted_by_a_plain_yes() {
    for (value, order) in [
        ("true", true),
        ("1", true),
        (r#""1""#, true),
        (r#""true""#, true),
        (r#""TRUE""#, true),
        ("false", false),
        ("0", false),
        ("2", false),
        ("-1", false),
        ("1.0", false),
        (r#""""#, false),
        (r#""0""#, false),
        (r#""false""#, false),
        (r#""no""#, false),
        ("null", false),
        ("[true]", false),
        (r#"{"true":1}"#, false),
    ] {
        let frame = format!(r#"{{"hash":"<a>","data":{{"deleted":{value},"interaction":{{"id":"x"}}}}}}"#);
        assert_eq!(said(&frame).starts_with("delete"), order, "{value}: {}", said(&frame));
    }
}

#[test]
fn the_part_of_a_message_that_is_no_object_costs_no_message() {
    for part in
        ["null", "true", "17", "-17", "1.5", "18446744073709551615", r#""x""#, r#""\u0078""#, "[]", r#"["x",1]"#]
    {
        let (id, kind, created) = item(part);
        assert!(id.starts_with("blake3:") && kind.is_empty() && created.is_none(), "{part}: {id} {kind}");
    }
}

#[test]
fn a_success_is_an_acknowledgement_only_by_its_words_or_by_a_name_alone() {
    let class = |text: &str, hash: &str| {
        let frame = format!(r#"{{"status":"success","message":"{text}","hash":"{hash}"}}"#);
        let mut class = None;
        datasift().decode(&frame, &mut |signal| {
            if let Signal::Status(status) = signal {
                class = Some(status.class);
            }
        });
        class.unwrap()
    };
    for (text, named, nameless) in [
        ("", Class::Acknowledged, Class::UnknownSuccess),
        ("All is well", Class::Acknowledged, Class::UnknownSuccess),
        ("Successfully subscribed", Class::Acknowledged, Class::Acknowledged),
        ("Waiting for data", Class::Alive, Class::Alive),
        ("Successfully unsubscribed", Class::NotSubscribed, Class::NotSubscribed),
        // The end of a subscription, in words of no table.
        ("You have UNSUBSCRIBED", Class::UnknownSuccess, Class::UnknownSuccess),
        // A failure that calls itself a success is neither.
        ("You have too many subscriptions", Class::UnknownSuccess, Class::UnknownSuccess),
    ] {
        assert_eq!((class(text, A), class(text, "")), (named, nameless), "{text}");
    }
}

#[test]
fn an_answer_to_the_dial_is_known_by_the_same_words() {
    let class = |body: &str| datasift().class_of(body);
    assert_eq!(class("<h1>Invalid  API\nkey</h1>"), Some(Class::IdentityRefused));
    assert_eq!(class("the hash doesn\u{2019}t exist"), Some(Class::StreamRejected), "a curved apostrophe");
    assert_eq!((class("<html>"), class("")), (None, None));
}

#[test]
fn only_an_id_that_the_service_could_have_made_begins_with_its_time() {
    for (id, expected) in [
        ("1e30b1613c35a000e074b9646fb45366", true),
        ("1fffffffffffffffffffffffffffffff", true),
        ("1dffffffffffffffffffffffffffffff", false),
        ("20000000000000000000000000000000", false),
        ("1E30b1613c35a000e074b9646fb45366", false),
        ("1e30b1613c35a000e074b9646fb4536", false),
        ("1e30b1613c35a000e074b9646fb453660", false),
        ("1e30b1613c35a000e074b9646fb4536g", false),
        ("1e30b1613c35a000e074b9646fb4536`", false),
        ("1e30b1613c35a000e074b9646fb4536:", false),
        ("1e30b1613c35a000e074b9646fb4536/", false),
        ("1e30b1613c35a000e074b9646fb4536F", false),
        ("1e", false),
        ("", false),
    ] {
        assert_eq!(DataSift::begins_with_time(id), expected, "{id}");
    }
}
