//! Who is asked for and when, what a named answer and a message change, and what is remembered.

use std::time::Duration;

use super::super::{Answer, Refusal, Standing, Start, Subscriptions};
use super::{FIRST, PATIENCE, TICK, Table, start};
use crate::coverage::Cause;
use crate::limits::{ASKS_IN_A_ROW, STREAMS_MAX};
use crate::record::StreamId;

#[test]
fn a_stream_is_in_trouble_from_the_servers_word_until_it_is_asked_for_again() {
    let mut table = Table::asked("ab");
    assert!(!table.is_troubled("a"), "it is asked for");
    assert_eq!(table.trouble("a"), Some(FIRST));
    assert!(table.is_troubled("a"));
    table.pass(FIRST);
    table.due();
    assert!(!table.is_troubled("a"), "it is to be asked for again");
    table.refuse("a", Refusal::Rejected);
    assert!(!table.is_troubled("a"), "it is refused for good");
    // Asked for as often as may be, and never answered: the server has not said a word of it.
    let mut table = Table::asked("a");
    for _ in 0..ASKS_IN_A_ROW {
        table.pass(PATIENCE);
        assert_eq!(table.due(), "a");
        table.ask(1);
    }
    assert_eq!((table.rest(), table.is_troubled("a")), (Some(4 * FIRST), false));
}

#[test]
fn what_is_counted_is_what_there_is() {
    let mut table = Table::new("abcd");
    assert_eq!(table.counts(), (4, 0, 0, false));
    assert_eq!(table.ask(3), "abc");
    assert!(table.ack("a") && table.ack("b") && table.refuse("c", Refusal::Rejected));
    assert_eq!(table.counts(), (4, 2, 1, false), "d has not been asked for");
    assert_eq!(table.ask(3), "d");
    assert_eq!(table.counts(), (4, 2, 1, false), "d has not been answered");
    assert!(table.trouble("d").is_some());
    assert_eq!(table.counts(), (4, 2, 2, true));
    table.refuse("a", Refusal::Overflow);
    assert_eq!((table.counts(), table.all.overflowing()), ((4, 1, 3, true), 1));
    table.remove("b");
    table.ask(3);
    table.ack("a");
    assert_eq!((table.counts(), table.all.overflowing()), ((3, 1, 2, true), 0));
    table.remove("c");
    table.remove("d");
    assert_eq!(table.counts(), (1, 1, 0, true));
    table.all.disconnected();
    assert_eq!(table.counts(), (1, 0, 0, true));
}

#[test]
fn an_end_is_asked_for_where_the_server_serves_or_was_asked_to() {
    let mut table = Table::new("abcdef");
    assert_eq!(table.ask(4), "abcd");
    assert!(table.ack("a") && table.refuse("b", Refusal::Rejected) && table.trouble("c").is_some());
    assert_eq!(table.ask(2), "e");
    let told: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|name| (name, table.remove(name))).into();
    assert_eq!(
        told,
        [("a", true), ("b", false), ("c", false), ("d", true), ("e", true), ("f", false)],
        "a is served, b and c have their answers, d and e are asked for, f is not"
    );
}

#[test]
fn an_answer_to_a_request_from_before_is_not_one_to_the_new_request() {
    // How often it was asked for, and answered, before it was taken out; how many answers count for nothing after that.
    for (asks, answers, owed) in [(1, 0, 1), (1, 1, 0), (2, 0, 2), (2, 1, 1), (6, 0, ASKS_IN_A_ROW)] {
        let mut table = Table::asked("a");
        for _ in 1..asks {
            table.pass(table.rest().unwrap());
            table.due();
            if table.ask(1).is_empty() {
                // It waits as after trouble.
                table.pass(table.rest().unwrap());
                table.due();
                table.ask(1);
            }
        }
        for _ in 0..answers {
            table.ack("a");
        }
        table.remove("a");
        table.add("a");
        assert_eq!(table.ask(1), "a");
        for one in 0..owed {
            assert!(!table.ack("a"), "{asks} asked, {answers} answered, answer {one}");
        }
        assert!(table.ack("a"), "{asks} asked, {answers} answered: this is its own answer");
    }
}

