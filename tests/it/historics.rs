//! What `DataSift`'s archive is asked over REST, and what is understood of its answers. The answers are as recorded
//! traffic shows them, in their versions.

use std::time::Duration;

use siftd::backfill::{Climb, Reaction, of_refusal};
use siftd::historic::{Ask, DeliveryState, Hint, QueryState, Refusal, Reply, Span, Told, Why};
use siftd::protocol::{Archived, DataSift};
use siftd::signal::Signal;

pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn datasift() -> DataSift {
    DataSift::new("wss://stream.example/multi", "acme", KEY.to_owned().into())
}

pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Reply { status, headers, body: body.as_bytes().to_vec() }
}

pub(crate) fn prepare() -> Ask {
    let (name, stream) = ("siftd-t-1".to_owned(), "4e".repeat(16));
    let sources = vec!["tumblr".to_owned(), "wordpress".to_owned()];
    Ask::Prepare { name, stream, span: Span { from: 1_500_000_000, until: 1_500_003_600 }, sources }
}

pub(crate) fn fetch(cursor: Option<&str>) -> Ask {
    Ask::Fetch { delivery: "d".to_owned(), cursor: cursor.map(str::to_owned), bytes: 1000 }
}

pub(crate) fn query() -> Ask {
    Ask::Query { query: "q".to_owned() }
}

pub(crate) fn delivery() -> Ask {
    Ask::Delivery { delivery: "d".to_owned() }
}

pub(crate) fn told(ask: &Ask, status: u16, body: &str) -> Result<Told, Refusal> {
    datasift().told(ask, &reply(status, &[], body))
}

pub(crate) fn refused(ask: &Ask, reply: &Reply) -> Refusal {
    datasift().told(ask, reply).unwrap_err()
}

