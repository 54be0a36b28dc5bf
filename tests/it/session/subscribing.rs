//! Which streams are asked for, and whom an answer means.

use expect_test::expect;

use super::script::check;

#[test]
fn requests_are_paced_by_the_window() {
    check(
        "streams a b c d e f g
         window 3
         only subscribe say
         0.1 open
         0.2 ack b
         0.3 ack a c
         0.4 ack d
         0.5 ack e f g
         1 end",
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b c
            0.2 < ack b
            0.2 > subscribe d
            0.3 < ack a c
            0.3 > subscribe e
            0.3 > subscribe f
            0.4 < ack d
            0.4 > subscribe g
            0.5 < ack e f g
            0.5 > say info subscribed: all streams answered: 7 active, 0 out, after 0.400 s
        "#]],
    );
}

#[test]
fn a_refused_stream_is_out_and_the_others_go_on() {
    check(
        r#"streams a b c
         only subscribe stands gap say
         0.1 open
         0.2 ack a
         0.3 frame {"status":"failure","message":"<b> is an invalid hash"}
         0.4 frame {"status":"failure","message":"<b> is an invalid hash"}
         0.5 ack c
         30 eof
         31 open
         31.1 ack a c
         40 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b c
            0.2 < ack a
            0.2 > stands a active
            0.3 < frame {"status":"failure","message":"<b> is an invalid hash"}
            0.3 > stands b rejected
            0.3 > say error stream-rejected
            0.3 > gap b from 0 rejected
            0.3 > say warn gap-opened
            0.4 < frame {"status":"failure","message":"<b> is an invalid hash"}
            0.5 < ack c
            0.5 > stands c active
            0.5 > say info subscribed: all streams answered: 2 active, 1 out, after 0.400 s
            30 < eof
            30 > gap a from 0.2 network
            30 > gap c from 0.5 network
            30 > say warn gap-opened
            30 > say warn disconnected
            30 > say info reconnecting: attempt 1 to connect in 1.0 s (network)
            31 < open
            31 > say info connected
            31 > subscribe a c
            31.1 < ack a c
            31.1 > stands a active
            31.1 > stands c active
            31.1 > say info gap-closed
            31.1 > say info subscribed: all streams answered: 2 active, 1 out, after 0.100 s
        "#]],
    );
}

#[test]
fn a_refusal_without_a_name_is_traced_one_by_one() {
    check(
        r#"streams a b c d e
         window 4
         only subscribe stands gap say cover
         0.1 open
         0.2 ack a
         0.3 frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
         0.4 ack d
         0.5 ack c
         0.6 ack e
         0.7 frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
         2 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b c d
            0.2 < ack a
            0.2 > stands a active
            0.2 > cover a from 0.2
            0.2 > subscribe e
            0.3 < frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
            0.4 < ack d
            0.4 > stands d active
            0.4 > cover d from 0.4
            0.5 < ack c
            0.5 > stands c active
            0.5 > cover c from 0.5
            0.6 < ack e
            0.6 > stands e active
            0.6 > cover e from 0.6
            0.6 > subscribe b
            0.7 < frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
            0.7 > stands b disabled
            0.7 > say error stream-disabled
            0.7 > gap b from 0 disabled
            0.7 > say warn gap-opened
            0.7 > say info subscribed: all streams answered: 4 active, 1 out, after 0.600 s
        "#]],
    );
}

#[test]
fn a_refusal_without_a_name_and_no_more_answers() {
    check(
        r#"streams a b c
         only subscribe stands say cover
         0.1 open
         0.2 frame {"status":"warning","message":"You did not send a valid hash to subscribe to"}
         2.3 ack a
         2.4 frame {"status":"warning","message":"You did not send a valid hash to subscribe to"}
         2.5 ack c
         3 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b c
            0.2 < frame {"status":"warning","message":"You did not send a valid hash to subscribe to"}
            2.2 > subscribe a
            2.3 < ack a
            2.3 > stands a active
            2.3 > cover a from 2.3
            2.3 > subscribe b
            2.4 < frame {"status":"warning","message":"You did not send a valid hash to subscribe to"}
            2.4 > stands b rejected
            2.4 > say error stream-rejected
            2.4 > say warn gap-opened
            2.4 > subscribe c
            2.5 < ack c
            2.5 > stands c active
            2.5 > cover c from 2.5
            2.5 > say info subscribed: all streams answered: 2 active, 1 out, after 2.400 s
        "#]],
    );
}

