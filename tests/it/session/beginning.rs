//! Where the history of a stream begins.

use expect_test::expect;

use super::script::{check, run};

#[test]
fn a_first_start_shows_no_gap() {
    check(
        "only gap cover say
         0 failed network
         1 failed 503
         11 failed 503
         31 open
         59.9 ack a b
         70 end",
        &expect![[r#"
            0 < failed network
            0 > say warn connect-failed
            0 > say info reconnecting: attempt 2 to connect in 1.0 s (network)
            1 < failed 503
            1 > say warn connect-failed
            1 > say info reconnecting: attempt 3 to connect in 10.0 s (server_error)
            11 < failed 503
            11 > say warn connect-failed
            11 > say info reconnecting: attempt 4 to connect in 20.0 s (server_error)
            31 < open
            31 > say info connected
            41 > say warn acknowledgement-missing
            51 > say warn acknowledgement-missing
            59.9 < ack a b
            59.9 > cover a from 59.9
            59.9 > cover b from 59.9
            59.9 > say info subscribed: all streams answered: 2 active, 0 out, after 28.900 s
        "#]],
    );
}

#[test]
fn after_the_first_minute_the_gap_reaches_back_to_the_beginning() {
    check(
        "only gap cover
         streams a b=30 c
         0 failed 503
         10 failed 503
         30 open
         30.1 ack a
         91 ack b c
         92 end",
        &expect![[r#"
            0 < failed 503
            10 < failed 503
            30 < open
            30.1 < ack a
            30.1 > cover a from 30.1
            60 > gap c from 0 starting
            90 > gap b from 30 starting
            91 < ack b c
            91 > cover b from 91
            91 > cover c from 91
        "#]],
    );
}

#[test]
fn a_stream_kept_out_in_its_first_minute_tells_by_what() {
    check(
        r#"streams a b c d
         only gap cover
         0.1 open
         0.2 frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
         0.3 frame {"status":"failure","message":"<c> is an invalid hash"}
         0.4 frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data faster you will be disconnected."}
         0.5 ack a
         30 tick
         61 end"#,
        &expect![[r#"
            0.1 < open
            0.2 < frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
            0.3 < frame {"status":"failure","message":"<c> is an invalid hash"}
            0.3 > gap c from 0 rejected
            0.4 < frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data f
            0.5 < ack a
            30 < tick
            60 > gap b from 0 server_error
            60 > gap a from 0 slow_consumer
            60 > gap d from 0 slow_consumer
        "#]],
    );
}

#[test]
fn no_way_to_the_server_in_the_first_minute() {
    check(
        "only gap
         streams a
         0 failed network
         1 failed network
         3 failed network
         6 failed network
         10 failed network
         15 failed network
         21 failed network
         28 failed network
         36 failed network
         45 failed network
         55 failed network
         66 end",
        &expect![[r#"
            0 < failed network
            1 < failed network
            3 < failed network
            6 < failed network
            10 < failed network
            15 < failed network
            21 < failed network
            28 < failed network
            36 < failed network
            45 < failed network
            55 < failed network
            60 > gap a from 0 network
        "#]],
    );
}

#[test]
fn wanted_long_ago_and_never_served() {
    check(
        "streams a=-100 b=-30
         only gap cover
         0 skip open
         0.1 skip ack a b
         1 end",
        &expect![[r#"
            0.1 > gap a from -100 starting
            0.1 > cover a from 0.1
            0.1 > cover b from 0.1
        "#]],
    );
}

#[test]
fn a_gap_from_before_the_start_ends_with_the_acknowledgement() {
    check(
        "streams a
         standing a crash
         only gap cover say
         0.1 open
         0.2 ack a
         1 end",
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.2 < ack a
            0.2 > cover a from 0.2
            0.2 > say info gap-closed
            0.2 > say info subscribed: all streams answered: 1 active, 0 out, after 0.100 s
        "#]],
    );
}

/// Nobody was there to meet the end of the minute before the acknowledgement came.
#[test]
fn a_history_begins_without_a_gap_as_long_as_the_first_minute_is_not_over() {
    let timeline = |at: &str| run(&format!("streams a\nonly gap cover\n0.1 open\n{at} skip ack a\n{at} end"));
    assert_eq!(timeline("60"), "0.1 < open\n60 > cover a from 60\n");
    assert_eq!(
        timeline("60.000001"),
        "0.1 < open\n60.000001 > gap a from 0 starting\n60.000001 > cover a from 60.000001\n"
    );
}

#[test]
fn a_gap_from_before_goes_on_under_the_cause_that_the_server_gives() {
    check(
        r#"streams a b
         standing a crash
         standing b crash
         only gap cover
         0.1 open
         1 frame {"status":"failure","message":"The stream <a> has been disabled"}
         2 frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
         12.1 frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
         13 end"#,
        &expect![[r#"
            0.1 < open
            1 < frame {"status":"failure","message":"The stream <a> has been disabled"}
            1 > gap a from 1 disabled
            2 < frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
            2 > gap b from 2 server_error
            12.1 < frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
        "#]],
    );
}

#[test]
fn a_stream_that_the_server_cannot_serve_when_the_first_minute_ends_tells_so() {
    check(
        r#"streams a b
         patience 90
         only gap
         0.1 open
         55 frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
         61 end"#,
        &expect![[r#"
            0.1 < open
            55 < frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
            60 > gap b from 0 server_error
            60 > gap a from 0 starting
        "#]],
    );
}

#[test]
fn a_stream_that_is_added_later_has_a_first_minute_of_its_own() {
    check(
        "only gap cover
         ticks
         opens
         0.2 ack a b
         100 reload +c
         161 end",
        &expect![[r#"
            0.2 < ack a b
            0.2 > cover a from 0.2
            0.2 > cover b from 0.2
            100 < reload +c
            160 > gap c from 100 starting
        "#]],
    );
}
