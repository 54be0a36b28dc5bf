//! What a frame says: every known shape, and whatever else a server may send.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use secrecy::SecretString;
use siftd::protocol::{DataSift, Protocol};
use siftd::signal::Signal;

pub(crate) const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn datasift() -> DataSift {
    DataSift::new("wss://stream.example/multi", "acme", SecretString::from("key"))
}

/// What a frame says, one line a signal; `<a>` and `<b>` stand for two hashes in both directions.
pub(crate) fn said(frame: &str) -> String {
    let frame = frame.replace("<a>", A).replace("<b>", B);
    let mut lines = String::new();
    datasift().decode(&frame, &mut |signal| {
        let line = line(&signal).replace(A, "<a>").replace(B, "<b>");
        writeln!(lines, "{}", line.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")).unwrap();
    });
    lines
}

fn line(signal: &Signal<'_>) -> String {
    match signal {
        Signal::Interaction(item) => {
            let mut line = format!("interaction {} {} ", item.stream, item.id);
            if !item.kind.is_empty() {
                write!(line, "({}) ", item.kind).unwrap();
            }
            for (word, time) in [("created", item.created), ("produced", item.produced)] {
                if let Some(time) = time {
                    write!(line, "{word} {time} ").unwrap();
                }
            }
            line + item.payload
        }
        Signal::Delete(delete) => format!("delete [{}] {:?}", delete.stream, delete.id),
        Signal::Tick(told) => format!("tick {}", told.map_or("nonsense".to_owned(), |told| told.to_string())),
        Signal::Status(status) => format!("{:?} {:?} {}", status.class, status.streams, status.text),
        Signal::Unreadable(reason, text) => format!("unreadable ({reason}) {text}"),
    }
}

/// Each line of `frames` is a frame.
fn check(frames: &str, expected: &Expect) {
    let mut table = String::new();
    for frame in frames.lines().map(str::trim_start) {
        writeln!(table, "{frame}").unwrap();
        said(frame).lines().for_each(|line| writeln!(table, "    {line}").unwrap());
    }
    expected.assert_eq(&table);
}

#[test]
fn the_shapes_of_the_documentation() {
    check(
        r#"{"hash":"<a>","data":{"interaction":{"id":"1e30b1613c35a000e074b9646fb45366","type":"twitter","created_at":"Sat, 20 Oct 2012 17:10:20 +0000","content":"hello"}}}
           {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"1e15","type":"twitter"},"twitter":{"id":"170890901852405762"}}}
           {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"1e15","type":"twitter"},"twitter":{"id":"170","user":{"id":123456789}}}}
           {"tick":1311694603,"status":"connected","message":"Waiting for data"}
           {"status":"success","message":"Successfully subscribed to hash <b>"}
           {"status":"success","hash":"<b>"}
           {"status":"success","hashes":["<a>","<b>"]}
           {"status":"error","message":"Invalid API key given"}
           {"reconnect":true}
           {"reconnect":null}"#,
        &expect![[r#"
            {"hash":"<a>","data":{"interaction":{"id":"1e30b1613c35a000e074b9646fb45366","type":"twitter","created_at":"Sat, 20 Oct 2012 17:10:20 +0000","content":"hello"}}}
                interaction <a> 1e30b1613c35a000e074b9646fb45366 (twitter) created 2012-10-20T17:10:20.000000Z produced 2012-10-20T17:10:20.000000Z {"interaction":{"id":"1e30b1613c35a000e074b9646fb45366","type":"twitter","created_at":"Sat, 20 Oct 2012 17:10:20 +0000","content":"hello"}}
            {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"1e15","type":"twitter"},"twitter":{"id":"170890901852405762"}}}
                delete [<a>] Some("1e15")
            {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"1e15","type":"twitter"},"twitter":{"id":"170","user":{"id":123456789}}}}
                delete [<a>] Some("1e15")
            {"tick":1311694603,"status":"connected","message":"Waiting for data"}
                tick 2011-07-26T15:36:43.000000Z
            {"status":"success","message":"Successfully subscribed to hash <b>"}
                Acknowledged ["<b>"] Successfully subscribed to hash <b>
            {"status":"success","hash":"<b>"}
                Acknowledged ["<b>"] 
            {"status":"success","hashes":["<a>","<b>"]}
                Acknowledged ["<a>", "<b>"] 
            {"status":"error","message":"Invalid API key given"}
                IdentityRefused [] Invalid API key given
            {"reconnect":true}
                Maintenance [] reconnect
            {"reconnect":null}
                Maintenance [] reconnect
        "#]],
    );
}

