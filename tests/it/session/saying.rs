//! What is said, and how often.

use expect_test::expect;

use super::script::{check, run};

/// What is said of one name, field by field.
fn told(name: &str, script: &str) -> String {
    let timeline = run(&format!("only say\nfields {name}\n{script}"));
    timeline
        .lines()
        .filter(|line| line.contains(&format!(" {name} ")))
        .fold(String::new(), |told, line| told + line + "\n")
}

#[test]
fn what_a_peer_provokes_is_counted_beyond_ten_a_minute() {
    check(
        r#"only say
         serves
         1 frame {"n":0}
         1 frame {"n":1}
         1 frame {"n":2}
         1 frame {"n":3}
         1 frame {"n":4}
         1 frame {"n":5}
         1 frame {"n":6}
         1 frame {"n":7}
         1 frame {"n":8}
         1 frame {"n":9}
         1 frame {"n":10}
         1 frame {"n":11}
         61 end"#,
        &expect![[r#"
            0.1 > say info connected
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            1 < frame {"n":0}
            1 > say warn frame-quarantined
            1 < frame {"n":1}
            1 > say warn frame-quarantined
            1 < frame {"n":2}
            1 > say warn frame-quarantined
            1 < frame {"n":3}
            1 > say warn frame-quarantined
            1 < frame {"n":4}
            1 > say warn frame-quarantined
            1 < frame {"n":5}
            1 > say warn frame-quarantined
            1 < frame {"n":6}
            1 > say warn frame-quarantined
            1 < frame {"n":7}
            1 > say warn frame-quarantined
            1 < frame {"n":8}
            1 > say warn frame-quarantined
            1 < frame {"n":9}
            1 > say warn frame-quarantined
            1 < frame {"n":10}
            1 < frame {"n":11}
            60 > say warn notices-omitted
        "#]],
    );
}

#[test]
fn the_operator_asks_for_the_state() {
    check(
        "only say
         serves
         10 state
         11 end",
        &expect![[r#"
            0.1 > say info connected
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            10 < state
            10 > say info state
        "#]],
    );
}

#[test]
fn a_summary_counts_what_a_minute_brought_and_tells_how_things_stand() {
    let told = told(
        "summary",
        r#"streams a b c d e
         0.1 open
         0.2 ack a b
         0.3 frame {"status":"failure","message":"<c> is an invalid hash"}
         0.4 frame {"status":"failure","message":"The stream <d> has been disabled"}
         50 item a
         51 item a
         52 item b
         53 frame {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"i1"}}}
         54 frame {"hash":"<a>","data":{"deleted":true,"interaction":{"id":"i2"}}}
         55 item z
         56 queue 70
         57 healing 11 12 13 14
         100 item a
         119 item b
         150 skip deadline
         151 end"#,
    );
    expect![[r#"
        60 > say info summary {"state":"live","interactions":3,"per_second":0.05,"deletes":2,"active":2,"wanted":5,"open_gaps":3,"queue_bytes":70,"backfill_pending":11,"backfill_running":12,"backfill_filled":13,"backfill_failed":14}
        150 > say info summary {"state":"live","interactions":2,"per_second":0.022222222222222223,"deletes":0,"active":2,"wanted":5,"open_gaps":3,"queue_bytes":70,"backfill_pending":11,"backfill_running":12,"backfill_filled":13,"backfill_failed":14}
    "#]]
    .assert_eq(&told);
}

#[test]
fn the_state_that_an_operator_asks_for_tells_everything() {
    let told = told(
        "state",
        r#"streams a b c d e
         0.05 state
         0.1 open
         0.2 ack a b
         0.3 frame {"status":"failure","message":"<c> is an invalid hash"}
         0.4 frame {"status":"failure","message":"The stream <d> has been disabled"}
         0.5 frame {"status":"failure","message":"<e> is an invalid hash"}
         20 queue 70
         30 ping
         40 state
         41 eof
         41.5 state
         42 stop"#,
    );
    expect![[r#"
        0.05 > say info state {"state":"connecting","active":0,"wanted":5,"out":0,"open_gaps":0,"queue_bytes":0,"connection":null,"watermark_us":null,"settings":null}
        40 > say info state {"state":"live","active":2,"wanted":5,"out":3,"open_gaps":3,"queue_bytes":70,"connection":1,"watermark_us":1311694633000000,"settings":null}
        41.5 > say info state {"state":"waiting","active":0,"wanted":5,"out":3,"open_gaps":5,"queue_bytes":70,"connection":null,"watermark_us":1311694633000000,"settings":null}
    "#]]
    .assert_eq(&told);
}

#[test]
fn a_gap_of_one_stream_names_it_and_one_of_more_tells_since_when_at_the_earliest() {
    let script = r#"streams a b c
         opens
         0.2 ack b
         0.3 ack a
         0.4 ack c
         1 eof
         2.2 ack a
         3 eof
         5.2 ack a b c
         6 frame {"status":"failure","message":"The stream <b> has been disabled"}
         7 stop
         8 closed"#;
    expect![[r#"
        1 > say warn gap-opened {"streams":3,"stream":null,"cause":"network","since_us":1311694603200000}
        3 > say warn gap-opened {"streams":1,"stream":"a","cause":"network","since_us":1311694605200000}
        6 > say warn gap-opened {"streams":1,"stream":"b","cause":"disabled","since_us":1311694608200000}
        8 > say warn gap-opened {"streams":2,"stream":null,"cause":"shutdown","since_us":1311694608200000}
    "#]]
    .assert_eq(&told("gap-opened", script));
    expect![[r#"
        3 > say info gap-closed {"streams":1,"stream":"a","connection":2}
        5.2 > say info gap-closed {"streams":3,"stream":null,"connection":3}
    "#]]
    .assert_eq(&told("gap-closed", script));
}

#[test]
fn a_message_that_is_not_in_the_table_is_named_by_its_status_word() {
    expect![[r#"
        20 > say warn unknown-status {"status":"status","text":"All is well"}
        21 > say warn unknown-status {"status":"warning","text":"Something odd"}
        22 > say warn unknown-status {"status":"failure","text":"Something bad"}
    "#]]
    .assert_eq(&told(
        "unknown-status",
        r#"serves
         20 frame {"status":"success","message":"All is well"}
         21 frame {"status":"warning","message":"Something odd"}
         22 frame {"status":"failure","message":"Something bad"}
         23 end"#,
    ));
}

#[test]
fn a_pause_for_credits_is_told_since_its_beginning() {
    let script = r#"0.1 open
         0.2 ack a b
         40 frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
         3640.1 open
         3640.2 frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
         7240.2 failed 503
         7250.2 open
         7250.3 ack a b
         7251 end"#;
    expect![[r#"
        40 > say error billing-paused {"text":"You have insufficient credits available to consume the stream","since_us":1311694643000000,"probe_seconds":3600.0}
        3640.2 > say error billing-paused {"text":"You have insufficient credits available to consume the stream","since_us":1311694643000000,"probe_seconds":3600.0}
    "#]]
    .assert_eq(&told("billing-paused", script));
    expect![[r#"
        7250.3 > say info billing-resumed {"seconds":7210.3}
    "#]]
    .assert_eq(&told("billing-resumed", script));
}

#[test]
fn what_is_said_is_kept_with_the_connection_that_it_is_about() {
    check(
        "only said
         0 failed network
         1 open
         1.1 ack a b
         2 eof
         3 open
         3.1 ack a b
         60 ping
         70 stop
         71 closed",
        &expect![[r#"
            0 < failed network
            0 > said connect-failed of none
            0 > said reconnecting of none
            1 < open
            1 > said connected of 1
            1.1 < ack a b
            1.1 > said subscribed of 1
            2 < eof
            2 > said gap-opened of 1
            2 > said disconnected of 1
            2 > said reconnecting of none
            3 < open
            3 > said connected of 2
            3.1 < ack a b
            3.1 > said gap-closed of 2
            3.1 > said subscribed of 2
            60 > said summary of 2
            60 < ping
            70 < stop
            70 > said stopping of 2
            71 < closed
            71 > said gap-opened of 2
            71 > said disconnected of 2
            71 > said stopped of none
        "#]],
    );
}

#[test]
fn a_life_in_figures() {
    check(
        r#"only say
         fields connected connect-failed disconnected stopping stopped drain-left slow-consumer-warning storage-recovered
         0 failed network
         1 failed 503 after 2
         11 open 0.25
         11.1 ack a b
         12 item a
         13 item b
         14 queue 50
         15 frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data faster you will be disconnected."}
         20 storage
         22.5 stored
         70 ping
         76 open 1.0005
         76.1 ack a b
         77 item a
         78 stop
         79 closed"#,
        &expect![[r#"
            0 < failed network
            0 > say warn connect-failed {"cause":"network","detail":"cannot reach the server: refused","attempt":1}
            0 > say info reconnecting: attempt 2 to connect in 1.0 s (network)
            1 < failed 503 after 2
            1 > say warn connect-failed {"cause":"server_error","detail":"the server answered 503","attempt":2}
            1 > say info reconnecting: attempt 3 to connect in 10.0 s (server_error)
            11 < open 0.25
            11 > say info connected {"connection":1,"url":"wss://stream.example/multi","handshake_ms":250}
            11.1 < ack a b
            11.1 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            12 < item a
            13 < item b
            14 < queue 50
            15 < frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data f
            15 > say warn slow-consumer-warning {"text":"You are consuming data too slowly. If you do not consume data faster you will be disconnected.","queue_bytes":50}
            15 > say warn gap-opened
            15 > say warn drain-entered
            20 < storage
            20 > say error storage-trouble
            22.5 < stored
            22.5 > say info storage-recovered {"seconds":2.5}
            70 < ping
            75 > say info drain-left {"seconds":60.0}
            75 > say warn disconnected {"connection":1,"cause":"slow_consumer","detail":"renewed after the warning, to be sure of what comes","seconds":64.0}
            75 > say info reconnecting: attempt 1 to connect in 0.0 s (slow_consumer)
            76 < open 1.0005
            76 > say info connected {"connection":2,"url":"wss://stream.example/multi","handshake_ms":1000}
            76.1 < ack a b
            76.1 > say info gap-closed
            76.1 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            77 < item a
            78 < stop
            78 > say info stopping {"reason":"SIGTERM"}
            79 < closed
            79 > say warn gap-opened
            79 > say warn disconnected {"connection":2,"cause":"shutdown","detail":"stopped","seconds":3.0}
            79 > say info stopped {"reason":"SIGTERM","interactions":3}
        "#]],
    );
}

#[test]
fn a_summary_comes_every_minute_also_when_nothing_else_is_due() {
    let told = told("summary", "serves\n50 ping\n110 ping\n130 end");
    let minutes: Vec<_> = told.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(minutes, ["60", "120"]);
}

#[test]
fn an_operator_is_reminded_of_an_empty_account_once_an_hour() {
    let told = told(
        "billing-paused",
        r#"probe 7500
         0 failed 402 {"status":"failure","message":"You have insufficient credits available to consume the stream"}
         7400 end"#,
    );
    expect![[r#"
        0 > say error billing-paused {"text":"the server answered 402: {\"status\":\"failure\",\"message\":\"You have insufficient credits available to consume the stream\"}","since_us":1311694603000000,"probe_seconds":7500.0}
        3600 > say error billing-paused {"text":"still no credits","since_us":1311694603000000,"probe_seconds":3900.0}
        7200 > say error billing-paused {"text":"still no credits","since_us":1311694603000000,"probe_seconds":300.0}
    "#]]
    .assert_eq(&told);
}

#[test]
fn the_last_word_says_why_it_is_over() {
    expect![[r#"
        0 > say info stopped {"reason":"identity refused","interactions":0}
    "#]]
    .assert_eq(&told("stopped", "0 failed 403"));
    expect![[r#"
        0.5 > say info stopped {"reason":"SIGTERM","interactions":0}
    "#]]
    .assert_eq(&told("stopped", "0 failed 503\n0.5 stop"));
}