#[test]
fn when_all_are_refused_alike_all_are_meant() {
    check(
        r#"streams a b c
         only subscribe stands say
         0.1 open
         0.2 frame {"status":"failure","message":"There was a problem starting your stream"}
         0.2 frame {"status":"failure","message":"There was a problem starting your stream"}
         0.2 frame {"status":"failure","message":"There was a problem starting your stream"}
         10.3 ack a b c
         11 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b c
            0.2 < frame {"status":"failure","message":"There was a problem starting your stream"}
            0.2 < frame {"status":"failure","message":"There was a problem starting your stream"}
            0.2 < frame {"status":"failure","message":"There was a problem starting your stream"}
            0.2 > stands a wanted
            0.2 > say warn stream-trouble: stream a not served, asking again in 10 s: There was a problem starting your stream
            0.2 > stands b wanted
            0.2 > say warn stream-trouble: stream b not served, asking again in 10 s: There was a problem starting your stream
            0.2 > stands c wanted
            0.2 > say warn stream-trouble: stream c not served, asking again in 10 s: There was a problem starting your stream
            0.2 > say info subscribed: all streams answered: 0 active, 3 out, after 0.100 s
            10.2 > subscribe a b c
            10.3 < ack a b c
            10.3 > stands a active
            10.3 > stands b active
            10.3 > stands c active
        "#]],
    );
}

