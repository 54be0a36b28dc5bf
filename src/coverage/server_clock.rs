//! The server's clock against ours, as far as it tells.

use std::time::Duration;

use crate::time::Time;

/// What is known of the server's clock against ours: its reading less ours lies between two bounds, in microseconds.
///
/// Servers tell their clock in whole seconds, so a single telling leaves a second of doubt. All doubt is charged to the
/// lag of every message (see [`ServerClock::ours`]): coverage ends earlier by it, never later. Assumed is that the two
/// clocks do not drift apart by a second within the life of one connection, unless most of what the server tells for a
/// while says so: see [`ServerClock::told`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ServerClock {
    bounds: Option<(i64, i64)>,
    doubt: Doubt,
}

/// What the server has told since its clock was last judged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Doubt {
    since: Option<Time>,
    tellings: u32,
    /// Those that came before they can have been made, by what we believe.
    ahead: u32,
    /// The server's clock less ours, at least, by the one of them that was furthest ahead.
    furthest: i64,
}

/// So long, and so many tellings, before a clock is judged anew.
const DOUBT: Duration = Duration::from_secs(10);
const DOUBT_TELLINGS: u32 = 3;

/// How long a message that told of a new clock may have waited at the server: nobody can know, as the clock itself is in
/// doubt. Coverage lags behind by as much until the next connection asks for the time.
const WAITED: i64 = 60 * SECOND;

/// A telling in whole seconds may mean any moment of that second.
const SECOND: i64 = 1_000_000;

/// A tick this far beyond all we know is a lie or a jump; the next connection will tell.
const ABSURD: i64 = 2 * SECOND;

/// Without any bound yet, a tick this far from our own clock is not believed, in microseconds.
const FAR: i64 = 7 * 24 * 3600 * SECOND;

impl ServerClock {
    /// The server told `told` (whole seconds) between our sending at `sent` and its arrival at `received`.
    pub fn exchange(&mut self, sent: Time, received: Time, told: Time) {
        let low = told.micros().saturating_sub(received.micros());
        let high = told.micros().saturating_add(SECOND).saturating_sub(sent.micros());
        self.bounds = Some(match self.bounds {
            Some((least, most)) if low.max(least) <= high.min(most) => (low.max(least), high.min(most)),
            // The two clocks have drifted or one was set: what came last is right.
            _ => (low, high),
        });
    }

    /// The server told `told` (whole seconds) at some time before it arrived at `received`.
    pub fn tick(&mut self, received: Time, told: Time) {
        let low = told.micros().saturating_sub(received.micros());
        self.bounds = match self.bounds {
            Some((least, most)) if low <= most => Some((least.max(low), most)),
            Some((_, most)) if low <= most.saturating_add(ABSURD) => Some((low, low.saturating_add(SECOND))),
            Some(bounds) => Some(bounds),
            // It may have waited: it says how far the server's clock is ahead at least. That it is not behind is assumed.
            None if low.saturating_abs() <= FAR => Some((low, low.saturating_add(SECOND).max(SECOND))),
            None => None,
        };
    }

    /// A message came that says when it was produced. If most of them cannot have been made yet, the server's clock was
    /// set ahead, or what it told at the upgrade was wrong; nothing would ever be proven again if that were not believed.
    /// To believe in a clock that is further ahead makes every moment earlier, so a lie makes gaps wider and no narrower.
    pub fn told(&mut self, received: Time, produced: Time) {
        let Some((_, most)) = self.bounds else { return };
        let low = produced.micros().saturating_sub(received.micros());
        let doubt = &mut self.doubt;
        let since = *doubt.since.get_or_insert(received);
        doubt.tellings = doubt.tellings.saturating_add(1);
        if low > most.saturating_add(ABSURD) && low <= FAR {
            doubt.furthest = if doubt.ahead == 0 { low } else { doubt.furthest.max(low) };
            doubt.ahead = doubt.ahead.saturating_add(1);
        }
        if doubt.tellings >= DOUBT_TELLINGS && received.since(since) >= DOUBT {
            if doubt.ahead > doubt.tellings / 2 {
                self.bounds = Some((doubt.furthest, doubt.furthest.saturating_add(WAITED)));
            }
            self.doubt = Doubt::default();
        }
    }

    /// The server's clock less ours, in microseconds: nought where nought is possible, else the nearest that is.
    pub fn offset(&self) -> Option<i64> {
        self.bounds.map(|(low, high)| 0_i64.clamp(low, high.max(low)))
    }

