//! Why a stream or a gap stands as it does, and what of it the operator is told.

use expect_test::expect;

use super::script::{check, run};

#[test]
fn a_stream_that_is_out_and_its_gap_carry_the_servers_words() {
    check(
        r#"streams a b c d e
         only stands gap
         fields stands gap
         0.1 open
         0.2 ack d e
         30 tick
         31 frame {"status":"failure","message":"<a> is an invalid hash"}
         32 frame {"status":"failure","message":"The stream <b> has been disabled"}
         33 frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
         34 frame {"status":"failure","message":"There was a problem starting your stream","hash":"<d>"}
         35 eof"#,
        &expect![[r#"
            0.1 < open
            0.2 < ack d e
            0.2 > stands d active
            0.2 > stands e active
            30 < tick
            31 < frame {"status":"failure","message":"<a> is an invalid hash"}
            31 > stands a rejected (a is an invalid hash)
            31 > gap a from 0 rejected (a is an invalid hash)
            32 < frame {"status":"failure","message":"The stream <b> has been disabled"}
            32 > stands b disabled (The stream b has been disabled)
            32 > gap b from 0 disabled (The stream b has been disabled)
            33 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
            33 > stands c overflow (You have too many subscriptions)
            33 > gap c from 0 over_limit (You have too many subscriptions)
            34 < frame {"status":"failure","message":"There was a problem starting your stream","hash":"<d>"}
            34 > stands d wanted (There was a problem starting your stream)
            34 > gap d from 29 server_error (There was a problem starting your stream)
            35 < eof
            35 > gap e from 29 network
        "#]],
    );
}

/// Every notice that tells of something which happened to the session, but for those that are shown elsewhere.
const NAMES: &str = "maintenance capacity connection-trouble slow-consumer-disconnected drain-entered identity-refused \
                     stream-rejected stream-disabled acknowledgement-missing request-refused unattributed-refusal silence \
                     suspended frame-quarantined quarantine-full oversize-frame foreign-interaction delete-unmatched \
                     reloaded reload-refused storage-full storage-trouble";

/// What is said of these names, field by field, when this happens to two streams that are served.
fn told(event: &str) -> String {
    let timeline = run(&format!("only say\nfields {NAMES}\n0.1 open\n0.2 ack a b\n30 tick\n{event}"));
    let told = timeline.lines().filter(|line| NAMES.split(' ').any(|name| line.contains(&format!(" {name} {{"))));
    told.fold(String::new(), |told, line| told + line.split_once(" > say ").unwrap().1 + "\n")
}

#[test]
fn what_happens_is_told_with_what_it_is_about() {
    let frame = |word: &str, text: &str| format!(r#"31 frame {{"status":"{word}","message":"{text}"}}"#);
    let long = "x".repeat(1100);
    let events = [
        frame("failure", "This streaming API service node is closing for maintenance, please reconnect immediately"),
        frame("failure", "The streaming API is currently at full capacity"),
        frame("failure", "There was a problem keeping the connection alive"),
        frame("failure", "There was a problem getting the available credit balance"),
        frame("failure", "You are consuming data too slowly and have been disconnected"),
        frame("failure", "Invalid API key given"),
        frame("failure", "<a> is an invalid hash"),
        frame("failure", "The stream <a> has been disabled"),
        frame("failure", "The stream you are trying to use is currently disabled"),
        frame("warning", "The JSON received from the message was invalid"),
        format!(
            "31 reload +c +d\n31.1 ack d\n{}",
            frame("warning", "An invalid action was received").replace("31", "31.2")
        ),
        "31 reload +c +d -a -b\n45 end".to_owned(),
        "31 refused-reload".to_owned(),
        "95 end".to_owned(),
        "200 skip deadline".to_owned(),
        r#"31 frame {"what":"ever"}"#.to_owned(),
        format!("31 frame {{{long}"),
        "31 oversize".to_owned(),
        "31 item z".to_owned(),
        r#"31 frame {"hash":"<a>","data":{"deleted":true,"twitter":{"id":"1","user":{"id":5}}}}"#.to_owned(),
        "31 storage".to_owned(),
        "31 storage full".to_owned(),
    ];
    let told: String = events.iter().map(|event| told(event)).collect();
    expect![[r#"
        info maintenance {"text":"This streaming API service node is closing for maintenance, please reconnect immediately"}
        warn capacity {"text":"The streaming API is currently at full capacity"}
        warn connection-trouble {"text":"There was a problem keeping the connection alive"}
        warn connection-trouble {"text":"There was a problem getting the available credit balance"}
        error slow-consumer-disconnected {"text":"You are consuming data too slowly and have been disconnected"}
        warn drain-entered {"reason":"cut off as too slow","queue_bytes":0}
        error identity-refused {"text":"Invalid API key given","last":false}
        error stream-rejected {"stream":"a","text":"a is an invalid hash"}
        error stream-disabled {"stream":"a","text":"The stream a has been disabled"}
        warn unattributed-refusal {"text":"The stream you are trying to use is currently disabled"}
        error request-refused {"text":"The JSON received from the message was invalid","sent":"not known which"}
        info reloaded {"added":["c","d"],"removed":[],"changed":[]}
        error request-refused {"text":"An invalid action was received","sent":"subscribe c"}
        info reloaded {"added":["c","d"],"removed":["a","b"],"changed":[]}
        warn acknowledgement-missing {"streams":2,"stream":"c"}
        error reload-refused {"faults":"line 1"}
        warn silence {"seconds":65.0}
        warn suspended {"seconds":170.0}
        warn frame-quarantined {"reason":"an object of no known shape","bytes":15}
        error quarantine-full {"max_bytes":1024}
        error oversize-frame {"limit":100}
        debug foreign-interaction {"stream":"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"}
        warn delete-unmatched {"stream":"a"}
        error storage-trouble {"detail":"no"}
        error storage-full {"detail":"no"}
    "#]]
    .assert_eq(&told);
}
