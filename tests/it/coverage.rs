//! The algebra of coverage against naive models: sets of whole moments, filled one by one.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use siftd::coverage::{Frontier, ServerClock};
use siftd::time::Time;

use crate::simulate::chance::Chance;

const CASES: u64 = 100_000;
/// One moment of the models.
const TENTH: i64 = 100_000;
const EPOCH: i64 = 1_311_694_603_000_000;
const MARGIN: Duration = Duration::from_secs(2);

fn at(moment: i64) -> Time {
    Time::from_micros(EPOCH + moment * TENTH)
}

/// A server that produces something at every moment, holds it for a while, and sends it in order. Whatever is claimed
/// must have arrived; and while the newest is said truly, no more than the margin is held back.
#[test]
fn what_is_claimed_has_arrived_and_hardly_less_is_claimed() {
    for case in 0..CASES {
        let mut chance = Chance::new(case);
        let mut frontier = Frontier::new(at(0), MARGIN);
        let (mut arrived, mut held) = (BTreeSet::new(), (-50..0).collect::<VecDeque<i64>>());
        let (mut now, mut claimed, mut held_back) = (0_i64, Time::from_micros(i64::MIN), None);
        for _ in 0..chance.below(12) {
            let step = i64::try_from(chance.below(40)).unwrap();
            held.extend(now..now + step);
            now += step;
            // What the server sends now, oldest first.
            let sent = usize::try_from(chance.below(60)).unwrap().min(held.len());
            let newest = sent.checked_sub(1).and_then(|last| held.get(last)).copied();
            arrived.extend(held.drain(..sent));
            let said = newest.filter(|_| chance.percent(60));
            match said {
                // It says when it was made, or that it was made long before.
                Some(made) if chance.percent(80) => frontier.told(at(now), at(made)),
                Some(made) => frontier.told(at(now), at(made - 100_000)),
                // Nothing of a date, or a date that makes no sense.
                None if newest.is_some() && chance.percent(20) => frontier.told(at(now), at(now + 100)),
                None => frontier.frame(at(now)),
            }
            if chance.percent(5) {
                frontier.hold(true);
                held_back.get_or_insert(frontier.proven());
            } else if held_back.is_some() && chance.percent(50) {
                frontier.hold(false);
                held_back = None;
            }
            let proven = frontier.proven();
            assert!(proven >= claimed, "case {case}: a claim was withdrawn");
            assert!(held_back.is_none_or(|most| proven <= most), "case {case}: claimed in spite of a doubt");
            let first_missing = held.front().copied().unwrap_or(now);
            assert!(proven <= at(first_missing), "case {case}: moment {first_missing} is claimed at {now}");
            claimed = proven;
        }
        // All is sent and said: only the margin is held back; after a cap, nothing more is claimed.
        frontier.hold(false);
        frontier.told(at(now), at(now));
        assert_eq!(frontier.proven(), at(now).before(MARGIN), "case {case}");
        frontier.cap();
        frontier.told(at(now + 500), at(now + 500));
        assert_eq!(frontier.proven(), at(now).before(MARGIN), "case {case}: claimed after a cap");
        assert_eq!(frontier.reached(), at(now + 500), "case {case}");
        assert!(arrived.iter().zip(arrived.iter().skip(1)).all(|(one, next)| one + 1 == *next), "the model is wrong");
    }
}

/// A server's clock that is off by anything: what it says is never taken to be later than it was, and earlier by no more
/// than the doubt that whole seconds and the way leave.
#[test]
fn a_servers_moment_is_never_taken_to_be_later_than_it_was() {
    for case in 0..CASES {
        let mut chance = Chance::new(case);
        let offset = chance.signed(2_000_000_000);
        let server = |ours: Time| ours.shifted(offset);
        let told = |ours: Time| Time::from_seconds(server(ours).micros().div_euclid(1_000_000));
        let (mut clock, mut now, mut doubt) = (ServerClock::default(), at(0), Duration::MAX);
        for _ in 0..=chance.below(12) {
            now = now.after(chance.millis(0, 40_000));
            if doubt == Duration::MAX || chance.percent(20) {
                let (there, back) = (chance.millis(0, 400), chance.millis(0, 400));
                let sent = now;
                now = now.after(there).after(back);
                clock.exchange(sent, now, told(sent.after(there)));
                doubt = doubt.min(Duration::from_secs(1) + there + back);
            } else if chance.percent(70) {
                let waited = chance.millis(0, 5_000);
                clock.tick(now, told(now.before(waited)));
            } else {
                // A tick that is a lie, too far off to be believed, or in the past.
                let lie = chance.pick(&[i64::MIN, i64::MAX, 0, -86_400_000_000, 86_400_000_000, -3_000_000]);
                clock.tick(now, Time::from_micros(server(now).micros().saturating_add(lie)));
            }
            let moment = now.before(chance.millis(0, 60_000));
            let taken = clock.ours(server(moment));
            assert!(taken <= moment, "case {case}: {} late", taken.micros() - moment.micros());
            assert!(moment.since(taken) <= doubt, "case {case}: {:?} early", moment.since(taken));
        }
    }
}
