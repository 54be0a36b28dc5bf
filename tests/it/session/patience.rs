//! Streams that are asked for again.

use expect_test::expect;

use super::script::check;

#[test]
fn an_acknowledgement_that_does_not_come_is_asked_for_again_and_again() {
    check(
        "streams a
         only subscribe say cover gap
         0.1 open
         40 tick
         80 tick
         100 ack a
         101 ack a
         110 end",
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a
            10.1 > say warn acknowledgement-missing
            10.1 > subscribe a
            20.1 > say warn acknowledgement-missing
            20.1 > subscribe a
            30.1 > say warn acknowledgement-missing
            30.1 > say info subscribed: all streams answered: 0 active, 1 out, after 30.000 s
            40 < tick
            60 > gap a from 0 starting
            60 > say warn gap-opened
            70.1 > subscribe a
            80 < tick
            80.1 > say warn acknowledgement-missing
            80.1 > subscribe a
            90.1 > say warn acknowledgement-missing
            90.1 > subscribe a
            100 < ack a
            100 > cover a from 100
            100 > say info gap-closed
            101 < ack a
        "#]],
    );
}

#[test]
fn a_late_acknowledgement_counts() {
    check(
        "streams a b
         only subscribe say cover
         0.1 open
         0.2 ack a
         12 ack b
         13 ack b
         30 end",
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < ack a
            0.2 > cover a from 0.2
            10.1 > say warn acknowledgement-missing
            10.1 > subscribe b
            12 < ack b
            12 > cover b from 12
            12 > say info subscribed: all streams answered: 2 active, 0 out, after 11.900 s
            13 < ack b
        "#]],
    );
}

#[test]
fn without_an_acknowledgement_the_first_message_counts() {
    check(
        "streams a b
         only subscribe say cover keep
         0.1 open
         0.2 ack a
         3 item b
         3.1 ack b
         30 end",
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < ack a
            0.2 > cover a from 0.2
            3 < item b
            3 > cover b from 3
            3 > keep b
            3 > say info subscribed: all streams answered: 2 active, 0 out, after 2.900 s
            3.1 < ack b
        "#]],
    );
}

#[test]
fn trouble_of_one_stream_is_tried_again_later_and_later() {
    check(
        r#"only subscribe stands say gap cover
         opens
         0.2 ack a b
         30 tick
         40 frame {"status":"failure","message":"There was an error getting the stream information","hash":"<a>"}
         50.005 frame {"status":"failure","message":"There was an error getting the stream information","hash":"<a>"}
         70.006 frame {"status":"failure","message":"There was an error getting the stream information","hash":"<a>"}
         110.1 ack a
         111 end"#,
        &expect![[r#"
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < ack a b
            0.2 > stands a active
            0.2 > cover a from 0.2
            0.2 > stands b active
            0.2 > cover b from 0.2
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            40 < frame {"status":"failure","message":"There was an error getting the stream information","hash":"<a>"
            40 > stands a wanted
            40 > say warn stream-trouble: stream a not served, asking again in 10 s: There was an error getting the stream information
            40 > gap a from 27 server_error
            40 > say warn gap-opened
            50 > subscribe a
            50.005 < frame {"status":"failure","message":"There was an error getting the stream information","hash":"<a>"
            50.005 > stands a wanted
            50.005 > say warn stream-trouble: stream a not served, asking again in 20 s: There was an error getting the stream information
            70.005 > subscribe a
            70.006 < frame {"status":"failure","message":"There was an error getting the stream information","hash":"<a>"
            70.006 > stands a wanted
            70.006 > say warn stream-trouble: stream a not served, asking again in 40 s: There was an error getting the stream information
            110.006 > subscribe a
            110.1 < ack a
            110.1 > stands a active
            110.1 > cover a from 110.1
            110.1 > say info gap-closed
        "#]],
    );
}

#[test]
fn what_is_left_of_an_ended_subscription_does_not_prove_a_new_one() {
    check(
        r#"only stands cover gap keep
         opens
         0.2 ack a b
         30 tick
         40 frame {"status":"failure","message":"The stream <a> has been disabled"}
         40.1 item a
         41 item a
         60 end"#,
        &expect![[r#"
            0.2 < ack a b
            0.2 > stands a active
            0.2 > cover a from 0.2
            0.2 > stands b active
            0.2 > cover b from 0.2
            30 < tick
            40 < frame {"status":"failure","message":"The stream <a> has been disabled"}
            40 > stands a disabled
            40 > gap a from 27 disabled
            40.1 < item a
            40.1 > keep a
            41 < item a
            41 > keep a
        "#]],
    );
}

#[test]
fn a_frame_that_comes_in_pieces_is_no_silence_and_proves_nothing() {
    check(
        "only gap say dial
         0.1 open
         0.2 ack a b
         30 tick
         80 part
         140 part
         204 part
         260 item a
         300 part
         400 end",
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            80 < part
            140 < part
            204 < part
            260 < item a
            300 < part
            365 > say warn silence
            365 > gap a from 257 silence
            365 > gap b from 257 silence
            365 > say warn gap-opened
            365 > say warn disconnected
            365 > say info reconnecting: attempt 1 to connect in 0.0 s (silence)
            365 > dial
        "#]],
    );
    // Whoever slept for too long learns nothing from what has come before.
    check(
        "only gap say dial
         0.1 open
         0.2 ack a b
         30 tick
         300 skip part
         301 end",
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            300 > say warn suspended
            300 > gap a from 27 suspended
            300 > gap b from 27 suspended
            300 > say warn gap-opened
            300 > say warn disconnected
            300 > say info reconnecting: attempt 1 to connect in 0.0 s (suspended)
            300 > dial
        "#]],
    );
}

#[test]
fn a_message_of_a_stream_that_was_not_asked_for_yet_proves_nothing() {
    check(
        "only subscribe stands cover keep
         window 1
         0.1 open
         0.2 item b
         0.3 ack a
         0.4 item b
         1 end",
        &expect![[r#"
            0.1 < open
            0.1 > subscribe a
            0.2 < item b
            0.2 > keep b
            0.3 < ack a
            0.3 > stands a active
            0.3 > cover a from 0.3
            0.3 > subscribe b
            0.4 < item b
            0.4 > stands b active
            0.4 > cover b from 0.4
            0.4 > keep b
        "#]],
    );
}