#[test]
fn a_payload_stays_as_it_came() {
    check(
        r#"{"hash":"<a>","data":{ "b":1.10, "a" : 12345678901234567890123, "é":"\u00e9\/\ud83d", "n":-0.0e-1, "interaction":{"id":"x"} }}
           {"hash":"<a>","data":{"interaction":{"id":"x"}}  }
           {"hash": "<a>","data":	{"interaction":{"id":"x"} } }
           {"data":{"interaction":{"id":"x"}},"hash":"<a>"}
           {"extra":[1,{"data":{}}],"data":{"interaction":{"id":"x"}},"more":null,"hash":"<a>"}
             {"hash":"<a>","data":{"interaction":{"id":"x"}}}   "#,
        &expect![[r#"
            {"hash":"<a>","data":{ "b":1.10, "a" : 12345678901234567890123, "é":"\u00e9\/\ud83d", "n":-0.0e-1, "interaction":{"id":"x"} }}
                interaction <a> x { "b":1.10, "a" : 12345678901234567890123, "é":"\\u00e9\\/\\ud83d", "n":-0.0e-1, "interaction":{"id":"x"} }
            {"hash":"<a>","data":{"interaction":{"id":"x"}}  }
                interaction <a> x {"interaction":{"id":"x"}}
            {"hash": "<a>","data":	{"interaction":{"id":"x"} } }
                interaction <a> x {"interaction":{"id":"x"} }
            {"data":{"interaction":{"id":"x"}},"hash":"<a>"}
                interaction <a> x {"interaction":{"id":"x"}}
            {"extra":[1,{"data":{}}],"data":{"interaction":{"id":"x"}},"more":null,"hash":"<a>"}
                interaction <a> x {"interaction":{"id":"x"}}
            {"hash":"<a>","data":{"interaction":{"id":"x"}}}   
                interaction <a> x {"interaction":{"id":"x"}}
        "#]],
    );
}

#[test]
fn hashes_and_escapes() {
    check(
        r#"{"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","data":{"interaction":{"id":"X"}}}
           {"hash":"\u0061aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","data":{"interaction":{"id":"\u0078\n"}}}
           {"hash":"short","data":{"interaction":{"id":"x"}}}
           {"hash":5,"data":{"interaction":{"id":"x"}}}
           {"hash":"","data":{"interaction":{"id":"x"}}}
           {"hash":null,"data":{"interaction":{"id":"x"}}}
           {"hash":["<a>"],"data":{"interaction":{"id":"x"}}}
           {"data":{"interaction":{"id":"x"}}}"#,
        &expect![[r#"
            {"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","data":{"interaction":{"id":"X"}}}
                interaction <a> X {"interaction":{"id":"X"}}
            {"hash":"\u0061aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","data":{"interaction":{"id":"\u0078\n"}}}
                interaction <a> blake3:44c77418e27569db9213c6b43d9049ecffb5496f7d0e3d4254bb68410adecc3e {"interaction":{"id":"\\u0078\\n"}}
            {"hash":"short","data":{"interaction":{"id":"x"}}}
                interaction short x {"interaction":{"id":"x"}}
            {"hash":5,"data":{"interaction":{"id":"x"}}}
                interaction 5 x {"interaction":{"id":"x"}}
            {"hash":"","data":{"interaction":{"id":"x"}}}
                unreadable (data of no stream) {"hash":"","data":{"interaction":{"id":"x"}}}
            {"hash":null,"data":{"interaction":{"id":"x"}}}
                unreadable (data of no stream) {"hash":null,"data":{"interaction":{"id":"x"}}}
            {"hash":["<a>"],"data":{"interaction":{"id":"x"}}}
                unreadable (data of no stream) {"hash":["<a>"],"data":{"interaction":{"id":"x"}}}
            {"data":{"interaction":{"id":"x"}}}
                unreadable (data of no stream) {"data":{"interaction":{"id":"x"}}}
        "#]],
    );
}

#[test]
fn ids_of_every_kind() {
    check(
        r#"{"hash":"<a>","data":{"interaction":{"id":17}}}
           {"hash":"<a>","data":{"interaction":{"id":18446744073709551615}}}
           {"hash":"<a>","data":{"interaction":{"id":184467440737095516160}}}
           {"hash":"<a>","data":{"interaction":{"id":null}}}
           {"hash":"<a>","data":{"interaction":{"id":""}}}
           {"hash":"<a>","data":{"interaction":{"id":{"$oid":"x"}}}}
           {"hash":"<a>","data":{"interaction":{"id":"'; DROP TABLE interaction; --"}}}
           {"hash":"<a>","data":{"interaction":{"id":"a\u0000b"}}}
           {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"a\u0000b"}}}
           {"hash":"<a>","data":{"interaction":{}}}
           {"hash":"<a>","data":{"interaction":null}}
           {"hash":"<a>","data":{"interaction":"x"}}
           {"hash":"<a>","data":{"interaction":["x","twitter"]}}
           {"hash":"<a>","data":{}}
           {"hash":"<a>","data":{"interaction":{"id":1e999}}}"#,
        &expect![[r#"
            {"hash":"<a>","data":{"interaction":{"id":17}}}
                interaction <a> 17 {"interaction":{"id":17}}
            {"hash":"<a>","data":{"interaction":{"id":18446744073709551615}}}
                interaction <a> 18446744073709551615 {"interaction":{"id":18446744073709551615}}
            {"hash":"<a>","data":{"interaction":{"id":184467440737095516160}}}
                interaction <a> blake3:5f4f4d6b815ea5b8c1fecf164f701fe3153a5103a59a5664596913b0932dd144 {"interaction":{"id":184467440737095516160}}
            {"hash":"<a>","data":{"interaction":{"id":null}}}
                interaction <a> blake3:8952828bb3526361e0fbe7837c8c25307b93971504270a4aacbd71069e0eda8d {"interaction":{"id":null}}
            {"hash":"<a>","data":{"interaction":{"id":""}}}
                interaction <a> blake3:563c219cc6133b65280521e23e09b8a5091e8c809be8e8cf24d7a15a4db1120a {"interaction":{"id":""}}
            {"hash":"<a>","data":{"interaction":{"id":{"$oid":"x"}}}}
                interaction <a> blake3:98a8d7b8f3bf43bd9d4d11cae036f6571a46d43bba3e73cb0cf761a9debe669d {"interaction":{"id":{"$oid":"x"}}}
            {"hash":"<a>","data":{"interaction":{"id":"'; DROP TABLE interaction; --"}}}
                interaction <a> '; DROP TABLE interaction; -- {"interaction":{"id":"'; DROP TABLE interaction; --"}}
            {"hash":"<a>","data":{"interaction":{"id":"a\u0000b"}}}
                interaction <a> blake3:fdeb88a4c6f022465eedaf052a322770e2875b1052f697e5dd3b6ac7722deea5 {"interaction":{"id":"a\\u0000b"}}
            {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"a\u0000b"}}}
                delete [<a>] Some("blake3:fdeb88a4c6f022465eedaf052a322770e2875b1052f697e5dd3b6ac7722deea5")
            {"hash":"<a>","data":{"interaction":{}}}
                interaction <a> blake3:f662f27e6212d367d4c3f4dd3d8fdbcfa5a9fc34781b876f4ba6bf6476b6565c {"interaction":{}}
            {"hash":"<a>","data":{"interaction":null}}
                interaction <a> blake3:7c45525576e9f54e42947a94fca4f0eee6f4a151122ad12fac4af33d8b5ac045 {"interaction":null}
            {"hash":"<a>","data":{"interaction":"x"}}
                interaction <a> blake3:7556967dd26a22b4c5aafa19d8e31b7547d7df9105f2e137688c73a528491dbc {"interaction":"x"}
            {"hash":"<a>","data":{"interaction":["x","twitter"]}}
                interaction <a> blake3:cb68e95f703880ed6b1bb13397dc55fc6c249f2bd124e30687008df98ad58b3d {"interaction":["x","twitter"]}
            {"hash":"<a>","data":{}}
                interaction <a> blake3:6e46dd10defc9b56c29a6ec56b508c21f54c08192194e4df25bf36f0c9c3c279 {}
            {"hash":"<a>","data":{"interaction":{"id":1e999}}}
                unreadable (data: number out of range at line 1 column 26) {"hash":"<a>","data":{"interaction":{"id":1e999}}}
        "#]],
    );
}

#[test]
fn an_id_out_of_bounds_is_the_same_wherever_it_comes() {
    let id = "x".repeat(100_000);
    let item = said(&format!(r#"{{"hash":"<a>","data":{{"interaction":{{"id":"{id}"}}}}}}"#));
    let order = said(&format!(r#"{{"hash":"<a>","data":{{"deleted":true,"interaction":{{"id":"{id}"}}}}}}"#));
    let digest = item.split(' ').nth(2).unwrap();
    assert_eq!(digest.len(), "blake3:".len() + 64);
    assert_eq!(order, format!("delete [<a>] Some(\"{digest}\")\n"));
}

#[test]
fn deletions_wherever_they_are_said() {
    check(
        r#"{"hash":"<a>","deleted":true,"data":{"interaction":{"id":"x"}}}
           {"hash":"<a>","deleted":true,"interaction":{"id":"x"}}
           {"deleted":true,"interaction":{"id":"x"}}
           {"data":{"deleted":true,"interaction":{"id":"x"}}}
           {"hash":"<a>","data":{"deleted":"true","interaction":{"id":"x"}}}
           {"hash":"<a>","data":{"deleted":1,"interaction":{"id":7}}}
           {"hash":"<a>","data":{"deleted":false,"interaction":{"id":"x"}}}
           {"hash":"<a>","data":{"deleted":null,"interaction":{"id":"x"}}}
           {"hash":"<a>","data":{"deleted":true}}
           {"hash":"<a>","data":{"deleted":true,"interaction":"x"}}
           {"hash":"<a>","data":{"interaction":{"id":"x","deleted":true},"twitter":{"deleted":true}}}
           {"deleted":false}"#,
        &expect![[r#"
            {"hash":"<a>","deleted":true,"data":{"interaction":{"id":"x"}}}
                delete [<a>] Some("x")
            {"hash":"<a>","deleted":true,"interaction":{"id":"x"}}
                delete [<a>] Some("x")
            {"deleted":true,"interaction":{"id":"x"}}
                delete [] Some("x")
            {"data":{"deleted":true,"interaction":{"id":"x"}}}
                delete [] Some("x")
            {"hash":"<a>","data":{"deleted":"true","interaction":{"id":"x"}}}
                delete [<a>] Some("x")
            {"hash":"<a>","data":{"deleted":1,"interaction":{"id":7}}}
                delete [<a>] Some("7")
            {"hash":"<a>","data":{"deleted":false,"interaction":{"id":"x"}}}
                interaction <a> x {"deleted":false,"interaction":{"id":"x"}}
            {"hash":"<a>","data":{"deleted":null,"interaction":{"id":"x"}}}
                interaction <a> x {"deleted":null,"interaction":{"id":"x"}}
            {"hash":"<a>","data":{"deleted":true}}
                delete [<a>] None
            {"hash":"<a>","data":{"deleted":true,"interaction":"x"}}
                delete [<a>] None
            {"hash":"<a>","data":{"interaction":{"id":"x","deleted":true},"twitter":{"deleted":true}}}
                interaction <a> x {"interaction":{"id":"x","deleted":true},"twitter":{"deleted":true}}
            {"deleted":false}
                unreadable (an object of no known shape) {"deleted":false}
        "#]],
    );
}

#[test]
fn decoys_inside_a_message_are_content() {
    check(
        r#"{"hash":"<a>","data":{"hash":"<b>","status":"failure","message":"You have insufficient credits","tick":5,"reconnect":1,"interaction":{"id":"x"}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","interaction":{"id":"y"},"data":{"deleted":true}}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","content":"\",\"data\":{\"deleted\":true}"}}}"#,
        &expect![[r#"
            {"hash":"<a>","data":{"hash":"<b>","status":"failure","message":"You have insufficient credits","tick":5,"reconnect":1,"interaction":{"id":"x"}}}
                interaction <a> x {"hash":"<b>","status":"failure","message":"You have insufficient credits","tick":5,"reconnect":1,"interaction":{"id":"x"}}
            {"hash":"<a>","data":{"interaction":{"id":"x","interaction":{"id":"y"},"data":{"deleted":true}}}}
                interaction <a> x {"interaction":{"id":"x","interaction":{"id":"y"},"data":{"deleted":true}}}
            {"hash":"<a>","data":{"interaction":{"id":"x","content":"\",\"data\":{\"deleted\":true}"}}}
                interaction <a> x {"interaction":{"id":"x","content":"\\",\\"data\\":{\\"deleted\\":true}"}}
        "#]],
    );
}

#[test]
fn a_frame_that_says_several_things_is_heard_for_each() {
    check(
        r#"{"hash":"<a>","data":{"interaction":{"id":"x"}},"reconnect":true,"tick":1311694603}
           {"hash":"<a>","data":{"interaction":{"id":"x"}},"status":"warning","message":"You are consuming data too slowly."}
           {"tick":1311694603,"status":"failure","message":"You have insufficient credits available to consume the stream"}
           {"hash":"<a>","data":[{"interaction":{"id":"x"}}],"status":"success","message":"Successfully subscribed to hash"}
           {"hash":"<a>","data":"text"}
           {"hash":"<a>","data":null}"#,
        &expect![[r#"
            {"hash":"<a>","data":{"interaction":{"id":"x"}},"reconnect":true,"tick":1311694603}
                interaction <a> x {"interaction":{"id":"x"}}
                Maintenance [] reconnect
                tick 2011-07-26T15:36:43.000000Z
            {"hash":"<a>","data":{"interaction":{"id":"x"}},"status":"warning","message":"You are consuming data too slowly."}
                interaction <a> x {"interaction":{"id":"x"}}
                SlowWarning ["<a>"] You are consuming data too slowly.
            {"tick":1311694603,"status":"failure","message":"You have insufficient credits available to consume the stream"}
                tick 2011-07-26T15:36:43.000000Z
                CreditsUsedUp [] You have insufficient credits available to consume the stream
            {"hash":"<a>","data":[{"interaction":{"id":"x"}}],"status":"success","message":"Successfully subscribed to hash"}
                Acknowledged ["<a>"] Successfully subscribed to hash
                unreadable (data: not an object) {"hash":"<a>","data":[{"interaction":{"id":"x"}}],"status":"success","message":"Successfully subscribed to hash"}
            {"hash":"<a>","data":"text"}
                unreadable (data: not an object) {"hash":"<a>","data":"text"}
            {"hash":"<a>","data":null}
                unreadable (an object of no known shape) {"hash":"<a>","data":null}
        "#]],
    );
}

#[test]
fn several_objects_in_a_frame() {
    check(
        r#"[{"hash":"<a>","data":{"interaction":{"id":"x"}}},{"tick":1311694603}, {"what":1}]
           {"hash":"<a>","data":{"interaction":{"id":"x"}}}{"hash":"<b>","data":{"interaction":{"id":"y"}}}
           {"hash":"<a>","data":{"interaction":{"id":"x"}}} {"tick":1311694603} and the rest
           {"hash":"<a>","data":{"interaction":{"id":"x"}}}["hash",["h"]]
           [{"tick":1311694603}
           [[{"tick":1311694603}]]
           []"#,
        &expect![[r#"
            [{"hash":"<a>","data":{"interaction":{"id":"x"}}},{"tick":1311694603}, {"what":1}]
                interaction <a> x {"interaction":{"id":"x"}}
                tick 2011-07-26T15:36:43.000000Z
                unreadable (an object of no known shape) {"what":1}
            {"hash":"<a>","data":{"interaction":{"id":"x"}}}{"hash":"<b>","data":{"interaction":{"id":"y"}}}
                interaction <a> x {"interaction":{"id":"x"}}
                interaction <b> y {"interaction":{"id":"y"}}
            {"hash":"<a>","data":{"interaction":{"id":"x"}}} {"tick":1311694603} and the rest
                interaction <a> x {"interaction":{"id":"x"}}
                tick 2011-07-26T15:36:43.000000Z
                unreadable (expected value at line 1 column 99) and the rest
            {"hash":"<a>","data":{"interaction":{"id":"x"}}}["hash",["h"]]
                interaction <a> x {"interaction":{"id":"x"}}
                unreadable (not an object) ["hash",["h"]]
            [{"tick":1311694603}
                unreadable (EOF while parsing a list at line 1 column 20) [{"tick":1311694603}
            [[{"tick":1311694603}]]
                unreadable (not an object) [{"tick":1311694603}]
            []
                unreadable (empty array) []
        "#]],
    );
    let lines = "{\"tick\":1311694603}\r\n\n{\"hash\":\"<a>\",\"data\":{\"interaction\":{\"id\":\"x\"}}}\n";
    expect![[r#"
        tick 2011-07-26T15:36:43.000000Z
        interaction <a> x {"interaction":{"id":"x"}}
    "#]]
    .assert_eq(&said(lines));
}

#[test]
fn what_is_no_object_is_unreadable_and_a_blank_says_nothing() {
    check(
        r#"hello
           <html><body>502 Bad Gateway</body></html>
           "text"
           5
           null
           {}
           {"hash":"<a>"
           {"hash":"<a>","hash":"<b>","data":{"interaction":{"id":"x"}}}
           {"hash":"<a>","data":{"interaction":{"id":"x"},"interaction":{"id":"y"}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","n":NaN}}}
           {"message":"Successfully subscribed to hash <a>"}
           {"status":true,"message":"x"}"#,
        &expect![[r#"
            hello
                unreadable (expected value at line 1 column 1) hello
            <html><body>502 Bad Gateway</body></html>
                unreadable (expected value at line 1 column 1) <html><body>502 Bad Gateway</body></html>
            "text"
                unreadable (not an object) "text"
            5
                unreadable (not an object) 5
            null
                unreadable (not an object) null
            {}
                unreadable (an object of no known shape) {}
            {"hash":"<a>"
                unreadable (EOF while parsing an object at line 1 column 42) {"hash":"<a>"
            {"hash":"<a>","hash":"<b>","data":{"interaction":{"id":"x"}}}
                unreadable (duplicate field `hash` at line 1 column 49) {"hash":"<a>","hash":"<b>","data":{"interaction":{"id":"x"}}}
            {"hash":"<a>","data":{"interaction":{"id":"x"},"interaction":{"id":"y"}}}
                unreadable (data: duplicate field `interaction` at line 1 column 39) {"hash":"<a>","data":{"interaction":{"id":"x"},"interaction":{"id":"y"}}}
            {"hash":"<a>","data":{"interaction":{"id":"x","n":NaN}}}
                unreadable (expected value at line 1 column 80) {"hash":"<a>","data":{"interaction":{"id":"x","n":NaN}}}
            {"message":"Successfully subscribed to hash <a>"}
                unreadable (an object of no known shape) {"message":"Successfully subscribed to hash <a>"}
            {"status":true,"message":"x"}
                unreadable (an object of no known shape) {"status":true,"message":"x"}
        "#]],
    );
    for blank in ["", " ", "\n", "\r\n\t", "\u{feff}"] {
        assert_eq!(said(blank), "", "{blank:?}");
    }
    assert_eq!(said("\u{feff}{\"tick\":1311694603}"), "tick 2011-07-26T15:36:43.000000Z\n");
}

#[test]
fn ticks_and_dates() {
    check(
        r#"{"tick":"1311694603"}
           {"tick":-5}
           {"tick":0}
           {"tick":99999999999999999999}
           {"tick":{}}
           {"tick":null,"status":"connected","message":"Waiting for data"}
           {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"Sat, 20 Oct 2012 19:10:20 +0200"}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"2012-10-20T17:10:20.250Z"}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","created_at":1350753020}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","created_at":1350753020.5}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"1350753020.5"}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"yesterday"}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","created_at":5}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"Sat, 20 Oct 2012 17:10:20 +0000","received_at":1350753025.125}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"Sat, 20 Oct 2012 17:10:20 +0000","received_at":1350753000}}}
           {"hash":"<a>","data":{"interaction":{"id":"x","received_at":"1350753000"}}}"#,
        &expect![[r#"
            {"tick":"1311694603"}
                tick 2011-07-26T15:36:43.000000Z
            {"tick":-5}
                tick 1969-12-31T23:59:55.000000Z
            {"tick":0}
                tick 1970-01-01T00:00:00.000000Z
            {"tick":99999999999999999999}
                tick nonsense
            {"tick":{}}
                tick nonsense
            {"tick":null,"status":"connected","message":"Waiting for data"}
                Alive [] Waiting for data
            {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"Sat, 20 Oct 2012 19:10:20 +0200"}}}
                interaction <a> x created 2012-10-20T17:10:20.000000Z produced 2012-10-20T17:10:20.000000Z {"interaction":{"id":"x","created_at":"Sat, 20 Oct 2012 19:10:20 +0200"}}
            {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"2012-10-20T17:10:20.250Z"}}}
                interaction <a> x created 2012-10-20T17:10:20.250000Z produced 2012-10-20T17:10:20.250000Z {"interaction":{"id":"x","created_at":"2012-10-20T17:10:20.250Z"}}
            {"hash":"<a>","data":{"interaction":{"id":"x","created_at":1350753020}}}
                interaction <a> x created 2012-10-20T17:10:20.000000Z produced 2012-10-20T17:10:20.000000Z {"interaction":{"id":"x","created_at":1350753020}}
            {"hash":"<a>","data":{"interaction":{"id":"x","created_at":1350753020.5}}}
                interaction <a> x created 2012-10-20T17:10:20.500000Z produced 2012-10-20T17:10:20.500000Z {"interaction":{"id":"x","created_at":1350753020.5}}
            {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"1350753020.5"}}}
                interaction <a> x created 2012-10-20T17:10:20.500000Z produced 2012-10-20T17:10:20.500000Z {"interaction":{"id":"x","created_at":"1350753020.5"}}
            {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"yesterday"}}}
                interaction <a> x {"interaction":{"id":"x","created_at":"yesterday"}}
            {"hash":"<a>","data":{"interaction":{"id":"x","created_at":5}}}
                interaction <a> x {"interaction":{"id":"x","created_at":5}}
            {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"Sat, 20 Oct 2012 17:10:20 +0000","received_at":1350753025.125}}}
                interaction <a> x created 2012-10-20T17:10:20.000000Z produced 2012-10-20T17:10:25.125000Z {"interaction":{"id":"x","created_at":"Sat, 20 Oct 2012 17:10:20 +0000","received_at":1350753025.125}}
            {"hash":"<a>","data":{"interaction":{"id":"x","created_at":"Sat, 20 Oct 2012 17:10:20 +0000","received_at":1350753000}}}
                interaction <a> x created 2012-10-20T17:10:20.000000Z produced 2012-10-20T17:10:20.000000Z {"interaction":{"id":"x","created_at":"Sat, 20 Oct 2012 17:10:20 +0000","received_at":1350753000}}
            {"hash":"<a>","data":{"interaction":{"id":"x","received_at":"1350753000"}}}
                interaction <a> x produced 2012-10-20T17:10:00.000000Z {"interaction":{"id":"x","received_at":"1350753000"}}
        "#]],
    );
}

#[test]
fn statuses_in_odd_shapes() {
    check(
        r#"{"status":"failure","message":"You have insufficient credits available to consume the stream","hashes":"<a>"}
           {"status":"failure","message":"The stream has been disabled","hashes":["<A>",null,5,{},"<b>"],"hash":"<a>"}
           {"status":"failure","message":"The stream has been disabled","hashes":{"<a>":true},"hash":" "}
           {"status":"failure","message":"The stream <a> has been disabled","hash":"","hashes":[]}
           {"status":"failure","message":"The stream has been disabled","interaction":"none"}
           {"status":"failure","message":["no"]}
           {"status":"failure"}
           {"status":5,"message":"hello"}
           {"status":" FAILURE ","message":" you  have\tTOO MANY\n subscriptions "}"#.replace("<A>", &A.to_uppercase()).as_str(),
        &expect![[r#"
            {"status":"failure","message":"You have insufficient credits available to consume the stream","hashes":"<a>"}
                CreditsUsedUp ["<a>"] You have insufficient credits available to consume the stream
            {"status":"failure","message":"The stream has been disabled","hashes":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",null,5,{},"<b>"],"hash":"<a>"}
                StreamDisabled ["<a>", "<a>", "5", "<b>"] The stream has been disabled
            {"status":"failure","message":"The stream has been disabled","hashes":{"<a>":true},"hash":" "}
                StreamDisabled [] The stream has been disabled
            {"status":"failure","message":"The stream <a> has been disabled","hash":"","hashes":[]}
                StreamDisabled ["<a>"] The stream <a> has been disabled
            {"status":"failure","message":"The stream has been disabled","interaction":"none"}
                StreamDisabled [] The stream has been disabled
            {"status":"failure","message":["no"]}
                UnknownFailure [] 
            {"status":"failure"}
                UnknownFailure [] 
            {"status":5,"message":"hello"}
                UnknownSuccess [] hello
            {"status":" FAILURE ","message":" you  have\tTOO MANY\n subscriptions "}
                TooManySubscriptions []  you  have\tTOO MANY\n subscriptions 
        "#]],
    );
}