#[test]
fn a_refusal_from_before_does_not_mean_the_stream_that_came_in_again() {
    let mut table = Table::asked("a");
    table.remove("a");
    table.add("a");
    assert_eq!(table.ask(1), "a");
    assert!(!table.refuse("a", Refusal::Rejected));
    assert!(table.ack("a"), "the one answer that was owed has come");
    let mut table = Table::asked("a");
    table.remove("a");
    table.add("a");
    assert_eq!(table.ask(1), "a");
    assert_eq!(table.trouble("a"), None);
    assert_eq!(table.trouble("a"), Some(FIRST));
    // Once it is served, whatever is said of it is said of what is served.
    let mut table = Table::asked("a");
    table.remove("a");
    table.add("a");
    table.ask(1);
    table.pass(PATIENCE);
    table.due();
    assert!(table.item("a"), "no answer came: a message will do");
    assert!(table.refuse("a", Refusal::Rejected));
}

#[test]
fn nothing_of_one_connection_is_owed_on_the_next() {
    let mut table = Table::asked("ab");
    table.remove("a");
    table.refuse("b", Refusal::Overflow);
    table.all.disconnected();
    table.all.connected();
    table.add("a");
    assert_eq!(table.ask(64), "ba");
    assert!(table.item("a") && table.item("b"), "nothing is left of an earlier subscription");
    // Neither an answer to whoever came in again, nor one to whoever is still there.
    let mut table = Table::asked("ab");
    table.remove("a");
    table.add("a");
    table.all.disconnected();
    assert!(!table.remove("b"), "the server knows nothing of it any more");
    table.all.connected();
    assert_eq!(table.ask(64), "a");
    assert!(table.ack("a"), "its own answer");
}

#[test]
fn nothing_is_due_and_nothing_is_left_to_ask_when_the_connection_is_gone() {
    type Before = fn() -> Table;
    let befores: [Before; 5] = [
        || Table::new("ab"),
        || Table::asked("ab"),
        || {
            let mut table = Table::asked("ab");
            assert_eq!(table.unnamed(Answer::Mistake), "in doubt");
            table
        },
        || {
            let mut table = Table::asked("abc");
            table.unnamed(Answer::Mistake);
            assert!(table.ack("a"));
            table.pass(PATIENCE);
            table.due();
            assert_eq!(table.ask(64), "b");
            table
        },
        || {
            // What was refused without a name may yet be served.
            let mut table = Table::serving("a", "b");
            table.unnamed(Answer::Trouble);
            table.ask(64);
            assert_eq!(table.unnamed(Answer::Trouble), "b");
            assert!(table.refuse("b", Refusal::Rejected));
            table
        },
    ];
    for before in befores {
        let mut table = before();
        table.all.disconnected();
        assert_eq!((table.rest(), table.all.is_settled(), table.all.active()), (None, true, 0));
        assert!(!table.all.is_doubtful() && !table.all.is_misplaced());
        assert_eq!((table.due().as_str(), table.ask(64).as_str()), ("", ""));
    }
}

#[test]
fn trouble_is_waited_out_longer_and_longer_until_the_stream_is_served() {
    let mut table = Table::serving("b", "a");
    for times in [1, 2, 4, 8, 16, 32, 32] {
        assert_eq!(table.trouble("a"), Some(times * FIRST));
        assert_eq!(table.trouble("a"), None, "it waits already");
        table.nearly(times * FIRST);
        table.due();
        assert_eq!(table.ask(1), "", "a moment is left");
        table.pass(TICK);
        table.due();
        assert_eq!(table.ask(1), "a");
    }
    assert!(table.ack("a"));
    assert_eq!(table.trouble("a"), Some(FIRST));
    // Trouble of a stream that is yet to be asked for is waited out, too.
    let mut table = Table::new("ab");
    assert_eq!(table.ask(1), "a");
    assert_eq!(table.trouble("b"), Some(FIRST));
    table.ack("a");
    assert_eq!(table.ask(1), "");
}

