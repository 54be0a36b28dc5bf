//! The end, as asked.

use expect_test::expect;

use super::script::check;

#[test]
fn stopping_keeps_what_still_comes_and_then_tells_the_gaps() {
    check(
        "0.1 open
         0.2 ack a
         30 tick
         40 stop
         40.1 item a
         40.2 stop
         40.3 ack b
         43 end",
        &expect![[r#"
            0 > dial
            0 > state connecting
            0.1 < open
            0.1 > opened 1
            0.1 > say info connected
            0.1 > state subscribing
            0.1 > subscribe a b
            0.2 < ack a
            0.2 > stands a active
            0.2 > cover a from 0.2
            10.1 > say warn acknowledgement-missing
            10.1 > subscribe b
            20.1 > say warn acknowledgement-missing
            20.1 > subscribe b
            30 < tick
            30.1 > say warn acknowledgement-missing
            30.1 > say info subscribed: all streams answered: 1 active, 1 out, after 30.000 s
            30.1 > state live
            40 < stop
            40 > say info stopping
            40 > farewell
            40 > state stopping
            40.1 < item a
            40.1 > keep a
            40.2 < stop
            40.3 < ack b
            42 > gap a from 37.2 shutdown
            42 > say warn gap-opened
            42 > closed shutdown: stopped
            42 > say warn disconnected
            42 > hang-up
            42 > gap b from 0 shutdown
            42 > say warn gap-opened
            42 > state stopped
            42 > say info stopped
            42 > end
        "#]],
    );
}

#[test]
fn what_cuts_coverage_cuts_it_while_stopping_too() {
    check(
        r#"only gap keep end
         0.1 open
         0.2 ack a b
         30 tick
         40 stop
         40.1 frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data faster you will be disconnected."}
         41 item a
         41.5 closed"#,
        &expect![[r#"
            0.1 < open
            0.2 < ack a b
            30 < tick
            40 < stop
            40.1 < frame {"status":"warning","message":"You are consuming data too slowly. If you do not consume data f
            40.1 > gap a from 27 shutdown
            40.1 > gap b from 27 shutdown
            41 < item a
            41 > keep a
            41.5 < closed
            41.5 > end
        "#]],
    );
}

#[test]
fn a_frame_that_is_lost_while_stopping_does_not_bring_the_daemon_back() {
    check(
        "only gap dial end
         0.1 open
         0.2 ack a b
         30 tick
         40 stop
         40.1 frame {xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
         41 item a
         43 end",
        &expect![[r#"
            0 > dial
            0.1 < open
            0.2 < ack a b
            30 < tick
            40 < stop
            40.1 < frame {xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            40.1 > gap a from 27 server_error
            40.1 > gap b from 27 server_error
            41 < item a
            42 > end
        "#]],
    );
}

#[test]
fn stopping_while_it_dials_or_waits() {
    check(
        "0 stop
         0.1 open
         0.2 stop
         1 end",
        &expect![[r#"
            0 > dial
            0 > state connecting
            0 < stop
            0 > say info stopping
            0 > hang-up
            0 > gap a from 0 shutdown
            0 > gap b from 0 shutdown
            0 > say warn gap-opened
            0 > state stopped
            0 > say info stopped
            0 > end
            0.1 < open
            0.1 > hang-up
            0.2 < stop
        "#]],
    );
}

#[test]
fn stopping_while_it_waits() {
    check(
        "only dial hang-up end gap
         0 failed network
         0.5 stop
         5 end",
        &expect![[r#"
            0 > dial
            0 < failed network
            0.5 < stop
            0.5 > gap a from 0 shutdown
            0.5 > gap b from 0 shutdown
            0.5 > end
        "#]],
    );
}

#[test]
fn what_else_is_due_meanwhile_does_not_cut_the_farewell_short() {
    check(
        "only end farewell unsubscribe keep
         0.1 open
         0.2 ack a b
         30 tick
         59 stop
         59.5 reload -b
         60.5 item a
         62 end",
        &expect![[r#"
            0.1 < open
            0.2 < ack a b
            30 < tick
            59 < stop
            59 > farewell
            59.5 < reload -b
            60.5 < item a
            60.5 > keep a
            61 > end
        "#]],
    );
}

/// What it would cut off still comes.
#[test]
fn a_mistake_of_ours_costs_nothing_while_stopping() {
    check(
        r#"only gap keep end
         0.1 open
         0.2 ack a b
         30 tick
         40 stop
         40.1 frame {"status":"warning","message":"The JSON received from the message was invalid"}
         41 item a
         41.5 closed"#,
        &expect![[r#"
            0.1 < open
            0.2 < ack a b
            30 < tick
            40 < stop
            40.1 < frame {"status":"warning","message":"The JSON received from the message was invalid"}
            41 < item a
            41 > keep a
            41.5 < closed
            41.5 > gap a from 38 shutdown
            41.5 > gap b from 38 shutdown
            41.5 > end
        "#]],
    );
}
