//! What ends a connection for long, or the daemon.

use expect_test::expect;

use super::script::check;

#[test]
fn a_wrong_identity_at_the_start_is_the_end() {
    check(
        r#"0 failed 401 {"status":"failure","message":"Invalid API key given"}
         100 reload +c
         100 open
         200 end"#,
        &expect![[r#"
            0 > dial
            0 > state connecting
            0 < failed 401 {"status":"failure","message":"Invalid API key given"}
            0 > say warn connect-failed
            0 > say error identity-refused
            0 > gap a from 0 auth
            0 > gap b from 0 auth
            0 > say warn gap-opened
            0 > state stopped
            0 > say info stopped
            0 > end identity-refused
            100 < reload +c
            100 < open
            100 > hang-up
        "#]],
    );
}

#[test]
fn a_forbidden_dial_is_a_wrong_identity_whatever_it_says() {
    check(
        "only dial end
         0 failed 403 <html>Forbidden</html>
         100 end",
        &expect![[r#"
            0 > dial
            0 < failed 403 <html>Forbidden</html>
            0 > end identity-refused
        "#]],
    );
}

#[test]
fn a_wrong_identity_in_words_at_the_start_is_the_end() {
    check(
        r#"only dial end gap closed say hang-up
         0.1 open
         0.2 frame {"status":"failure","message":"Your account has been denied access"}
         0.3 eof
         100 end"#,
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.2 < frame {"status":"failure","message":"Your account has been denied access"}
            0.2 > say error identity-refused
            0.2 > closed auth: Your account has been denied access
            0.2 > say warn disconnected
            0.2 > hang-up
            0.2 > gap a from 0 auth
            0.2 > gap b from 0 auth
            0.2 > say warn gap-opened
            0.2 > say info stopped
            0.2 > end identity-refused
            0.3 < eof
        "#]],
    );
}

#[test]
fn a_wrong_identity_later_is_tried_once_more_after_a_minute() {
    check(
        r#"only dial end gap closed say
         0.1 open
         0.2 ack a b
         30 tick
         40 frame {"status":"failure","message":"The username or API key is not correct or you have been banned"}
         100 failed 401
         300 end"#,
        &expect![[r#"
            0 > dial
            0.1 < open
            0.1 > say info connected
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            30 < tick
            40 < frame {"status":"failure","message":"The username or API key is not correct or you have been banned"
            40 > say error identity-refused
            40 > gap a from 27 auth
            40 > gap b from 27 auth
            40 > say warn gap-opened
            40 > closed auth: The username or API key is not correct or you have been banned
            40 > say warn disconnected
            40 > say info reconnecting: attempt 1 to connect in 60.0 s (auth)
            100 > dial
            100 < failed 401
            100 > say warn connect-failed
            100 > say error identity-refused
            100 > say info stopped
            100 > end identity-refused
        "#]],
    );
}

#[test]
fn an_identity_that_was_accepted_again_is_trusted_again() {
    check(
        r#"only dial end
         0.1 open
         0.2 ack a b
         30 frame {"status":"failure","message":"Invalid API key given"}
         90 failed network
         91 open
         91.1 ack a b
         120 frame {"status":"failure","message":"Invalid API key given"}
         180 failed network
         181 failed 403
         300 end"#,
        &expect![[r#"
            0 > dial
            0.1 < open
            0.2 < ack a b
            30 < frame {"status":"failure","message":"Invalid API key given"}
            90 > dial
            90 < failed network
            91 > dial
            91 < open
            91.1 < ack a b
            120 < frame {"status":"failure","message":"Invalid API key given"}
            180 > dial
            180 < failed network
            181 > dial
            181 < failed 403
            181 > end identity-refused
        "#]],
    );
}

#[test]
fn no_credits_pauses_probes_once_an_hour_and_says_so_once_an_hour() {
    check(
        r#"only dial say state gap
         0.1 open
         0.2 ack a b
         30 tick
         40 frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
         3640.1 open
         3640.2 tick
         3640.3 frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
         7240.3 failed network
         7241.3 failed network
         7243.3 open
         7243.4 ack a b
         7244 end"#,
        &expect![[r#"
            0 > dial
            0 > state connecting
            0.1 < open
            0.1 > say info connected
            0.1 > state subscribing
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            0.2 > state live
            30 < tick
            40 < frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
            40 > gap a from 27 billing
            40 > gap b from 27 billing
            40 > say warn gap-opened
            40 > say warn disconnected
            40 > say error billing-paused
            40 > state paused_billing
            3640 > dial
            3640.1 < open
            3640.1 > say info connected
            3640.1 > state subscribing
            3640.2 < tick
            3640.3 < frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
            3640.3 > say warn disconnected
            3640.3 > say error billing-paused
            3640.3 > state paused_billing
            7240.3 > dial
            7240.3 < failed network
            7240.3 > say warn connect-failed
            7240.3 > say info reconnecting: attempt 2 to connect in 1.0 s (network)
            7241.3 > dial
            7241.3 < failed network
            7241.3 > say warn connect-failed
            7241.3 > say info reconnecting: attempt 3 to connect in 2.0 s (network)
            7243.3 > dial
            7243.3 < open
            7243.3 > say info connected
            7243.3 > state subscribing
            7243.4 < ack a b
            7243.4 > say info billing-resumed
            7243.4 > say info gap-closed
            7243.4 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            7243.4 > state live
        "#]],
    );
}

#[test]
fn a_reload_ends_the_pause_at_once_even_a_refused_one() {
    check(
        r#"only dial say state
         0.1 open
         0.2 ack a b
         40 frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
         100 refused-reload
         100.1 open
         100.2 frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
         200 reload +c
         200.1 open
         200.2 ack a b c
         201 end"#,
        &expect![[r#"
            0 > dial
            0 > state connecting
            0.1 < open
            0.1 > say info connected
            0.1 > state subscribing
            0.2 < ack a b
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            0.2 > state live
            40 < frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
            40 > say warn gap-opened
            40 > say warn disconnected
            40 > say error billing-paused
            40 > state paused_billing
            100 < refused-reload
            100 > say error reload-refused
            100 > dial
            100.1 < open
            100.1 > say info connected
            100.1 > state subscribing
            100.2 < frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
            100.2 > say warn disconnected
            100.2 > say error billing-paused
            100.2 > state paused_billing
            200 < reload +c
            200 > say info reloaded
            200 > dial
            200.1 < open
            200.1 > say info connected
            200.1 > state subscribing
            200.2 < ack a b c
            200.2 > say info billing-resumed
            200.2 > say info gap-closed
            200.2 > say info subscribed: all streams answered: 3 active, 0 out, after 0.100 s
            200.2 > state live
        "#]],
    );
}

#[test]
fn a_pause_for_credits_is_also_understood_from_the_answer_to_the_dial() {
    check(
        r#"only dial say state gap
         0 failed 402 {"status":"failure","message":"You have insufficient credits available to consume the stream"}
         3600 end"#,
        &expect![[r#"
            0 > dial
            0 > state connecting
            0 < failed 402 {"status":"failure","message":"You have insufficient credits available to consume the str
            0 > say warn connect-failed
            0 > gap a from 0 billing
            0 > gap b from 0 billing
            0 > say warn gap-opened
            0 > say error billing-paused
            0 > state paused_billing
            3600 > dial
        "#]],
    );
}

#[test]
fn a_pause_does_not_hide_that_a_stream_was_rejected_before() {
    check(
        r#"streams a b c
         only stands gap state
         0.1 open
         0.2 ack b c
         0.3 frame {"status":"failure","message":"<a> is an invalid hash"}
         0.4 frame {"status":"failure","message":"The stream <b> has been disabled"}
         40 frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
         41 end"#,
        &expect![[r#"
            0 > state connecting
            0.1 < open
            0.1 > state subscribing
            0.2 < ack b c
            0.2 > stands b active
            0.2 > stands c active
            0.3 < frame {"status":"failure","message":"<a> is an invalid hash"}
            0.3 > stands a rejected
            0.3 > gap a from 0 rejected
            0.3 > state live
            0.4 < frame {"status":"failure","message":"The stream <b> has been disabled"}
            0.4 > stands b disabled
            0.4 > gap b from 0.2 disabled
            40 < frame {"status":"failure","message":"You have insufficient credits available to consume the stream"}
            40 > gap c from 0.2 billing
            40 > state paused_billing
        "#]],
    );
}
