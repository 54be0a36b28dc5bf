//! Whom an answer without a name means, and what it leaves in doubt.

use std::time::Duration;

use super::super::{Answer, Refusal};
use super::{FIRST, PATIENCE, TICK, Table};
use crate::limits::SETTLE;

const DISABLED: Answer = Answer::Refused(Refusal::Disabled);
const REJECTED: Answer = Answer::Refused(Refusal::Rejected);
const OVERFLOW: Answer = Answer::Refused(Refusal::Overflow);
const ALL: [Answer; 6] = [Answer::Acknowledged, DISABLED, REJECTED, OVERFLOW, Answer::Trouble, Answer::Mistake];

/// What the session does when a refusal without a name was found to mean a stream.
fn switched_off(table: &mut Table, name: &str) {
    assert_eq!(table.unnamed(DISABLED), name);
    table.refuse(name, Refusal::Disabled);
}

/// A stream is served, and a refusal that could mean it came while another one was asked for.
fn in_question() -> Table {
    let mut table = Table::serving("x", "a");
    assert_eq!(table.unnamed(DISABLED), "in doubt");
    table
}

/// The same, and the refusal came again when the other one was asked for alone.
fn guessed() -> Table {
    let mut table = in_question();
    assert_eq!(table.ask(64), "a");
    switched_off(&mut table, "a");
    table
}

/// An answer has failed to come in time, and what it should have answered is asked again.
fn lapsed(served: &str, asked: &str) -> Table {
    let mut table = Table::serving(served, asked);
    table.pass(PATIENCE);
    assert_eq!(table.due(), asked);
    assert_eq!(table.ask(64), asked);
    table
}

#[test]
fn an_answer_means_nobody_where_nobody_waits_for_one() {
    for answer in ALL {
        let mut table = Table::serving("a", "");
        assert_eq!(table.unnamed(answer), "nobody", "{answer:?}");
        assert!(!table.all.is_doubtful() && !table.all.is_misplaced(), "{answer:?}: the session renews by itself");
    }
}

#[test]
fn answers_that_are_alike_mean_each_stream_when_as_many_have_come_as_were_asked() {
    for answer in ALL {
        let mut table = Table::new("abc");
        assert_eq!(table.ask(2), "ab");
        assert_eq!(table.unnamed(answer), "in doubt", "{answer:?}");
        assert_eq!(table.ask(64), "", "{answer:?}: nothing more is asked until it is known whom it means");
        assert_eq!(table.unnamed(answer), "ab", "{answer:?}");
        assert!(!table.all.is_doubtful() && !table.all.is_misplaced(), "{answer:?}");
        assert_eq!(table.ask(1), "", "{answer:?}: they are asked for until the session has done what it means");
        assert_eq!(table.ask(3), "c", "{answer:?}");
    }
}

#[test]
fn answers_that_differ_are_found_out_one_by_one() {
    for (first, second) in [(Answer::Acknowledged, REJECTED), (REJECTED, Answer::Trouble), (DISABLED, REJECTED)] {
        let mut table = Table::asked("ab");
        assert_eq!(table.unnamed(first), "in doubt");
        assert_eq!(table.unnamed(second), "in doubt");
        assert_eq!(table.ask(64), "a", "alone");
        assert_eq!(table.unnamed(REJECTED), "a");
        table.refuse("a", Refusal::Rejected);
        assert_eq!(table.ask(64), "b");
        assert_eq!(table.unnamed(Answer::Acknowledged), "b");
    }
}

#[test]
fn only_what_can_be_said_of_a_served_stream_is_asked_twice() {
    for answer in ALL {
        let mut table = Table::serving("x", "a");
        let grave = answer == DISABLED || answer == Answer::Trouble;
        assert_eq!(table.unnamed(answer), if grave { "in doubt" } else { "a" }, "{answer:?}");
        assert_eq!(table.all.is_doubtful(), grave, "{answer:?}");
        assert!(!table.all.is_misplaced(), "{answer:?}: there is somebody yet to ask");
        assert_eq!(table.ask(64), if grave { "a" } else { "" }, "{answer:?}");
        assert!(!table.all.is_misplaced(), "{answer:?}: there is somebody who may explain it");
    }
}

#[test]
fn a_refusal_is_misplaced_when_whoever_was_asked_again_does_not_explain_it() {
    // What it is answered when it is asked again alone, and whether that explains the refusal.
    let answers = [(DISABLED, true), (Answer::Acknowledged, false), (REJECTED, false), (Answer::Mistake, false)];
    for (answer, explains) in answers {
        let mut table = in_question();
        assert_eq!(table.ask(64), "a");
        assert_eq!(table.unnamed(answer), "a", "{answer:?}");
        match answer {
            Answer::Acknowledged => assert!(table.ack("a")),
            Answer::Refused(why) => assert!(table.refuse("a", why)),
            Answer::Trouble | Answer::Mistake => assert!(table.trouble("a").is_some()),
        }
        assert_eq!(table.all.is_misplaced(), !explains, "{answer:?}");
        assert!(table.all.is_doubtful(), "{answer:?}");
    }
}

