//! What is said, and how often.

use expect_test::expect;

use super::script::check;

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
