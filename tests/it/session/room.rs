//! More streams than the connection carries.

use expect_test::expect;

use super::script::check;

#[test]
fn too_many_subscriptions_leave_the_rest_out_once() {
    check(
        r#"streams a b c d e f g
         window 3
         only subscribe stands gap say
         0.1 open
         0.2 ack a b c
         0.3 frame {"status":"failure","message":"You have too many subscriptions"}
         0.3 frame {"status":"failure","message":"You have too many subscriptions"}
         0.3 frame {"status":"failure","message":"You have too many subscriptions"}
         30 eof
         31 open
         31.1 ack a b c
         31.2 frame {"status":"failure","message":"You have too many subscriptions"}
         31.2 frame {"status":"failure","message":"You have too many subscriptions"}
         31.2 frame {"status":"failure","message":"You have too many subscriptions"}
         32 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b c
            0.2 < ack a b c
            0.2 > stands a active
            0.2 > subscribe d
            0.2 > stands b active
            0.2 > subscribe e
            0.2 > stands c active
            0.2 > subscribe f
            0.3 < frame {"status":"failure","message":"You have too many subscriptions"}
            0.3 < frame {"status":"failure","message":"You have too many subscriptions"}
            0.3 < frame {"status":"failure","message":"You have too many subscriptions"}
            0.3 > stands g overflow
            0.3 > gap g from 0 over_limit
            0.3 > stands d overflow
            0.3 > gap d from 0 over_limit
            0.3 > stands e overflow
            0.3 > gap e from 0 over_limit
            0.3 > stands f overflow
            0.3 > gap f from 0 over_limit
            0.3 > say error too-many-subscriptions: the connection is full with 3 streams, 4 are left out: You have too many subscriptions
            0.3 > say info subscribed: all streams answered: 3 active, 4 out, after 0.200 s
            30 < eof
            30 > gap a from 0.2 network
            30 > gap b from 0.2 network
            30 > gap c from 0.2 network
            30 > say warn gap-opened
            30 > say warn disconnected
            30 > say info reconnecting: attempt 1 to connect in 1.0 s (network)
            31 < open
            31 > say info connected
            31 > subscribe a b c
            31.1 < ack a b c
            31.1 > stands a active
            31.1 > subscribe d
            31.1 > stands b active
            31.1 > subscribe e
            31.1 > stands c active
            31.1 > subscribe f
            31.2 < frame {"status":"failure","message":"You have too many subscriptions"}
            31.2 < frame {"status":"failure","message":"You have too many subscriptions"}
            31.2 < frame {"status":"failure","message":"You have too many subscriptions"}
            31.2 > say info gap-closed
            31.2 > say info subscribed: all streams answered: 3 active, 4 out, after 0.200 s
        "#]],
    );
}

#[test]
fn room_that_a_removal_makes_is_used() {
    check(
        r#"streams a b c d e
         window 2
         only subscribe unsubscribe stands gap say cover retired
         0.1 open
         0.2 ack a b
         0.3 ack c
         0.3 frame {"status":"failure","message":"You have too many subscriptions","hash":"<d>"}
         10 reload -b -a
         10.1 ack d
         10.2 ack e
         11 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b
            0.2 < ack a b
            0.2 > stands a active
            0.2 > cover a from 0.2
            0.2 > subscribe c
            0.2 > stands b active
            0.2 > cover b from 0.2
            0.2 > subscribe d
            0.3 < ack c
            0.3 > stands c active
            0.3 > cover c from 0.3
            0.3 > subscribe e
            0.3 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<d>"}
            0.3 > stands d overflow
            0.3 > gap d from 0 over_limit
            0.3 > say error too-many-subscriptions: the connection is full with 3 streams, 1 are left out: You have too many subscriptions
            10 < reload -b -a
            10 > unsubscribe b
            10 > retired b at 10, nothing proven
            10 > unsubscribe a
            10 > retired a at 10, nothing proven
            10 > say info reloaded
            10 > subscribe d
            10.1 < ack d
            10.1 > stands d active
            10.1 > cover d from 10.1
            10.2 < ack e
            10.2 > stands e active
            10.2 > cover e from 10.2
            10.2 > say info gap-closed
            10.2 > say info subscribed: all streams answered: 3 active, 0 out, after 10.100 s
        "#]],
    );
}

#[test]
fn room_that_is_given_back_late_is_used() {
    check(
        r#"streams a
         only subscribe unsubscribe stands retired
         0.1 open
         0.2 ack a
         10 reload +b
         10 reload +c
         10.01 reload -b
         10.1 ack b
         10.1 frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
         20.2 ack c
         21 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > subscribe a
            0.2 < ack a
            0.2 > stands a active
            10 < reload +b
            10 > subscribe b
            10 < reload +c
            10 > subscribe c
            10.01 < reload -b
            10.01 > unsubscribe b
            10.01 > retired b at 10.01, nothing proven
            10.1 < ack b
            10.1 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
            10.1 > stands c overflow
            20.1 > subscribe c
            20.2 < ack c
            20.2 > stands c active
        "#]],
    );
}

#[test]
fn room_that_a_refused_stream_leaves_is_used() {
    check(
        r#"streams a b c
         only subscribe stands say
         0.1 open
         0.2 ack a b
         0.3 frame {"status":"failure","message":"You have too many subscriptions"}
         10 frame {"status":"failure","message":"The stream <a> has been disabled"}
         10.1 ack c
         11 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.1 > subscribe a b c
            0.2 < ack a b
            0.2 > stands a active
            0.2 > stands b active
            0.3 < frame {"status":"failure","message":"You have too many subscriptions"}
            0.3 > stands c overflow
            0.3 > say error too-many-subscriptions: the connection is full with 2 streams, 1 are left out: You have too many subscriptions
            0.3 > say info subscribed: all streams answered: 2 active, 1 out, after 0.200 s
            10 < frame {"status":"failure","message":"The stream <a> has been disabled"}
            10 > stands a disabled
            10 > say error stream-disabled
            10 > say warn gap-opened
            10 > subscribe c
            10.1 < ack c
            10.1 > stands c active
            10.1 > say info gap-closed
        "#]],
    );
}