#[test]
fn every_step_is_asked_as_the_reference_says() {
    let line = |ask: &Ask| {
        let call = datasift().call(ask);
        let parameters: Vec<String> = call.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {} {}", call.method, call.path, parameters.join("&"))
    };
    let id = || "x".to_owned();
    let asks = [
        prepare(),
        Ask::Deliver { name: id(), query: id() },
        Ask::Start { query: id() },
        fetch(None),
        fetch(Some("c")),
        delivery(),
        query(),
        Ask::DropDelivery { delivery: id() },
        Ask::DropQuery { query: id() },
        Ask::Deliveries { page: 2 },
        Ask::Queries { page: 1 },
    ];
    let lines: Vec<String> = asks.iter().map(line).collect();
    expect_test::expect![[r#"
        POST historics/prepare hash=4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e&start=1500000000&end=1500003600&name=siftd-t-1&sources=tumblr,wordpress&sample=100
        POST push/create historics_id=x&name=x&output_type=pull&output_params.format=json_meta
        POST historics/start id=x
        GET pull id=d&size=1000
        GET pull id=d&size=1000&cursor=c
        GET push/get id=d
        GET historics/get id=q
        DELETE push/delete id=x
        DELETE historics/delete id=x
        GET push/get page=2&per_page=20&include_finished=1
        GET historics/get page=1&max=20"#]]
    .assert_eq(&lines.join("\n"));
    let credits: Vec<u64> = asks.iter().map(|ask| datasift().credits(ask)).collect();
    assert_eq!(credits, [25, 5, 25, 0, 0, 1, 25, 1, 25, 1, 25]);
}

#[test]
fn a_prepared_query_tells_its_price_and_what_the_archive_lacks() {
    let prepared = |milliunits, lacking: &[&str]| Told::Prepared {
        query: "83fc09162f9d28d83f5e".to_owned(),
        milliunits,
        lacking: lacking.iter().map(|lack| (*lack).to_owned()).collect(),
    };
    for (body, meant) in [
        (r#"{"id":"83fc09162f9d28d83f5e","dpus":null}"#, prepared(None, &[])),
        (
            r#"{"id":"83fc09162f9d28d83f5e","dpus":234.69,"availability":{"start":1,"end":2,"sources":[]}}"#,
            prepared(Some(234_690), &[]),
        ),
        (
            r#"{"id":"83fc09162f9d28d83f5e","dpus":0,"availability":{"sources":{"tumblr":{"status":99.5,"versions":["1"]}}}}"#,
            prepared(
                Some(0),
                &["source tumblr is archived to 99.5 per cent", "source wordpress is not in the archive"],
            ),
        ),
    ] {
        assert_eq!(told(&prepare(), 202, body), Ok(meant), "{body}");
    }
    for body in ["", "{}", "[]", "null", r#"{"id":""}"#, "<html>", r#"{"id":"83fc"#] {
        assert_eq!(told(&prepare(), 202, body).map_err(|refusal| refusal.why), Err(Why::Unusable), "{body}");
    }
}

#[test]
fn what_is_done_is_done_without_a_word() {
    for ask in [Ask::Start { query: "q".to_owned() }, Ask::DropQuery { query: "q".to_owned() }] {
        assert_eq!(told(&ask, 204, ""), Ok(Told::Done));
    }
    // But an answer that must say something says it.
    assert_eq!(told(&prepare(), 204, "").map_err(|refusal| refusal.why), Err(Why::Unusable));
}

#[test]
fn a_delivery_and_a_query_tell_how_they_stand() {
    let body = |status: &str, lost: &str| {
        format!(
            r#"{{"id":"28c29cf85ceb549aee073639b586940d","output_type":"pull","name":"n","created_at":1516139160,"hash":"ad0b6fbbc789c1e215fc","hash_type":"historic","output_params":{{"max_size":52428800}},"status":"{status}","lost_data":{lost},"end":0}}"#
        )
    };
    for (status, lost, state) in [
        ("active", "false", DeliveryState::Active),
        ("finished", "true", DeliveryState::Finished),
        ("failed", "false", DeliveryState::Failed),
        ("finishing_paused", "false", DeliveryState::Paused),
        ("brand_new", "false", DeliveryState::Active),
    ] {
        let Ok(Told::Delivery(found)) = told(&delivery(), 200, &body(status, lost)) else { panic!("{status}") };
        assert_eq!((found.state, found.lost, found.query.as_str()), (state, lost == "true", "ad0b6fbbc789c1e215fc"));
    }
    for (body, state, flaws) in [
        (r#"{"id":"q","status":"init","progress":0,"sample":100}"#, QueryState::Prepared, vec![]),
        (r#"{"id":"q","status":"delayed","progress":40,"chunks":[]}"#, QueryState::Running, vec![]),
        (
            r#"{"id":"q","status":"succeeded","progress":100,"sample":10,"chunks":[{"status":"failed","start_time":1500000000},{"status":"succeeded"}]}"#,
            QueryState::Done,
            vec!["only 10 per cent were sampled", "the part from second 1500000000 on failed"],
        ),
        (r#"{"id":"q","status":"failed","progress":"7"}"#, QueryState::Failed, vec![]),
    ] {
        let Ok(Told::Query(found)) = told(&query(), 200, body) else { panic!("{body}") };
        assert_eq!((found.state, found.flaws), (state, flaws.into_iter().map(str::to_owned).collect()), "{body}");
    }
}

#[test]
fn lists_say_whether_more_follow() {
    let list = |body: &str| match told(&Ask::Queries { page: 1 }, 200, body) {
        Ok(Told::Queries { found, more }) => Some((found.len(), more)),
        _ => None,
    };
    assert_eq!(list(r#"{"count":41,"data":[{"id":"a","name":"n","status":"init"}]}"#), Some((1, true)));
    assert_eq!(list(r#"{"count":1,"data":[{"id":"a"}]}"#), Some((1, false)));
    assert_eq!(list(r#"[{"id":"a"}]"#), Some((1, false)));
    assert_eq!(list("{}"), None);
    let body = r#"{"count":1,"subscriptions":[{"id":"a","name":"n","hash":"h","status":"active"}]}"#;
    let Ok(Told::Deliveries { found, more: false }) = told(&Ask::Deliveries { page: 1 }, 200, body) else { panic!() };
    assert_eq!(found.len(), 1);
}

/// The rows of a page: ids, deletions, and what cannot be read.
pub(crate) fn rows(reply: &Reply) -> Vec<String> {
    let mut said = Vec::new();
    datasift().rows(reply, &mut |row| {
        said.push(match row {
            Signal::Interaction(row) => format!("{}{}", row.stream, row.id),
            Signal::Delete(row) => format!("-{}", row.id.unwrap_or_default()),
            Signal::Unreadable(_, text) => format!("?{text}"),
            Signal::Status(_) | Signal::Tick(_) => "!".to_owned(),
        });
    });
    said
}

#[test]
fn a_page_is_read_in_each_of_its_forms() {
    let one = r#"{"interaction":{"id":"a","type":"tumblr"}}"#;
    let two = r#"{"deleted":true,"interaction":{"id":"b"}}"#;
    let three = format!(r#"{{"hash":"{}","data":{{"interaction":{{"id":"c"}}}}}}"#, "AB".repeat(16));
    let due = ["a".to_owned(), "-b".to_owned(), format!("{}c", "ab".repeat(16))];
    for (form, body) in [
        ("json_new_line", format!("{one}\r\n{two}\n\n{three}\n")),
        ("json_array", format!("[{one},{two},{three}]")),
        ("json_meta", format!(r#"{{"id":"d","hash":"h","count":3,"interactions":[{one},{two},{three}]}}"#)),
    ] {
        for headers in [vec![("x-datasift-format", form)], vec![]] {
            let reply = reply(200, &headers, &body);
            let Ok(Told::Page(page)) = datasift().told(&fetch(None), &reply) else { panic!("{form}") };
            assert_eq!((page.rows, page.unreadable), (3, 0));
            assert_eq!(rows(&reply), due, "{form}");
        }
    }
}

#[test]
fn what_an_author_calls_hash_and_data_is_no_wrapper_and_no_order() {
    let own = r#"{"hash":"00000000000000000000000000000000","data":{"deleted":true,"interaction":{"id":"other"}}"#;
    let rest = r#""deleted":false,"tick":1,"status":"failure","interaction":{"id":"a","type":"tumblr"}}"#;
    let page = |row: &str| reply(200, &[("x-datasift-format", "json_new_line")], row);
    assert_eq!(rows(&page(&format!("{own},{rest}"))), ["a"]);
    // One without an id is known by its bytes, as it would be live.
    let nameless = rows(&page(&format!(r#"{own},"interaction":{{"type":"tumblr","content":"x"}}}}"#)));
    assert!(matches!(nameless.as_slice(), [id] if id.len() > 20 && !id.starts_with(['-', '?'])), "{nameless:?}");
}

#[test]
fn half_a_page_is_no_page() {
    let whole = r#"{"id":"d","count":2,"interactions":[{"interaction":{"id":"a"}},{"interaction":{"id":"b"}}]}"#;
    assert!(told(&fetch(None), 200, whole).is_ok());
    for cut in 0..whole.len() {
        let reply = reply(200, &[("x-datasift-format", "json_meta")], &whole[..cut]);
        assert_eq!(refused(&fetch(None), &reply).why, Why::Unusable, "cut at {cut}");
    }
    let short = whole.replace("\"count\":2", "\"count\":3");
    assert_eq!(told(&fetch(None), 200, &short).map_err(|refusal| refusal.why), Err(Why::Unusable));
    for page in ["<html><body>Login</body></html>", "\u{feff}<!DOCTYPE html>"] {
        assert_eq!(told(&fetch(None), 200, page).map_err(|refusal| refusal.why), Err(Why::Unusable));
    }
    let no_text = Reply { status: 200, headers: Vec::new(), body: vec![0xff, 0xfe] };
    assert_eq!(refused(&fetch(None), &no_text).why, Why::Unusable);
    // A line that is cut is a row that cannot be read; the others are.
    let reply = reply(200, &[("x-datasift-format", "json_new_line")], "{\"interaction\":{\"id\":\"a\"}}\n{\"inter");
    assert_eq!(rows(&reply), ["a", "?{\"inter"]);
}

#[test]
fn the_place_to_go_on_from_is_in_the_headers() {
    let headers =
        [("x-datasift-cursor-current", "one"), ("x-datasift-cursor-next", "two"), ("x-datasift-bytes-remaining", "77")];
    let Ok(Told::Page(page)) = datasift().told(&fetch(None), &reply(200, &headers, "[{}]")) else { panic!() };
    assert_eq!((page.current.as_deref(), page.next.as_deref(), page.left), (Some("one"), Some("two"), Some(77)));
    let nothing = Told::Nothing { cursor: Some("one".to_owned()) };
    assert_eq!(datasift().told(&fetch(None), &reply(204, &headers[..1], "")), Ok(nothing));
}

#[test]
fn a_refusal_tells_why_and_when_to_come_back_and_never_the_key() {
    let said = refused(&query(), &reply(404, &[], r#"{"error":"No historic found with the ID q"}"#));
    assert_eq!((said.why, said.text.as_str()), (Why::Status(404), "No historic found with the ID q"));
    let said = refused(&query(), &reply(502, &[], "<html><h1>502 Bad Gateway</h1></html>"));
    assert!(said.text.starts_with("<html>"));
    let echo = format!(r#"{{"error":"acme:{KEY} is not welcome"}}"#);
    assert_eq!(refused(&query(), &reply(401, &[], &echo)).text, "acme:*** is not welcome");
    // Nor half of it, wherever the text is cut.
    for before in 200..260 {
        let said = refused(&query(), &reply(502, &[], &format!("{}{KEY}", "x".repeat(before))));
        assert!(!said.text.contains(&KEY[..4]), "{before}: {}", said.text);
    }
    // What would be written down as a name or a cursor is no answer.
    let named = reply(200, &[], &format!(r#"{{"id":"{KEY}","status":"init"}}"#));
    assert_eq!(refused(&query(), &named).why, Why::Unusable);
    let marked = reply(200, &[("x-datasift-cursor-next", KEY)], r#"{"interaction":{"id":"a"}}"#);
    assert_eq!(refused(&fetch(None), &marked).why, Why::Unusable);
    let seconds = Duration::from_secs;
    let date = ("date", "Tue, 16 Jan 2018 21:46:00 GMT");
    let hint = |headers: &[(&str, &str)]| datasift().hint(&reply(429, headers, ""));
    for (headers, meant) in [
        (vec![("retry-after", "120")], Hint { retry_after: Some(seconds(120)), ..Hint::default() }),
        (vec![("retry-after", "-5")], Hint { retry_after: Some(seconds(0)), ..Hint::default() }),
        (
            vec![date, ("retry-after", "Tue, 16 Jan 2018 21:47:30 GMT")],
            Hint { retry_after: Some(seconds(90)), ..Hint::default() },
        ),
        (vec![("retry-after", "Tue, 16 Jan 2018 21:47:30 GMT")], Hint::default()),
        (vec![("retry-after", "soon")], Hint::default()),
        (
            vec![("x-ratelimit-remaining", "3"), ("x-ratelimit-cost", "25"), ("x-ratelimit-reset-ttl", "1800")],
            Hint { left: Some(3), cost: Some(25), reset: Some(seconds(1800)), retry_after: None },
        ),
        (vec![date, ("x-ratelimit-reset", "1516139460")], Hint { reset: Some(seconds(300)), ..Hint::default() }),
        (vec![date, ("x-ratelimit-reset", "1516139060")], Hint::default()),
        (
            vec![("ratelimit", "\"default\";r=50;t=30")],
            Hint { left: Some(50), reset: Some(seconds(30)), ..Hint::default() },
        ),
    ] {
        assert_eq!(hint(&headers), meant, "{headers:?}");
    }
}

#[test]
fn every_status_has_its_reaction() {
    let reaction = |ask: &Ask, status: u16, hint: Hint| {
        of_refusal(ask, &Refusal { why: Why::Status(status), hint, text: String::new() })
    };
    let later = |climb, seconds| Reaction::Later { climb, least: Duration::from_secs(seconds) };
    let (none, plain) = (Hint::default(), fetch(Some("c")));
    for (statuses, due) in [
        (vec![408, 421, 425, 502, 504, 520, 527, 530], later(Climb::Trouble, 0)),
        (vec![503], later(Climb::Trouble, 30)),
        (vec![420, 429, 507, 509, 529], later(Climb::Quota, 0)),
        (vec![300, 302, 307, 401, 402, 403, 405, 411, 415, 418, 426, 501, 505, 511], Reaction::Pause),
        (vec![404, 410], Reaction::Absent),
        (vec![409, 412, 423, 424, 500], Reaction::Some(Duration::from_secs(30))),
        (vec![413, 414, 431], Reaction::Smaller),
        (vec![400, 406, 416, 422, 451, 499], Reaction::Never),
    ] {
        for status in statuses {
            assert_eq!(reaction(&plain, status, none), due, "{status}");
        }
    }
    // What is heard twice is paid twice.
    let start = Ask::Start { query: "q".to_owned() };
    for status in [408, 409, 412, 500, 502, 503] {
        assert_eq!(reaction(&start, status, none), Reaction::Look, "{status}");
    }
    assert_eq!(reaction(&Ask::Queries { page: 1 }, 404, none), Reaction::Pause);
    let wait = |seconds| Some(Duration::from_secs(seconds));
    let used_up = Hint { left: Some(3), cost: Some(25), reset: wait(1800), retry_after: None };
    assert_eq!(reaction(&plain, 403, used_up), later(Climb::Quota, 1800));
    assert_eq!(reaction(&plain, 429, Hint { reset: wait(315_360_000), ..none }), later(Climb::Quota, 0));
    assert_eq!(reaction(&plain, 429, Hint { retry_after: wait(315_360_000), ..none }), later(Climb::Quota, 3600));
    assert_eq!(reaction(&plain, 503, Hint { retry_after: wait(7), ..none }), later(Climb::Trouble, 30));
    let why = |why| of_refusal(&start, &Refusal { why, hint: none, text: String::new() });
    assert_eq!((why(Why::Unheard), why(Why::Unreachable)), (later(Climb::Trouble, 0), Reaction::Look));
    assert_eq!(why(Why::Redirected), Reaction::Pause);
}

proptest::proptest! {
    /// Whatever comes is understood or refused; nothing panics, and every row is said.
    #[test]
    fn any_answer_is_taken(status in 0..700_u16, body in "\\PC{0,200}|[\\[\\]{}\",:a-z0-9\n ]{0,200}", form in 0..4_usize) {
        let forms = ["json_meta", "json_array", "json_new_line", "other"];
        let reply = reply(status, &[("x-datasift-format", forms[form])], &body);
        for ask in [prepare(), fetch(None), query(), delivery(), Ask::Deliveries { page: 1 }, Ask::Queries { page: 1 }] {
            if let Ok(Told::Page(page)) = datasift().told(&ask, &reply) {
                proptest::prop_assert_eq!(page.rows, rows(&reply).len());
            }
        }
    }
}