#[test]
fn two_refusals_are_explained_by_two_streams() {
    let mut table = Table::serving("x", "ab");
    assert_eq!(table.unnamed(DISABLED), "in doubt");
    assert_eq!(table.unnamed(DISABLED), "in doubt");
    assert_eq!(table.ask(64), "a");
    switched_off(&mut table, "a");
    assert!(table.all.is_doubtful() && !table.all.is_misplaced(), "b may be the other one");
    assert_eq!(table.ask(64), "b");
    assert!(table.ack("b"));
    assert!(table.all.is_misplaced(), "x is the other one");
    let mut table = Table::serving("x", "ab");
    table.unnamed(DISABLED);
    table.unnamed(DISABLED);
    table.ask(64);
    switched_off(&mut table, "a");
    table.ask(64);
    switched_off(&mut table, "b");
    assert!(!table.all.is_misplaced());
    table.pass(PATIENCE);
    table.due();
    assert!(!table.all.is_doubtful());
}

#[test]
fn a_guess_holds_when_nothing_contradicted_it_in_time() {
    let mut table = guessed();
    assert_eq!(table.rest(), Some(PATIENCE));
    table.nearly(PATIENCE);
    table.due();
    assert!(table.all.is_doubtful(), "it may still turn out wrong");
    table.pass(TICK);
    table.due();
    assert!(!table.all.is_doubtful() && !table.all.is_misplaced());
    assert!(!table.item("a") && !table.all.is_misplaced(), "what comes now is left from before the end");
}

#[test]
fn a_guess_is_not_trusted_while_what_was_sent_before_it_may_be_on_its_way() {
    let mut table = guessed();
    let then = table.now;
    table.pass(PATIENCE);
    table.all.due(table.now, then.before(TICK), &table.policy);
    assert!(table.all.is_doubtful(), "the server holds something back");
    assert_eq!(table.rest(), Some(SETTLE), "and is looked at again");
    table.pass(SETTLE);
    table.all.due(table.now, then, &table.policy);
    assert!(!table.all.is_doubtful());
}

#[test]
fn a_guess_is_wrong_when_the_stream_turns_out_to_be_served_or_an_answer_is_left_over() {
    type Then = fn(&mut Table);
    let contradicts: [(&str, Then); 4] = [
        ("acknowledged by name", |table| _ = table.ack("a")),
        ("a message", |table| assert!(!table.item("a"))),
        ("acknowledged without a name", |table| assert_eq!(table.unnamed(Answer::Acknowledged), "nobody")),
        ("refused by name", |table| table.all.contradict(table.slot("a"))),
    ];
    for (what, then) in contradicts {
        let mut table = guessed();
        table.nearly(PATIENCE);
        table.due();
        then(&mut table);
        assert!(table.all.is_doubtful() && table.all.is_misplaced(), "{what}: the refusal meant x");
        let mut table = guessed();
        table.pass(PATIENCE);
        table.due();
        then(&mut table);
        assert!(!table.all.is_doubtful() && !table.all.is_misplaced(), "{what}: too late");
    }
    // Of another stream, it says nothing.
    let mut table = guessed();
    table.all.contradict(table.slot("x"));
    assert!(!table.all.is_misplaced());
}

#[test]
fn an_acknowledgement_from_before_a_refusal_that_was_believed_has_the_stream_asked_for_again() {
    // It was asked twice, and both answers came without a name: what has its name now was overtaken by one of them.
    let mut table = guessed();
    table.pass(PATIENCE);
    table.due();
    assert!(!table.ack("a"), "it is not served since");
    table.pass(FIRST);
    table.due();
    assert_eq!(table.ask(64), "a");
    assert!(table.ack("a"));
}

#[test]
fn a_stream_that_waits_to_be_asked_for_again_is_not_put_off_by_an_answer_from_before() {
    let mut table = Table::asked("ab");
    assert!(table.refuse("a", Refusal::Disabled));
    table.all.retry_disabled(true);
    // It waits for its turn, as the answer for b is not there yet.
    assert!(!table.ack("a"), "that is from before");
    table.pass(FIRST);
    table.due();
    assert_eq!(table.ask(64), "ab", "both, once: nobody has answered for b either");
}