#[test]
fn that_there_is_no_room_changes_nothing_when_nothing_was_asked_for() {
    check(
        r#"only dial gap stands say
         serves
         30 frame {"status":"failure","message":"You have too many subscriptions"}
         31 end"#,
        &expect![[r#"
            0 > dial
            0.1 > say info connected
            0.11 > stands a active
            0.11 > stands b active
            0.11 > say info subscribed: all streams answered: 2 active, 0 out, after 0.010 s
            30 < frame {"status":"failure","message":"You have too many subscriptions"}
        "#]],
    );
}

#[test]
fn how_many_do_not_fit_is_told_at_once_and_again_when_all_have_been_answered() {
    check(
        r#"streams a b c d
         only say
         fields too-many-subscriptions
         0.1 open
         0.2 ack a
         0.3 frame {"status":"failure","message":"You have too many subscriptions","hash":"<b>"}
         0.4 frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
         0.5 frame {"status":"failure","message":"You have too many subscriptions","hash":"<d>"}
         10 reload +e
         10.1 frame {"status":"failure","message":"There is no place left: you have too many subscriptions","hash":"<e>"}
         20 reload +f -a
         20.1 ack f b
         30 eof
         31 open
         31.1 ack e f b
         31.2 frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
         31.3 frame {"status":"failure","message":"You have too many subscriptions","hash":"<d>"}
         32 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.2 < ack a
            0.3 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<b>"}
            0.3 > say error too-many-subscriptions {"active":1,"overflow":1,"text":"You have too many subscriptions"}
            0.4 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
            0.5 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<d>"}
            0.5 > say error too-many-subscriptions {"active":1,"overflow":3,"text":"You have too many subscriptions"}
            0.5 > say info subscribed: all streams answered: 1 active, 3 out, after 0.400 s
            10 < reload +e
            10 > say info reloaded
            10.1 < frame {"status":"failure","message":"There is no place left: you have too many subscriptions","hash"
            10.1 > say error too-many-subscriptions {"active":1,"overflow":4,"text":"There is no place left: you have too many subscriptions"}
            20 < reload +f -a
            20 > say info reloaded
            20.1 < ack f b
            20.1 > say info gap-closed
            30 < eof
            30 > say warn gap-opened
            30 > say warn disconnected
            30 > say info reconnecting: attempt 1 to connect in 1.0 s (network)
            31 < open
            31 > say info connected
            31.1 < ack e f b
            31.2 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
            31.3 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<d>"}
            31.3 > say info gap-closed
            31.3 > say info subscribed: all streams answered: 3 active, 2 out, after 0.300 s
        "#]],
    );
}

#[test]
fn how_many_do_not_fit_is_told_later_where_the_connection_ends_before_all_have_been_answered() {
    check(
        r#"streams a b c d
         only say
         fields too-many-subscriptions
         0.1 open
         0.2 ack a
         0.3 frame {"status":"failure","message":"You have too many subscriptions","hash":"<b>"}
         0.4 frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
         0.5 eof
         2 open
         2.1 ack a d
         2.2 frame {"status":"failure","message":"You have too many subscriptions","hash":"<b>"}
         2.3 frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
         3 end"#,
        &expect![[r#"
            0.1 < open
            0.1 > say info connected
            0.2 < ack a
            0.3 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<b>"}
            0.3 > say error too-many-subscriptions {"active":1,"overflow":1,"text":"You have too many subscriptions"}
            0.4 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
            0.5 < eof
            0.5 > say warn gap-opened
            0.5 > say warn disconnected
            0.5 > say info reconnecting: attempt 1 to connect in 1.0 s (network)
            2 < open
            2 > say info connected
            2.1 < ack a d
            2.2 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<b>"}
            2.3 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
            2.3 > say info gap-closed
            2.3 > say error too-many-subscriptions {"active":2,"overflow":2,"text":"You have too many subscriptions"}
            2.3 > say info subscribed: all streams answered: 2 active, 2 out, after 0.300 s
        "#]],
    );
}

#[test]
fn a_stream_that_no_longer_fits_has_a_gap_from_where_it_is_proven_or_was_in_one() {
    check(
        r#"streams a b c
         only gap cover
         0.1 open
         0.2 ack a c
         30 tick
         31 ack b
         31.5 frame {"status":"failure","message":"You have too many subscriptions","hash":"<b>"}
         32 frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
         33 eof
         34 open
         35 frame {"status":"failure","message":"You have too many subscriptions","hash":"<a>"}
         36 end"#,
        &expect![[r#"
            0.1 < open
            0.2 < ack a c
            0.2 > cover a from 0.2
            0.2 > cover c from 0.2
            30 < tick
            31 < ack b
            31 > cover b from 31
            31.5 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<b>"}
            31.5 > gap b from 31 over_limit
            32 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<c>"}
            32 > gap c from 29 over_limit
            33 < eof
            33 > gap a from 29 network
            34 < open
            35 < frame {"status":"failure","message":"You have too many subscriptions","hash":"<a>"}
            35 > gap a from 35 over_limit
        "#]],
    );
}