#[test]
fn a_refusal_without_a_name_when_nothing_is_asked_renews_the_connection() {
    check(
        r#"only dial say gap closed
         serves
         30 tick
         31 frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
         32 end"#,
        &expect![[r#"
            0 > dial
            0.1 > say info connected
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            30 < tick
            31 < frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
            31 > say warn unattributed-refusal
            31 > gap a from 28 server_error
            31 > gap b from 28 server_error
            31 > say warn gap-opened
            31 > closed server_error: The stream you are trying to use is currently disabled
            31 > say warn disconnected
            31 > say info reconnecting: attempt 1 to connect in 0.0 s (server_error)
            31 > dial
            31.1 > say info connected
            31.11 > say info gap-closed
            31.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
        "#]],
    );
}

#[test]
fn a_refusal_without_a_name_may_mean_an_active_stream() {
    check(
        r#"streams a b
         only gap cover dial say subscribe closed
         opens
         0.2 ack a b
         20 tick
         21 reload +c
         21.1 frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
         22 tick
         23 tick
         24 ack c
         25 end"#,
        &expect![[r#"
            0 > dial
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < ack a b
            0.2 > cover a from 0.2
            0.2 > cover b from 0.2
            0.2 > say info subscribed: all streams answered: 2 active, 0 out, after 0.100 s
            20 < tick
            21 < reload +c
            21 > say info reloaded
            21 > subscribe c
            21.1 < frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
            21.1 > subscribe c
            22 < tick
            23 < tick
            24 < ack c
            24 > cover c from 24
            24 > say warn unattributed-refusal
            24 > gap a from 18.1 server_error
            24 > gap b from 18.1 server_error
            24 > gap c from 24 server_error
            24 > say warn gap-opened
            24 > closed server_error: every stream that was asked for is served
            24 > say warn disconnected
            24 > say info reconnecting: attempt 1 to connect in 0.0 s (server_error)
            24 > dial
            24.1 > say info connected
            24.1 > subscribe a b c
        "#]],
    );
}

#[test]
fn a_refusal_that_no_request_explains_renews_the_connection() {
    check(
        r#"streams a b c
         only gap cover dial say subscribe
         opens
         0.2 ack a
         0.3 frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
         1 tick
         2 ack b
         2.1 ack c
         3 end"#,
        &expect![[r#"
            0 > dial
            0.1 > say info connected
            0.1 > subscribe a b c
            0.2 < ack a
            0.2 > cover a from 0.2
            0.3 < frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
            1 < tick
            2 < ack b
            2 > cover b from 2
            2 > subscribe c
            2.1 < ack c
            2.1 > cover c from 2.1
            2.1 > say warn unattributed-refusal
            2.1 > gap a from 0.2 server_error
            2.1 > gap b from 2 server_error
            2.1 > gap c from 2.1 server_error
            2.1 > say warn gap-opened
            2.1 > say warn disconnected
            2.1 > say info reconnecting: attempt 1 to connect in 1.0 s (server_error)
        "#]],
    );
}

#[test]
fn a_refusal_that_a_request_explains_holds_claims_back_only_for_a_while() {
    check(
        r#"streams a b
         only gap cover say
         opens
         0.2 ack a
         0.3 frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
         5 tick
         6 eof
         6.5 end"#,
        &expect![[r#"
            0.1 > say info connected
            0.2 < ack a
            0.2 > cover a from 0.2
            0.3 < frame {"status":"failure","message":"The stream you are trying to use is currently disabled"}
            5 < tick
            6 < eof
            6 > gap a from 0.2 network
            6 > say warn gap-opened
            6 > say warn disconnected
            6 > say info reconnecting: attempt 1 to connect in 1.0 s (network)
        "#]],
    );
}

#[test]
fn an_acknowledgement_without_a_name_after_one_that_never_came_proves_nothing() {
    check(
        r#"streams a b
         window 1
         only cover say subscribe
         0.1 open
         10.2 frame {"status":"success","message":"Successfully subscribed"}
         12 item b
         13 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a
            10.1 > say warn acknowledgement-missing
            10.1 > subscribe b
            10.2 < frame {"status":"success","message":"Successfully subscribed"}
            12 < item b
            12 > cover b from 12
            12 > subscribe a
        "#]],
    );
}

#[test]
fn a_name_that_is_not_ours_changes_nothing() {
    check(
        r#"only stands gap say dial
         serves
         30 frame {"status":"failure","message":"The stream 4f3af38ad1c31646561bc814c3e69af5 has been disabled"}
         31 ack z
         32 item z
         33 end"#,
        &expect![[r#"
            0 > dial
            0.1 > say info connected
            0.11 > stands a active
            0.11 > stands b active
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            30 < frame {"status":"failure","message":"The stream 4f3af38ad1c31646561bc814c3e69af5 has been disabled"}
            31 < ack z
            32 < item z
            32 > say debug foreign-interaction
        "#]],
    );
}

#[test]
fn acknowledgements_without_a_name_count_when_all_have_come() {
    check(
        r#"streams a b c
         window 2
         only subscribe cover say
         0.1 open
         0.2 frame {"status":"success","message":"Successfully subscribed"}
         0.3 frame {"status":"success","message":"Successfully subscribed"}
         0.4 frame {"status":"success","message":"Successfully subscribed"}
         1 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < frame {"status":"success","message":"Successfully subscribed"}
            0.3 < frame {"status":"success","message":"Successfully subscribed"}
            0.3 > cover a from 0.3
            0.3 > cover b from 0.3
            0.3 > subscribe c
            0.4 < frame {"status":"success","message":"Successfully subscribed"}
            0.4 > cover c from 0.4
            0.4 > say info subscribed: all streams answered: 3 active, 0 out, after 0.300 s
        "#]],
    );
}

#[test]
fn a_request_is_given_its_time_whatever_else_is_due() {
    let timeline = crate::session::script::run(
        r#"only subscribe
         window 64
         patience 30
         0.1 open
         0.2 frame {"status":"failure","message":"There was a problem starting your stream","hash":"<a>"}
         12 end"#,
    );
    let asked: Vec<_> = timeline.lines().filter(|line| line.contains("> subscribe")).collect();
    assert_eq!(asked, ["0.1 > subscribe a b", "10.2 > subscribe a"], "b has not been waited for");
}
