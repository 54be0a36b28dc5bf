//! Where an answer of `DataSift`'s archive stops being what it seems: each word of a state, and each bound from both sides.

use std::time::Duration;

use siftd::historic::{Ask, DeliveryState, Hint, QueryState, Told, Why};
use siftd::protocol::Archived as _;

use crate::historics::{KEY, datasift, delivery, fetch, prepare, query, refused, reply, rows, told};

/// Why an answer is of no use; nothing if it is.
fn why(ask: &Ask, status: u16, headers: &[(&str, &str)], body: &str) -> Option<Why> {
    datasift().told(ask, &reply(status, headers, body)).err().map(|refusal| refusal.why)
}

#[test]
fn a_status_says_whether_an_answer_is_one() {
    let body = r#"{"id":"q","status":"init"}"#;
    for (statuses, due) in [
        (vec![200, 201, 202], None),
        (vec![100, 199, 203, 205, 206, 299], Some(Why::Unusable)),
        (vec![300, 302, 399], Some(Why::Redirected)),
    ] {
        for status in statuses {
            assert_eq!(why(&query(), status, &[("location", "/login")], body), due, "{status}");
        }
    }
    for status in [0, 99, 400, 404, 500, 599, 600] {
        assert_eq!(why(&query(), status, &[], body), Some(Why::Status(status)));
    }
    let away = refused(&query(), &reply(302, &[("location", " https://elsewhere/login ")], body));
    assert_eq!(away.text, "https://elsewhere/login");
    assert_eq!(refused(&query(), &reply(206, &[], "half")).text, "status 206");
    for ask in [Ask::Start { query: "q".to_owned() }, Ask::DropDelivery { delivery: "d".to_owned() }] {
        for status in [200, 201, 202, 204] {
            assert_eq!(told(&ask, status, "whatever"), Ok(Told::Done), "{status}");
        }
        assert_eq!(why(&ask, 203, &[], ""), Some(Why::Unusable));
    }
}