#[test]
fn the_streams_that_were_taken_out_last_are_remembered() {
    let name = |number: usize| number.to_string();
    let removed = |count: usize| {
        let mut table = Table::new("");
        for number in 0..count {
            table.add(&name(number));
            assert!(table.all.next(table.now, usize::MAX).is_some());
            table.remove(&name(number));
        }
        table
    };
    // Whether the answer that is still to come is known not to be one to a new request.
    let remembers = |table: &mut Table, number: usize| {
        table.add(&name(number));
        assert!(table.all.next(table.now, usize::MAX).is_some());
        !table.ack(&name(number))
    };
    let mut table = removed(2 * STREAMS_MAX);
    assert!(remembers(&mut table, 0), "the first of as many as are remembered");
    let mut table = removed(2 * STREAMS_MAX + 1);
    assert!(!remembers(&mut table, STREAMS_MAX), "the last that is forgotten");
    assert!(remembers(&mut table, STREAMS_MAX + 1), "the first that is not");
    assert!(remembers(&mut table, 2 * STREAMS_MAX));
}

#[test]
fn room_comes_back_from_whom_the_server_was_asked_for_while_it_owes_answers() {
    // Taken out when it was not asked for: nothing comes back.
    let mut table = Table::new("abc");
    assert_eq!(table.ask(2), "ab");
    table.remove("c");
    table.refuse("a", Refusal::Overflow);
    table.ack("b");
    assert_eq!(table.rest(), None, "a is not asked for again");
    // Taken out when every answer had come: the room was there when the next request was made.
    let mut table = Table::serving("a", "");
    table.remove("a");
    table.add("b");
    table.ask(1);
    table.refuse("b", Refusal::Overflow);
    assert_eq!(table.rest(), None, "b is not asked for again");
    // Taken out while answers were to come: one refusal may be older than the room. One, and only for want of room.
    let mut table = Table::serving("a", "bcd");
    table.remove("a");
    table.refuse("b", Refusal::Rejected);
    assert_eq!(table.rest(), Some(PATIENCE), "c and d wait for their answers");
    table.refuse("c", Refusal::Overflow);
    table.refuse("d", Refusal::Overflow);
    assert_eq!(table.rest(), Some(FIRST));
    table.pass(FIRST);
    table.due();
    assert_eq!(table.ask(64), "c");
    table.ack("c");
    assert_eq!(table.rest(), None, "d stays out");
}

#[test]
fn room_is_left_only_by_a_stream_that_was_served() {
    let mut table = Table::serving("a", "bcd");
    table.refuse("b", Refusal::Overflow);
    table.refuse("c", Refusal::Rejected);
    assert_eq!(table.ask(64), "", "c had no room to leave");
    table.refuse("a", Refusal::Overflow);
    assert_eq!(table.ask(64), "", "a has none");
    table.ack("d");
    table.refuse("d", Refusal::Rejected);
    assert_eq!(table.ask(64), "a", "the first that was left out");
}

#[test]
fn a_stream_that_is_refused_before_it_was_asked_for_is_not_asked_for() {
    let mut table = Table::new("abcd");
    assert_eq!(table.ask(1), "a");
    table.refuse("b", Refusal::Rejected);
    table.remove("c");
    table.ack("a");
    assert!(!table.all.is_settled(), "d is to be asked for");
    assert_eq!(table.ask(64), "d");
    table.ack("d");
    // Nor where streams are asked for one by one.
    let mut table = Table::asked("abc");
    assert_eq!(table.unnamed(Answer::Mistake), "in doubt");
    table.pass(PATIENCE);
    table.due();
    table.refuse("a", Refusal::Rejected);
    assert_eq!(table.ask(64), "b");
}

#[test]
fn when_no_more_fit_whoever_waits_is_out_and_nobody_else() {
    let mut table = Table::new("abcd");
    assert_eq!(table.ask(2), "ab");
    table.refuse("c", Refusal::Rejected);
    let out = table.all.overflow();
    assert_eq!((table.names(&out).as_str(), table.all.overflowing()), ("d", 1), "c is out for another reason");
    assert!(table.ack("a") && table.ack("b"));
    // Those that wait to be asked for one by one are out, too.
    let mut table = Table::asked("abc");
    assert_eq!(table.unnamed(Answer::Mistake), "in doubt");
    table.pass(PATIENCE);
    table.due();
    assert_eq!(table.ask(64), "a");
    let out = table.all.overflow();
    assert_eq!((table.names(&out).as_str(), table.all.overflowing()), ("bc", 2));
}

