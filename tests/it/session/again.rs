//! Streams that are switched off, or taken out and in again, on the living connection.

use expect_test::expect;

use super::script::check;

#[test]
fn a_disabled_stream_is_tried_once_a_day() {
    check(
        r#"only subscribe stands gap say dial
         opens
         ticks
         0.2 ack a b
         10 frame {"status":"failure","message":"The stream <a> has been disabled"}
         86410.1 frame {"status":"failure","message":"The stream <a> has been disabled"}
         172900 end"#,
        &expect![[r#"
            0 > dial
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < ack a b
            0.2 > stands a active
            0.2 > stands b active
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            10 < frame {"status":"failure","message":"The stream <a> has been disabled"}
            10 > stands a disabled
            10 > say error stream-disabled
            10 > gap a from 0.2 disabled
            10 > say warn gap-opened
            86410 > subscribe a
            86410.1 < frame {"status":"failure","message":"The stream <a> has been disabled"}
            172810.1 > subscribe a
            172820.1 > say warn acknowledgement-missing
            172820.1 > subscribe a
            172830.1 > say warn acknowledgement-missing
            172830.1 > subscribe a
            172840.1 > say warn acknowledgement-missing
            172880.1 > subscribe a
            172890.1 > say warn acknowledgement-missing
            172890.1 > subscribe a
        "#]],
    );
}

#[test]
fn a_reload_tries_a_disabled_stream() {
    check(
        r#"only subscribe stands say
         0.1 open
         0.2 ack b
         0.3 frame {"status":"failure","message":"The stream <a> has been disabled"}
         10 reload
         10.1 frame {"status":"failure","message":"The stream <a> has been disabled"}
         20 eof
         20.5 reload
         21.1 open
         21.2 ack b a
         22 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < ack b
            0.2 > stands b active
            0.3 < frame {"status":"failure","message":"The stream <a> has been disabled"}
            0.3 > stands a disabled
            0.3 > say error stream-disabled
            0.3 > say warn gap-opened
            0.3 > say info subscribed: all streams answered: 1 active, 1 out, after 0.200 s
            10 < reload
            10 > say info reloaded
            10 > subscribe a
            10.1 < frame {"status":"failure","message":"The stream <a> has been disabled"}
            10.1 > stands a disabled
            10.1 > say error stream-disabled
            20 < eof
            20 > say warn gap-opened
            20 > say warn disconnected
            20 > say info reconnecting: attempt 1 to connect in 1.0 s (network)
            20.5 < reload
            20.5 > say info reloaded
            21.1 < open
            21.1 > say info connected
            21.1 > subscribe a b
            21.2 < ack b a
            21.2 > stands b active
            21.2 > stands a active
            21.2 > say info gap-closed
            21.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
        "#]],
    );
}

#[test]
fn streams_come_and_go_on_the_living_connection() {
    check(
        "only subscribe unsubscribe cover gap retired keep say
         0.1 open
         0.2 ack a b
         30 tick
         40 reload +c -a
         40.1 item a
         40.2 ack c
         40.3 item c
         41 end",
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < ack a b
            0.2 > cover a from 0.2
            0.2 > cover b from 0.2
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            40 < reload +c -a
            40 > unsubscribe a
            40 > retired a at 40, proven to 27
            40 > say info reloaded
            40 > subscribe c
            40.1 < item a
            40.1 > say debug foreign-interaction
            40.2 < ack c
            40.2 > cover c from 40.2
            40.3 < item c
            40.3 > keep c
        "#]],
    );
}

#[test]
fn a_stream_taken_out_and_in_again_waits_for_its_own_acknowledgement() {
    check(
        "only subscribe unsubscribe cover retired keep
         0.1 open
         0.2 ack b
         0.3 reload -a
         0.4 reload +a
         0.5 item a
         0.6 ack a
         0.7 item a
         0.8 ack a
         1 end",
        &expect![[r#"
            0.1 < open
            0.1 > subscribe a b
            0.2 < ack b
            0.2 > cover b from 0.2
            0.3 < reload -a
            0.3 > unsubscribe a
            0.3 > retired a at 0.3, nothing proven
            0.4 < reload +a
            0.4 > subscribe a
            0.5 < item a
            0.5 > keep a
            0.6 < ack a
            0.7 < item a
            0.7 > keep a
            0.8 < ack a
            0.8 > cover a from 0.8
        "#]],
    );
}

#[test]
fn a_stream_in_again_is_not_proven_by_what_is_left_of_the_old_one() {
    check(
        r#"only subscribe unsubscribe cover retired keep
         0.1 open
         0.2 ack a b
         1 reload -a
         1.1 reload +a
         1.2 item a
         1.3 frame {"status":"success","message":"Successfully unsubscribed from hash <a>"}
         5 item b
         12 item a
         13 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > subscribe a b
            0.2 < ack a b
            0.2 > cover a from 0.2
            0.2 > cover b from 0.2
            1 < reload -a
            1 > unsubscribe a
            1 > retired a at 1, nothing proven
            1.1 < reload +a
            1.1 > subscribe a
            1.2 < item a
            1.2 > keep a
            1.3 < frame {"status":"success","message":"Successfully unsubscribed from hash <a>"}
            5 < item b
            5 > keep b
            11.1 > subscribe a
            12 < item a
            12 > cover a from 12
            12 > keep a
        "#]],
    );
}

#[test]
fn what_a_server_held_back_for_longer_than_an_answer_takes_proves_no_stream_that_is_in_again() {
    check(
        r#"only subscribe unsubscribe cover retired keep
         0.1 open
         0.2 ack a b
         1 reload -a
         1.1 reload +a
         12 item a -11
         14 item b
         21.2 item a
         22 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > subscribe a b
            0.2 < ack a b
            0.2 > cover a from 0.2
            0.2 > cover b from 0.2
            1 < reload -a
            1 > unsubscribe a
            1 > retired a at 1, nothing proven
            1.1 < reload +a
            1.1 > subscribe a
            11.1 > subscribe a
            12 < item a -11
            12 > keep a
            14 < item b
            14 > keep b
            21.1 > subscribe a
            21.2 < item a
            21.2 > cover a from 21.2
            21.2 > keep a
        "#]],
    );
}

#[test]
fn the_end_of_a_subscription_is_not_its_beginning() {
    check(
        r#"only cover say
         0.1 open
         0.2 frame {"status":"success","message":"Unsubscribed","hash":"<a>"}
         0.3 frame {"status":"failure","message":"You were not successfully subscribed to <a>"}
         1 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.2 < frame {"status":"success","message":"Unsubscribed","hash":"<a>"}
            0.2 > say warn unknown-status
            0.3 < frame {"status":"failure","message":"You were not successfully subscribed to <a>"}
            0.3 > say warn unknown-status
            0.3 > say warn stream-trouble: stream a not served, asking again in 10 s: You were not successfully subscribed to a
        "#]],
    );
}

#[test]
fn a_mistake_of_ours_is_named_and_not_repeated_in_a_loop() {
    check(
        r#"only subscribe say dial
         0.1 open
         0.2 ack a
         0.3 frame {"status":"warning","message":"The JSON received from the message was invalid"}
         5 frame {"status":"warning","message":"An invalid action was received"}
         10.4 ack b
         20 end"#,
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < ack a
            0.3 < frame {"status":"warning","message":"The JSON received from the message was invalid"}
            0.3 > say error request-refused
            0.3 > say warn stream-trouble: stream b not served, asking again in 10 s: The JSON received from the message was invalid
            0.3 > say info subscribed: all streams answered: 1 active, 1 out, after 0.200 s
            5 < frame {"status":"warning","message":"An invalid action was received"}
            5 > say error request-refused
            10.3 > subscribe b
            10.4 < ack b
        "#]],
    );
}

#[test]
fn a_refusal_that_has_overtaken_an_acknowledgement_renews_the_connection() {
    check(
        r#"only subscribe stands dial say
         0.1 open
         0.2 frame {"status":"failure","message":"The stream has been disabled"}
         0.3 ack a
         0.4 ack b
         2 end"#,
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < frame {"status":"failure","message":"The stream has been disabled"}
            0.3 < ack a
            0.3 > stands a active
            0.3 > subscribe b
            0.4 < ack b
            0.4 > stands b active
            0.4 > say warn unattributed-refusal
            0.4 > say warn gap-opened
            0.4 > say warn disconnected
            0.4 > say info reconnecting: attempt 1 to connect in 1.0 s (server_error)
            1.4 > dial
        "#]],
    );
}

#[test]
fn a_refusal_by_name_does_not_explain_one_without() {
    check(
        r#"only subscribe stands dial say
         window 1
         0.1 open
         0.2 ack a
         0.3 frame {"status":"failure","message":"The stream has been disabled"}
         0.4 frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
         2 end"#,
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a
            0.2 < ack a
            0.2 > stands a active
            0.2 > subscribe b
            0.3 < frame {"status":"failure","message":"The stream has been disabled"}
            0.3 > subscribe b
            0.4 < frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
            0.4 > stands b wanted
            0.4 > say warn stream-trouble: stream b not served, asking again in 10 s: There was a problem starting your stream
            0.4 > say warn unattributed-refusal
            0.4 > say warn gap-opened
            0.4 > say warn disconnected
            0.4 > say info reconnecting: attempt 1 to connect in 1.0 s (server_error)
            1.4 > dial
        "#]],
    );
}

#[test]
fn a_stream_that_was_not_asked_for_is_taken_out_without_a_word_to_the_server() {
    check(
        "streams a b
         window 1
         only subscribe unsubscribe retired
         0.1 open
         0.2 reload -b
         0.3 reload -a
         1 end",
        &expect![[r#"
            0.1 < open
            0.1 > subscribe a
            0.2 < reload -b
            0.2 > retired b at 0.2, nothing proven
            0.3 < reload -a
            0.3 > unsubscribe a
            0.3 > retired a at 0.3, nothing proven
        "#]],
    );
}

#[test]
fn trouble_of_a_stream_that_is_out_leaves_its_gap_the_graver_cause() {
    check(
        r#"streams a b c d
         only stands gap
         0.1 open
         0.2 ack d c
         30 tick
         31 frame {"status":"failure","message":"<a> is an invalid hash"}
         31 frame {"status":"failure","message":"The stream <b> has been disabled"}
         31 frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
         32 frame {"status":"failure","message":"There was a problem starting your stream","hash":"<a>"}
         32 frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
         32 frame {"status":"failure","message":"There was a problem starting your stream","hash":"<c>"}
         33 frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
         34 end"#,
        &expect![[r#"
            0.1 < open
            0.2 < ack d c
            0.2 > stands d active
            0.2 > stands c active
            30 < tick
            31 < frame {"status":"failure","message":"<a> is an invalid hash"}
            31 > stands a rejected
            31 > gap a from 0 rejected
            31 < frame {"status":"failure","message":"The stream <b> has been disabled"}
            31 > stands b disabled
            31 > gap b from 0 disabled
            31 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
            31 > stands c overflow
            31 > gap c from 28 over_limit
            32 < frame {"status":"failure","message":"There was a problem starting your stream","hash":"<a>"}
            32 > stands a wanted
            32 < frame {"status":"failure","message":"There was a problem starting your stream","hash":"<b>"}
            32 > stands b wanted
            32 < frame {"status":"failure","message":"There was a problem starting your stream","hash":"<c>"}
            32 > stands c wanted
            33 < frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
            33 > gap d from 29 billing
        "#]],
    );
}

#[test]
fn a_mistake_of_ours_about_a_stream_that_is_served_leaves_it_served() {
    check(
        r#"only stands gap say subscribe
         serves
         30 tick
         31 frame {"status":"warning","message":"An invalid action was received","hash":"<a>"}
         50 end"#,
        &expect![[r#"
            0.1 > say info connected
            0.1 > subscribe a b
            0.11 > stands a active
            0.11 > stands b active
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            30 < tick
            31 < frame {"status":"warning","message":"An invalid action was received","hash":"<a>"}
            31 > say error request-refused
        "#]],
    );
}