#[test]
fn an_answer_that_repeats_the_key_is_a_refusal_of_its_status_or_of_no_use() {
    let (header, body) = ([("x-served-for", KEY)], format!(r#"{{"id":"{KEY}"}}"#));
    for (status, due) in [(200, Why::Unusable), (399, Why::Unusable), (400, Why::Status(400)), (401, Why::Status(401))]
    {
        assert_eq!(why(&query(), status, &header, r#"{"id":"q"}"#), Some(due), "{status}");
        assert_eq!(why(&query(), status, &[], &body), Some(due), "{status}");
    }
    // But a page is a page, whatever its authors wrote; it is kept as it came.
    let page = format!(r#"[{{"interaction":{{"id":"a","content":"{KEY}"}}}}]"#);
    assert_eq!(why(&fetch(None), 200, &[], &page), None);
    assert_eq!(why(&fetch(None), 200, &header, &page), Some(Why::Unusable));
}

#[test]
fn a_refusal_is_told_in_the_servers_words_up_to_a_bound() {
    let text = |body: &str| refused(&query(), &reply(404, &[], body)).text;
    for (body, due) in [
        (r#" {"error":"gone"} "#, "gone"),
        (r#"{"message":"gone"}"#, "gone"),
        (r#"{"error":"gone","message":"away"}"#, "gone"),
        (r#"{"error":{"code":1},"message":"away"}"#, "away"),
        (r#"{"error":404}"#, "404"),
        (r#"{"code":1}"#, r#"{"code":1}"#),
        ("  gone\n", "gone"),
        ("", ""),
    ] {
        assert_eq!(text(body), due, "{body}");
    }
    let most = "é".repeat(240);
    assert_eq!((text(&most), text(&format!(" {most}é"))), (most.clone(), most));
}

#[test]
fn a_name_that_is_empty_is_none() {
    for ask in [
        prepare(),
        query(),
        delivery(),
        Ask::Deliver { name: "n".to_owned(), query: "q".to_owned() },
        Ask::Combine { streams: vec!["a".to_owned()] },
    ] {
        for body in [r#"{"id":"","hash":""}"#, r#"{"id":null,"hash":null}"#, r#"{"id":true,"hash":["x"]}"#, "[]", ""] {
            assert_eq!(why(&ask, 200, &[], body), Some(Why::Unusable), "{ask:?} {body}");
        }
    }
    let deliver = Ask::Deliver { name: "n".to_owned(), query: "q".to_owned() };
    let told = |ask: &Ask, body: &str| told(ask, 201, body).unwrap();
    assert_eq!(told(&deliver, r#"{"id":"d"}"#), Told::Delivering { delivery: "d".to_owned() });
    let combined = Told::Combined { stream: "h".to_owned(), milliunits_an_hour: Some(125) };
    assert_eq!(told(&Ask::Combine { streams: vec!["a".to_owned()] }, r#"{"hash":"h","dpu":"0.1"}"#), combined);
}

#[test]
fn every_word_of_a_state_has_its_meaning_and_a_new_one_goes_on() {
    for (state, words) in [
        (DeliveryState::Finished, vec!["finished"]),
        (DeliveryState::Failed, vec!["failed", "stopped", "deleted"]),
        (DeliveryState::Paused, vec!["paused", "finishing_paused"]),
        (DeliveryState::Active, vec!["active", "retrying", "finishing", "waiting_for_start", "", "brand_new"]),
    ] {
        for word in words {
            let body = format!(r#"{{"id":"d","name":"n","hash":"q","status":"{word}"}}"#);
            let Ok(Told::Delivery(found)) = told(&delivery(), 200, &body) else { panic!("{body}") };
            assert_eq!((found.state, found.lost), (state, false), "{word}");
            assert_eq!([found.id.as_str(), &found.name, &found.query], ["d", "n", "q"]);
        }
    }
    for (state, words) in [
        (QueryState::Prepared, vec!["init"]),
        (QueryState::Done, vec!["succeeded"]),
        (QueryState::Failed, vec!["failed"]),
        (QueryState::Stopped, vec!["stopped", "deleted"]),
        (QueryState::Running, vec!["queued", "submitted", "running", "delayed", "paused", "", "brand_new"]),
    ] {
        for word in words {
            let body = format!(r#"{{"id":"q","name":"n","status":"{word}"}}"#);
            let Ok(Told::Query(found)) = told(&query(), 200, &body) else { panic!("{body}") };
            assert_eq!((found.state, found.progress), (state, 0), "{word}");
            assert_eq!([found.id.as_str(), &found.name], ["q", "n"]);
        }
    }
}

#[test]
fn a_query_tells_its_progress_and_each_of_its_flaws() {
    let found = |fields: &str| {
        let Ok(Told::Query(found)) = told(&query(), 200, &format!(r#"{{"id":"q",{fields}}}"#)) else {
            panic!("{fields}")
        };
        (found.progress, found.flaws.join("; "))
    };
    for (fields, progress) in [
        (r#""progress":0"#, 0),
        (r#""progress":"7""#, 7),
        (r#""progress":100"#, 100),
        (r#""progress":300"#, 100),
        (r#""progress":-1"#, 0),
        (r#""progress":null"#, 0),
    ] {
        assert_eq!(found(fields), (progress, String::new()), "{fields}");
    }
    for (fields, flaws) in [
        (r#""sample":100"#, ""),
        (r#""sample":101"#, ""),
        (r#""sample":99"#, "only 99 per cent were sampled"),
        (r#""sample":"10""#, "only 10 per cent were sampled"),
        (r#""sample":"100.0""#, ""),
        (r#""sample":99.5"#, "only 99.5 per cent were sampled"),
        (r#""sample":0"#, "only 0 per cent were sampled"),
        (r#""sample":null"#, ""),
        (r#""sample":"all""#, "how much was sampled cannot be read"),
        (r#""sample":{}"#, "how much was sampled cannot be read"),
        (r#""sample":-1"#, "how much was sampled cannot be read"),
        (
            r#""chunks":[{"status":"FAILED","start_time":"5"},{"status":"init"},{},null,7,{"status":"failed","start_time":6}]"#,
            "the part from second 5 on failed; the part from second 6 on failed",
        ),
        (r#""chunks":{}"#, ""),
    ] {
        assert_eq!(found(fields), (0, flaws.to_owned()), "{fields}");
    }
}

#[test]
fn what_a_query_costs_is_a_text_or_a_number_and_anything_else_is_no_price() {
    for (dpus, milliunits) in [
        ("234.69", Some(234_690)),
        ("\"234.69\"", Some(234_690)),
        ("4", Some(4_000)),
        ("\"4\"", Some(4_000)),
        ("0", Some(0)),
        ("-1", None),
        ("1e300", None),
        ("18446744073709551615", None),
        ("\"dear\"", None),
        ("null", None),
        ("{}", None),
    ] {
        let due = Told::Prepared { query: "q".to_owned(), milliunits, lacking: Vec::new() };
        assert_eq!(told(&prepare(), 202, &format!(r#"{{"id":"q","dpus":{dpus}}}"#)), Ok(due), "{dpus}");
    }
}

#[test]
fn a_source_that_is_held_in_full_is_not_lacking() {
    let lacking = |sources: &str| {
        let body = format!(r#"{{"id":"q","availability":{{"sources":{sources}}}}}"#);
        let Ok(Told::Prepared { lacking, .. }) = told(&prepare(), 202, &body) else { panic!("{body}") };
        lacking.join("; ")
    };
    let held = |status: &str| format!(r#"{{"tumblr":{{"status":{status}}},"wordpress":{{"status":100}},"x":{{}}}}"#);
    for (sources, due) in [
        (held("100"), ""),
        (held("100.0"), ""),
        (held("99"), "source tumblr is archived to 99 per cent"),
        (held("\"100\""), ""),
        (held("\"99.5\""), "source tumblr is archived to 99.5 per cent"),
        (held("null"), "how much of source tumblr is archived is not said"),
        (held("\"NaN\""), "how much of source tumblr is archived is not said"),
        (held("\"most\""), "how much of source tumblr is archived is not said"),
        (r#"{"tumblr":{},"wordpress":{"status":100}}"#.to_owned(), "how much of source tumblr is archived is not said"),
        (held("99.99"), "source tumblr is archived to 99.99 per cent"),
        (held("0"), "source tumblr is archived to 0 per cent"),
        (r#"{"tumblr":{"status":100}}"#.to_owned(), "source wordpress is not in the archive"),
        ("{}".to_owned(), ""),
        ("[]".to_owned(), ""),
        ("null".to_owned(), ""),
    ] {
        assert_eq!(lacking(&sources), due, "{sources}");
    }
}

#[test]
fn a_list_goes_on_while_it_counts_more_than_was_shown() {
    let more = |page: u32, body: &str| {
        let Ok(Told::Queries { found, more: queries }) = told(&Ask::Queries { page }, 200, body) else {
            panic!("{body}")
        };
        let Ok(Told::Deliveries { more: deliveries, .. }) = told(&Ask::Deliveries { page }, 200, body) else {
            panic!("{body}")
        };
        assert_eq!(queries, deliveries);
        (found.len(), queries)
    };
    for (page, count, due) in [(1, 19, false), (1, 20, false), (1, 21, true), (2, 40, false), (2, 41, true)] {
        assert_eq!(more(page, &format!(r#"{{"count":{count},"data":[{{"id":"a"}}]}}"#)), (1, due), "{count} on {page}");
        assert_eq!(more(page, &format!(r#"{{"count":"{count}","historics":[]}}"#)), (0, due), "{count} on {page}");
    }
    // Where nothing is counted, a page that is full may not be the last.
    for (length, due) in [(0, false), (19, false), (20, true), (21, true)] {
        let items = vec![r#"{"id":"a"}"#; length].join(",");
        assert_eq!(more(1, &format!("[{items}]")), (length, due));
        assert_eq!(more(1, &format!(r#"{{"subscriptions":[{items}]}}"#)), (length, due));
    }
    for ask in [Ask::Queries { page: 1 }, Ask::Deliveries { page: 1 }] {
        for body in ["{}", r#"{"count":1}"#, r#"[{"id":""}]"#, "[7]", r#"{"data":{}}"#] {
            assert_eq!(why(&ask, 200, &[], body), Some(Why::Unusable), "{body}");
        }
    }
}

#[test]
fn a_cursor_is_a_text_that_is_short_and_not_empty() {
    let (most, more) = ("c".repeat(1024), "c".repeat(1025));
    for (text, cursor) in [("", None), ("c", Some("c")), (most.as_str(), Some(most.as_str())), (more.as_str(), None)] {
        let headers = [("x-datasift-cursor-current", text), ("x-datasift-cursor-next", text)];
        let nothing = datasift().told(&fetch(None), &reply(204, &headers, ""));
        assert_eq!(nothing, Ok(Told::Nothing { cursor: cursor.map(str::to_owned) }));
        let page = reply(200, &headers, r#"[{"interaction":{"id":"a"}}]"#);
        let Ok(Told::Page(page)) = datasift().told(&fetch(None), &page) else { panic!("{text}") };
        assert_eq!((page.current.as_deref(), page.next.as_deref(), page.rows), (cursor, cursor, 1));
    }
}

#[test]
fn a_page_without_rows_is_one_only_if_another_follows() {
    let page = |headers: &[(&str, &str)]| datasift().told(&fetch(None), &reply(200, headers, "[]")).unwrap();
    let (here, there) = (("x-datasift-cursor-current", "one"), ("x-datasift-cursor-next", "two"));
    assert_eq!(page(&[here]), Told::Nothing { cursor: Some("one".to_owned()) });
    assert_eq!(page(&[]), Told::Nothing { cursor: None });
    let Told::Page(page) = page(&[here, there]) else { panic!() };
    assert_eq!((page.rows, page.next.as_deref(), page.left), (0, Some("two"), None));
}

#[test]
fn a_page_is_of_the_form_that_it_says() {
    let read = |form: &str, body: &str| {
        let reply = reply(200, &[("x-datasift-format", form)], body);
        datasift().told(&fetch(None), &reply).map(|_| rows(&reply)).map_err(|refusal| refusal.why)
    };
    let (one, two) = (r#"{"interaction":{"id":"a"}}"#, r#"{"interaction":{"id":"b"}}"#);
    let own = format!(r#"{{"interaction":{{"id":"a"}},"interactions":[{two},{two}],"count":2}}"#);
    for (form, body, due) in [
        // A row of its own may hold whatever a page holds, and a line may be a list.
        ("json_new_line", own.as_str(), Ok(vec!["a"])),
        ("json_new_line", "[7]\n{\"interaction\":{\"id\":\"a\"}}", Ok(vec!["?[7]", "a"])),
        ("json_new_line", "\u{feff}\n \n", Ok(vec![])),
        ("json_array", one, Err(Why::Unusable)),
        ("json_array", own.as_str(), Err(Why::Unusable)),
        ("json_array", "[", Err(Why::Unusable)),
        ("json_meta", one, Err(Why::Unusable)),
        ("json_meta", "[7]", Ok(vec!["?7"])),
        // Nobody knows the form: what it looks like decides.
        ("brand_new", own.as_str(), Ok(vec!["b", "b"])),
        ("brand_new", one, Ok(vec!["a"])),
        ("brand_new", "<rows/>", Err(Why::Unusable)),
    ] {
        assert_eq!(read(form, body), due.map(|due| due.into_iter().map(str::to_owned).collect()), "{form}: {body}");
    }
    let counted = |count: &str| read("json_meta", &format!(r#"{{"count":{count},"interactions":[{one},{two}]}}"#));
    assert_eq!((counted("2").is_ok(), counted("\"2\"").is_ok(), counted("null").is_ok()), (true, true, true));
    assert_eq!((counted("1"), counted("3")), (Err(Why::Unusable), Err(Why::Unusable)));
}

#[test]
fn a_row_is_a_message_an_order_or_unreadable() {
    let row = |row: &str| rows(&reply(200, &[("x-datasift-format", "json_new_line")], row)).join(" ");
    let wrapped = |data: &str| format!(r#"{{"hash":"{}","data":{data}}}"#, "AB".repeat(16));
    let stream = "ab".repeat(16);
    for (text, due) in [
        (r#"{"interaction":{"id":"a"}}"#.to_owned(), "a".to_owned()),
        (r#"{"deleted":true,"interaction":{"id":"a"}}"#.to_owned(), "-a".to_owned()),
        (r#"{"deleted":true}"#.to_owned(), "-".to_owned()),
        (wrapped(r#"{"interaction":{"id":"a"}}"#), format!("{stream}a")),
        (wrapped(r#"{"deleted":true,"interaction":{"id":"a"}}"#), "-a".to_owned()),
    ] {
        assert_eq!(row(&text), due, "{text}");
    }
    // A message that has no id is known by its bytes.
    for inner in [r#"{"type":"tumblr"}"#, r#"{"created_at":"Sat, 20 Oct 2012 17:10:20 +0000"}"#] {
        for text in
            [format!(r#"{{"interaction":{inner}}}"#), format!(r#"{{"hash":"x","data":{{}},"interaction":{inner}}}"#)]
        {
            assert_eq!(row(&text), format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex()));
        }
    }
    for text in [
        "{}",
        r#"{"x":1}"#,
        r#"{"interaction":{"content":"x"}}"#,
        r#"{"hash":"x","data":7}"#,
        r#"{"data":{}}"#,
        "7",
        "{",
    ] {
        assert_eq!(row(text), format!("?{text}"));
    }
}

#[test]
fn a_hint_is_a_span_from_now_on() {
    let date = ("date", "Tue, 16 Jan 2018 21:46:00 GMT");
    let hint = |headers: &[(&str, &str)]| datasift().hint(&reply(429, headers, ""));
    let reset = |seconds| Hint { reset: Some(Duration::from_secs(seconds)), ..Hint::default() };
    for (headers, due) in [
        (vec![("x-ratelimit-reset-ttl", "1")], reset(1)),
        (vec![("x-ratelimit-reset-ttl", "0")], Hint::default()),
        (vec![("x-ratelimit-reset-ttl", "-1")], Hint::default()),
        // Up to a thousand million seconds it is a span, beyond that a moment, which says nothing without the server's own.
        (vec![("x-ratelimit-reset", "1")], reset(1)),
        (vec![("x-ratelimit-reset", "1000000000")], reset(1_000_000_000)),
        (vec![("x-ratelimit-reset", "1000000001")], Hint::default()),
        (vec![date, ("x-ratelimit-reset", "1516139161")], reset(1)),
        (vec![date, ("x-ratelimit-reset", "1516139160")], Hint::default()),
        (vec![("x-ratelimit-reset-ttl", "7"), ("x-ratelimit-reset", "9"), ("ratelimit", "t=11")], reset(7)),
        (vec![("x-ratelimit-reset", "9"), ("ratelimit", "t=11")], reset(9)),
        (vec![("ratelimit", "\"a\"; t=11, \"b\";t=13")], reset(11)),
        (vec![("x-ratelimit-remaining", "-1"), ("x-ratelimit-cost", "dear")], Hint::default()),
        (vec![("x-ratelimit-remaining", "0"), ("ratelimit", "r=5")], Hint { left: Some(0), ..Hint::default() }),
    ] {
        assert_eq!(hint(&headers), due, "{headers:?}");
    }
    let later = |seconds| Hint { retry_after: Some(Duration::from_secs(seconds)), ..Hint::default() };
    assert_eq!(hint(&[date, ("retry-after", "Tue, 16 Jan 2018 21:45:59 GMT")]), later(0), "a moment that has passed");
    assert_eq!(hint(&[("retry-after", " 0 ")]), later(0));
}

#[test]
fn a_message_of_several_streams_is_marked_by_the_server() {
    assert_eq!(datasift().marks(r#"{"interaction":{"tags":["siftd-AB","x","siftd-cd"]}}"#), ["ab", "cd"]);
    assert!(datasift().marks(r#"{"interaction":{"id":"a"}}"#).is_empty());
}

#[test]
fn several_streams_are_asked_for_as_one_for_five_credits() {
    let ask = Ask::Combine { streams: vec!["a".repeat(32)] };
    let call = datasift().call(&ask);
    assert_eq!((call.method, call.path, datasift().credits(&ask)), ("POST", "compile", 5));
    let csdl = format!("tag \"siftd-{0}\" {{stream \"{0}\"}}\nreturn {{stream \"{0}\"}}", "a".repeat(32));
    assert_eq!(call.parameters, [("csdl", csdl)]);
    let listed = [Ask::Deliveries { page: 1 }, Ask::DropDelivery { delivery: "d".to_owned() }, delivery()];
    assert_eq!(listed.map(|ask| datasift().credits(&ask)), [1, 1, 1]);
}