#[test]
fn a_refusal_is_told_once_until_it_is_another_or_the_stream_was_served() {
    let mut table = Table::asked("a");
    assert!(table.refuse("a", Refusal::Disabled));
    assert!(!table.refuse("a", Refusal::Disabled), "the same again");
    table.pass(table.rest().unwrap());
    table.due();
    assert_eq!(table.ask(1), "a");
    assert!(!table.refuse("a", Refusal::Disabled), "the same, a day later");
    assert!(table.refuse("a", Refusal::Rejected), "another one");
    let mut table = Table::asked("a");
    assert!(table.refuse("a", Refusal::Disabled));
    table.pass(table.rest().unwrap());
    table.due();
    table.ask(1);
    assert!(table.ack("a") && table.refuse("a", Refusal::Disabled), "it was served in between");
}

#[test]
fn what_was_switched_off_is_tried_a_day_later_to_the_moment_and_what_is_wrong_never() {
    let mut table = Table::asked("abc");
    table.refuse("a", Refusal::Disabled);
    table.refuse("b", Refusal::Rejected);
    table.refuse("c", Refusal::Overflow);
    assert_eq!(table.rest(), Some(Duration::from_hours(24)));
    table.nearly(Duration::from_hours(24));
    table.due();
    assert_eq!(table.ask(64), "");
    table.pass(TICK);
    table.due();
    assert_eq!(table.ask(64), "a");
    table.ack("a");
    assert_eq!(table.rest(), None);
}

#[test]
fn a_reload_asks_again_for_what_was_switched_off_and_for_nothing_else() {
    for connected in [true, false] {
        let mut table = Table::asked("abcd");
        assert!(table.refuse("a", Refusal::Disabled) && table.refuse("b", Refusal::Rejected));
        assert!(table.refuse("c", Refusal::Overflow) && table.trouble("d").is_some());
        if connected {
            table.all.retry_disabled(true);
            assert_eq!(table.ask(64), "a");
        } else {
            table.all.disconnected();
            table.all.retry_disabled(false);
            assert_eq!(table.ask(64), "");
            table.all.connected();
            assert_eq!(table.ask(64), "ac", "what did not fit has another chance on each connection");
        }
        assert!(table.refuse("a", Refusal::Disabled), "the operator who asked is told again");
    }
}

#[test]
fn an_acknowledgement_counts_unless_it_may_be_older_than_the_end_of_the_stream() {
    // Nothing was asked since it was put out: the answer will be asked for.
    let mut table = Table::serving("a", "");
    table.refuse("a", Refusal::Rejected);
    assert!(!table.ack("a") && !table.is_active("a"));
    assert_eq!(table.rest(), Some(FIRST));
    table.pass(FIRST);
    table.due();
    assert_eq!(table.ask(1), "a");
    assert!(table.ack("a") && table.is_active("a"), "and this is one");
    // Said twice: it changes nothing, nor does anything of the end that is past.
    assert!(!table.ack("a") && table.is_active("a"));
    assert_eq!(table.rest(), None);
    // Where a day was to pass, it is asked for sooner, and then no more.
    let mut table = Table::serving("a", "");
    table.refuse("a", Refusal::Disabled);
    assert!(!table.ack("a"));
    assert_eq!(table.rest(), Some(FIRST));
    table.pass(FIRST);
    table.due();
    assert_eq!(table.ask(1), "a");
    assert!(table.ack("a"));
    assert_eq!(table.rest(), None);
    // Said of a stream that has not been asked for, and was not put out: the server serves it, whyever.
    let mut table = Table::new("ab");
    assert_eq!(table.ask(1), "a");
    assert!(table.ack("b") && table.is_active("b"));
}