    /// A moment by the server's clock, by ours: the earliest that it can have been.
    pub fn ours(&self, server: Time) -> Time {
        server.shifted(self.bounds.map_or(0, |(_, high)| high.saturating_neg()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Frontier;
    use super::*;

    const MARGIN: Duration = Duration::from_secs(2);

    fn at(millis: i64) -> Time {
        Time::from_micros(1_000_000_000_000 + millis * 1000)
    }

    #[test]
    fn a_clock_that_may_be_right_is_taken_to_be_right() {
        let mut clock = ServerClock::default();
        clock.exchange(at(0), at(40), Time::from_seconds(1_000_000));
        assert_eq!(clock.offset(), Some(0));
    }

    #[test]
    fn a_skewed_clock_is_learned_from_the_handshake_and_narrowed_by_ticks() {
        let mut clock = ServerClock::default();
        clock.exchange(at(0), at(0), Time::from_seconds(1_000_300));
        assert_eq!(clock.offset(), Some(300_000_000));
        clock.tick(at(100), Time::from_seconds(1_000_301));
        assert_eq!(clock.offset(), Some(300_900_000));
        // The doubt left is 0.1 s: all of it makes the moment earlier.
        assert_eq!(clock.ours(Time::from_seconds(1_000_301)), at(0));
    }

    #[test]
    fn a_slow_exchange_leaves_all_of_its_length_in_doubt() {
        let mut clock = ServerClock::default();
        // The server may have read its clock at any moment of these five seconds.
        clock.exchange(at(0), at(5_000), Time::from_seconds(1_000_000));
        assert!(clock.ours(Time::from_seconds(1_000_000)) <= at(-1_000));
        assert_eq!(clock.offset(), Some(0));
    }

    #[test]
    fn a_tick_that_waited_in_the_servers_buffer_is_not_taken_for_a_clock_that_is_behind() {
        let mut clock = ServerClock::default();
        clock.tick(at(5_000), Time::from_seconds(1_000_000));
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(5_000), clock.ours(Time::from_seconds(1_000_000)));
        assert!(frontier.proven() <= at(0).before(MARGIN));
        assert_eq!(clock.offset(), Some(0));
    }

    #[test]
    fn a_clock_that_was_set_ahead_is_believed_when_most_messages_say_so() {
        let mut clock = ServerClock::default();
        clock.exchange(at(0), at(0), Time::from_seconds(1_000_000));
        for second in 0..=10 {
            // One in three was posted long ago.
            clock.told(at(second * 1_000), at(second * 1_000 + 20_000));
            clock.told(at(second * 1_000), at(second * 1_000 + 19_000));
            clock.told(at(second * 1_000), at(-3_600_000));
        }
        assert!(clock.offset() >= Some(20_000_000), "{clock:?}");
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(20_000), clock.ours(at(40_000)));
        assert!(frontier.proven() > at(-60_000) && frontier.proven() < at(20_000), "it goes on, and not too far");
    }

    #[test]
    fn some_dates_from_the_future_do_not_move_a_clock() {
        let mut clock = ServerClock::default();
        clock.exchange(at(0), at(0), Time::from_seconds(1_000_000));
        let known = clock.bounds;
        for second in 0..60 {
            clock.told(at(second * 1_000), at(second * 1_000 + 3_600_000));
            clock.told(at(second * 1_000), at(second * 1_000 - 500));
            clock.told(at(second * 1_000), at(second * 1_000 - 900));
        }
        assert_eq!(clock.bounds, known);
        for second in 60..90 {
            clock.told(at(second * 1_000), Time::from_seconds(i64::MAX / SECOND));
        }
        assert_eq!(clock.bounds, known, "absurd ones never do");
    }

    #[test]
    fn absurd_ticks_change_nothing() {
        let mut clock = ServerClock::default();
        clock.exchange(at(0), at(0), Time::from_seconds(1_000_000));
        let known = clock;
        for told in [0, -5, i64::MAX / SECOND, 1_000_000 - 86_400, 1_000_000 + 86_400] {
            clock.tick(at(0), Time::from_seconds(told));
            assert_eq!(clock, known, "{told}");
        }
    }

    #[test]
    fn what_was_exchanged_last_is_right_where_two_exchanges_disagree() {
        let seconds = |seconds: i64| Time::from_seconds(1_000_000 + seconds);
        let mut clock = ServerClock::default();
        clock.exchange(at(0), at(0), seconds(0));
        clock.exchange(at(500), at(600), seconds(0));
        assert_eq!(clock.bounds, Some((0, 500_000)), "they agree: each leaves less doubt");
        // They touch in one moment, which then is it.
        clock.exchange(at(0), at(0), seconds(-1));
        assert_eq!(clock.bounds, Some((0, 0)));
        clock.exchange(at(0), at(0), seconds(10));
        assert_eq!(clock.bounds, Some((10 * SECOND, 11 * SECOND)), "set ahead");
        clock.exchange(at(0), at(0), seconds(-10));
        assert_eq!(clock.bounds, Some((-10 * SECOND, -9 * SECOND)), "and back");
    }

    #[test]
    fn a_tick_up_to_two_seconds_beyond_what_is_known_is_a_clock_that_drifts() {
        let known = || {
            let mut clock = ServerClock::default();
            clock.exchange(at(0), at(0), Time::from_seconds(1_000_000));
            clock
        };
        for (told, bounds) in [
            (1_000_001, (SECOND, SECOND)),
            (1_000_002, (2 * SECOND, 3 * SECOND)),
            (1_000_003, (3 * SECOND, 4 * SECOND)),
            (1_000_004, (0, SECOND)),
        ] {
            let mut clock = known();
            clock.tick(at(0), Time::from_seconds(told));
            assert_eq!(clock.bounds, Some(bounds), "{told}");
        }
    }

    #[test]
    fn the_first_tick_is_believed_within_a_week() {
        let week = 7 * 24 * 3600;
        let after = |told: i64| {
            let mut clock = ServerClock::default();
            clock.tick(at(0), Time::from_seconds(1_000_000 + told));
            clock.bounds
        };
        assert_eq!(after(week), Some((FAR, FAR + SECOND)));
        assert_eq!(after(-week), Some((-FAR, SECOND)), "it may have waited: that the clock is behind is not believed");
        assert_eq!(after(10), Some((10 * SECOND, 11 * SECOND)));
        assert_eq!((after(week + 1), after(-week - 1)), (None, None));
    }

    #[test]
    fn a_clock_is_judged_by_more_than_half_of_what_is_told_in_ten_seconds() {
        // What was told, by when it came and how far ahead it was, and what is known then.
        let judged = |tellings: &[(i64, i64)]| {
            let mut clock = ServerClock::default();
            clock.exchange(at(0), at(0), Time::from_seconds(1_000_000));
            for (received, ahead) in tellings {
                clock.told(at(*received), at(received + ahead));
            }
            clock.bounds
        };
        let believed = |ahead: i64| Some((ahead * 1_000, ahead * 1_000 + 60 * SECOND));
        let (known, far) = (Some((0, SECOND)), 7 * 24 * 3_600_000);
        assert_eq!(judged(&[(0, 9_000), (1, 8_000), (10_000, 7_000)]), believed(9_000), "the one furthest ahead");
        assert_eq!(judged(&[(0, 7_000), (1, 8_000), (10_000, 9_000)]), believed(9_000));
        assert_eq!(judged(&[(0, 9_000), (1, 9_000), (9_999, 9_000)]), known, "too soon");
        assert_eq!(judged(&[(0, 9_000), (10_000, 9_000)]), known, "too few");
        assert_eq!(judged(&[(0, 9_000), (1, 9_000), (2, 0), (10_000, 0)]), known, "no more than half");
        assert_eq!(judged(&[(0, 9_000), (1, 9_000), (10_000, 0)]), believed(9_000), "two of three");
        assert_eq!(judged(&[(0, 3_000), (1, 3_000), (10_000, 3_000)]), known, "within what is known and two seconds");
        assert_eq!(judged(&[(0, 3_001), (1, 3_001), (10_000, 3_001)]), believed(3_001));
        assert_eq!(judged(&[(0, far), (1, far), (10_000, far)]), believed(far));
        assert_eq!(judged(&[(0, far + 1), (1, far + 1), (10_000, far + 1)]), known, "absurd");
        // A judgement ends the matter: what was told before it does not count any more.
        let calm = [(0, 0), (1, 0), (10_000, 0)];
        let later = [(20_000, 9_000), (20_001, 9_000), (30_000, 9_000)];
        assert_eq!(judged(&[calm, later].concat()), believed(9_000));
    }
}