#[test]
fn a_refusal_may_mean_one_of_those_whose_answers_had_no_name() {
    // Two answers to three requests: two are served, and nobody knows which.
    let mut table = Table::asked("abc");
    for _ in 0..2 {
        assert_eq!(table.unnamed(Answer::Acknowledged), "in doubt");
    }
    table.pass(SETTLE);
    table.due();
    assert_eq!(table.ask(64), "a");
    assert_eq!(table.unnamed(DISABLED), "nobody", "or b, or c: one answer is missing, and nothing can explain it");
    // None is missing, but they differ.
    let mut table = Table::asked("ab");
    assert_eq!(table.unnamed(Answer::Acknowledged), "in doubt");
    assert_eq!(table.unnamed(Answer::Mistake), "in doubt");
    assert_eq!(table.ask(64), "a");
    switched_off(&mut table, "a");
    assert!(table.all.is_doubtful(), "or b");
    assert!(!table.item("a"), "a is served: it was another one");
    assert_eq!(table.ask(64), "b");
    assert!(table.ack("b") && table.all.is_misplaced(), "and nobody explains it");
}

#[test]
fn a_guess_is_that_of_its_own_request_and_of_its_own_time() {
    // Asked for again, the stream is served because of that.
    let mut table = guessed();
    table.all.retry_disabled(true);
    assert_eq!(table.ask(64), "a");
    assert!(table.ack("a") && !table.all.is_misplaced());
    // A stream that came in since was never taken for refused.
    let mut table = guessed();
    table.add("b");
    assert!(!table.item("b") && !table.all.is_misplaced());
    // What was trusted, or was on another connection, is not doubted again because of another guess.
    for renewed in [false, true] {
        let mut table = guessed();
        if renewed {
            table.all.disconnected();
            table.all.connected();
            assert_eq!(table.ask(64), "x");
            assert!(table.ack("x"));
        } else {
            table.pass(PATIENCE);
            table.due();
        }
        table.add("b");
        assert_eq!(table.ask(64), "b");
        assert_eq!(table.unnamed(DISABLED), "in doubt");
        assert_eq!(table.ask(64), "b");
        switched_off(&mut table, "b");
        assert!(!table.item("a") && !table.all.is_misplaced(), "renewed: {renewed}");
        assert!(!table.item("b") && table.all.is_misplaced(), "renewed: {renewed}");
    }
}

#[test]
fn a_refusal_that_is_misplaced_is_not_explained_by_later_ones() {
    let mut table = guessed();
    assert!(table.ack("a") && table.all.is_misplaced());
    table.add("c");
    assert_eq!(table.ask(64), "c");
    assert_eq!(table.unnamed(DISABLED), "in doubt");
    assert_eq!(table.ask(64), "c");
    switched_off(&mut table, "c");
    assert!(table.all.is_misplaced());
}

#[test]
fn only_a_request_that_was_made_again_alone_proves_a_refusal() {
    let mut table = Table::asked("ab");
    assert_eq!(table.unnamed(Answer::Mistake), "in doubt");
    assert!(table.ack("b"));
    assert_eq!(table.ask(64), "a");
    assert!(table.ack("a"));
    table.add("c");
    assert_eq!(table.ask(64), "c");
    assert_eq!(table.unnamed(DISABLED), "in doubt", "c was asked for once");
}

#[test]
fn after_an_answer_that_never_came_one_without_a_name_proves_nothing() {
    let mut table = lapsed("", "a");
    assert_eq!(table.unnamed(Answer::Acknowledged), "in doubt");
    assert!(table.ask(64).is_empty() && !table.is_active("a"));
    assert!(table.ack("a"), "by name it counts");
    // A refusal is either that stream's own, or that of a stream which is served.
    for answer in ALL {
        let mut table = lapsed("", "a");
        let meant = if answer == Answer::Acknowledged { "in doubt" } else { "a" };
        assert_eq!(table.unnamed(answer), meant, "{answer:?}");
        let mut table = lapsed("x", "a");
        let grave = answer == DISABLED || answer == Answer::Trouble;
        assert_eq!(table.unnamed(answer), if grave { "nobody" } else { meant }, "{answer:?}");
    }
    // On the next connection everything is answered anew.
    let mut table = lapsed("", "a");
    table.all.disconnected();
    table.all.connected();
    assert_eq!(table.ask(64), "a");
    assert_eq!(table.unnamed(Answer::Acknowledged), "a");
}