#[test]
fn a_message_proves_a_stream_that_was_asked_for_and_never_ended() {
    let mut table = Table::new("abc");
    assert_eq!(table.ask(2), "ab");
    assert!(!table.item("c"), "it is not asked for");
    assert!(table.item("a") && table.is_active("a"));
    assert!(!table.item("a"), "it is proven already");
    table.trouble("b");
    assert!(!table.item("b") && !table.is_active("b"), "it is left from before the end");
    table.pass(FIRST);
    table.due();
    assert_eq!(table.ask(64), "cb");
    assert!(!table.item("b"), "so may this one be");
    table.pass(PATIENCE);
    assert_eq!(table.due(), "cb");
    assert!(table.item("b"), "no answer came: from now on a message will do");
}

#[test]
fn where_all_comes_late_a_message_proves_what_was_first_asked_for_before_it() {
    // Behind a server's clock that was set back, everything seems to come later than two requests after one another.
    let late = PATIENCE.saturating_mul(2);
    let mut table = Table::serving("a", "");
    for _ in 0..2 {
        assert_eq!(table.trouble("a"), Some(FIRST));
        table.pass(FIRST);
        for (asked, proves) in [("a", false), ("a", false), ("", true)] {
            table.all.due(table.now, table.now.before(late), &table.policy);
            assert_eq!((table.ask(1).as_str(), table.item("a")), (asked, proves));
            table.pass(PATIENCE);
        }
    }
}

#[test]
fn a_request_is_waited_for_from_when_it_was_made_itself() {
    let second = Duration::from_secs(1);
    let mut table = Table::asked("ab");
    table.pass(second);
    table.refuse("b", Refusal::Disabled);
    table.all.retry_disabled(true);
    assert_eq!(table.ask(64), "b");
    table.nearly(PATIENCE.saturating_sub(second));
    assert_eq!(table.due(), "", "a moment is left");
    table.pass(TICK);
    assert_eq!(table.due(), "a", "b was answered, and is asked for since a second later");
    assert_eq!(table.rest(), Some(second));
    table.pass(second);
    assert_eq!(table.due(), "b");
}

#[test]
fn a_connection_asks_first_for_what_fitted_before() {
    let mut streams: Vec<_> = ["a", "b", "c"].map(start).into();
    if let Some(first) = streams.first_mut() {
        first.standing = Standing::Gap(Cause::OverLimit);
    }
    let mut table = Table { all: Subscriptions::new(streams), ..Table::new("") };
    table.all.connected();
    assert_eq!(table.ask(64), "bca");
    assert!(table.refuse("b", Refusal::Rejected) && table.refuse("c", Refusal::Overflow));
    assert!(table.trouble("a").is_some());
    table.all.disconnected();
    table.all.connected();
    assert_eq!(table.ask(64), "c", "a has yet to wait");
}

#[test]
fn a_stream_is_taken_in_once() {
    let mut table = Table::new("ab");
    assert_eq!(table.all.add(start("a")), None);
    let slot = table.slot("a");
    table.remove("a");
    assert_eq!(table.all.add(start("a")), Some(slot), "places are used again");
    assert_eq!((table.all.wanted(), table.all.find("c")), (2, None));
}

#[test]
fn a_message_belongs_to_the_stream_that_is_served_at_its_place() {
    let numbered = |name: &str, id| Start { id: StreamId(id), ..start(name) };
    let mut table = Table::new("");
    let slot = table.all.add(numbered("a", 1)).unwrap();
    assert_eq!(table.all.served(slot), None, "not asked for yet");
    table.all.queue(slot);
    assert_eq!((table.ask(64).as_str(), table.all.served(slot)), ("a", None), "not answered yet");
    assert!(table.ack("a"));
    assert_eq!(table.all.served(slot), Some(StreamId(1)));
    table.refuse("a", Refusal::Disabled);
    assert_eq!(table.all.served(slot), None, "switched off");
    table.remove("a");
    assert_eq!(table.all.add(numbered("b", 2)), Some(slot));
    assert_eq!(table.all.served(slot), None, "its place was another's");
    table.all.queue(slot);
    table.ask(64);
    assert!(table.ack("b"));
    assert_eq!(table.all.served(slot), Some(StreamId(2)));
    table.all.disconnected();
    assert_eq!(table.all.served(slot), None, "no connection serves it");
}