#[test]
fn a_doubt_ends_when_nothing_came_for_a_while_and_then_an_answer_is_missing() {
    let mut table = Table::asked("abc");
    assert_eq!(table.unnamed(Answer::Mistake), "in doubt");
    assert_eq!(table.rest(), Some(SETTLE));
    table.pass(Duration::from_secs(1));
    assert!(table.ack("a"));
    assert_eq!(table.rest(), Some(SETTLE), "since the last answer");
    table.pass(Duration::from_secs(1));
    assert_eq!(table.unnamed(Answer::Acknowledged), "in doubt");
    assert_eq!(table.ask(64), "b", "as many answers as requests: it is over at once");
    let mut table = Table::asked("abc");
    assert_eq!(table.unnamed(Answer::Mistake), "in doubt");
    table.pass(Duration::from_secs(1));
    assert_eq!(table.unnamed(Answer::Mistake), "in doubt");
    assert_eq!(table.rest(), Some(SETTLE), "since the last answer without a name, too");
    let mut table = Table::asked("abc");
    table.unnamed(Answer::Mistake);
    table.pass(Duration::from_secs(1));
    table.ack("a");
    table.nearly(SETTLE);
    table.due();
    assert_eq!(table.ask(64), "");
    table.pass(TICK);
    table.due();
    assert_eq!(table.ask(64), "b");
    assert_eq!(table.unnamed(Answer::Acknowledged), "in doubt", "it may be the one that was missing");
    assert!(table.ack("b"));
    assert_eq!(table.ask(64), "c");
}

#[test]
fn a_doubt_that_ends_because_all_have_answered_leaves_no_answer_missing() {
    let mut table = Table::asked("ab");
    assert_eq!(table.unnamed(Answer::Mistake), "in doubt");
    assert!(table.ack("a"));
    assert_eq!(table.ask(64), "b");
    assert_eq!(table.unnamed(Answer::Acknowledged), "b");
    // Nor does it bring back one that has been missing before.
    let mut table = lapsed("", "ab");
    assert_eq!(table.unnamed(Answer::Mistake), "in doubt");
    assert!(table.ack("a"));
    assert_eq!(table.ask(64), "b");
    assert_eq!(table.unnamed(Answer::Acknowledged), "in doubt");
}

#[test]
fn whoever_is_put_out_by_name_amid_answers_without_one_leaves_them_unclear() {
    type Out = fn(&mut Table);
    let outs: [Out; 2] =
        [|table| assert!(table.refuse("b", Refusal::Rejected)), |table| assert!(table.trouble("b").is_some())];
    for put_out in outs {
        // The acknowledgement may have been that of b, which was put out after it; then a has no answer.
        let mut table = Table::asked("ab");
        assert_eq!(table.unnamed(Answer::Acknowledged), "in doubt");
        put_out(&mut table);
        assert_eq!(table.ask(64), "a", "as many answers as requests");
        assert_eq!(table.unnamed(Answer::Acknowledged), "in doubt");
        // With no other answer there, the name was the answer of b, and the next one is that of a.
        let mut table = Table::asked("ab");
        put_out(&mut table);
        assert_eq!(table.unnamed(Answer::Acknowledged), "a");
        // That does not bring back an answer which has been missing before.
        let mut table = lapsed("", "ab");
        put_out(&mut table);
        assert_eq!(table.unnamed(Answer::Acknowledged), "in doubt");
    }
}

#[test]
fn an_answer_that_may_be_that_of_a_stream_taken_out_is_asked_for_again() {
    let mut table = Table::asked("ab");
    table.remove("b");
    assert_eq!(table.unnamed(REJECTED), "in doubt", "it may be the answer of b");
    assert_eq!(table.unnamed(REJECTED), "in doubt");
    assert_eq!(table.ask(64), "a");
    assert_eq!(table.unnamed(REJECTED), "a");
    // A late acknowledgement by name leaves fewer answers to come than streams that wait for one.
    let mut table = lapsed("", "ab");
    assert!(table.ack("a") && !table.ack("a"));
    assert_eq!(table.unnamed(REJECTED), "in doubt", "it may be the first answer of b");
    assert_eq!(table.ask(64), "b");
    assert_eq!(table.unnamed(REJECTED), "b");
}

#[test]
fn an_answer_for_a_stream_taken_out_is_no_longer_to_come() {
    // Without a name, when nobody else waits for one.
    let mut table = Table::asked("a");
    table.remove("a");
    assert_eq!(table.unnamed(Answer::Acknowledged), "nobody");
    table.add("b");
    assert_eq!(table.ask(64), "b");
    assert_eq!(table.unnamed(Answer::Acknowledged), "b");
    // By name, when it came in again.
    let mut table = Table::asked("a");
    table.remove("a");
    table.add("a");
    assert_eq!(table.ask(64), "a");
    assert!(!table.ack("a"));
    assert_eq!(table.unnamed(Answer::Acknowledged), "a");
}
