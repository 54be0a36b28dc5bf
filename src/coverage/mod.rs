//! What is proven complete: the frontier of one connection, and the words for what lies outside.

mod server_clock;

pub use server_clock::ServerClock;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::time::Time;

/// Why a stretch of a stream is not proven complete. A closed list.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    Network,
    ServerClosed,
    Maintenance,
    Silence,
    SlowConsumer,
    Capacity,
    Billing,
    Auth,
    Rejected,
    Disabled,
    OverLimit,
    ServerError,
    OversizeFrame,
    LocalStorage,
    Shutdown,
    Crash,
    Suspended,
    Starting,
}

impl Cause {
    /// Every cause, in the order of the list that operators read.
    pub const ALL: [Self; 18] = [
        Self::Network,
        Self::ServerClosed,
        Self::Maintenance,
        Self::Silence,
        Self::SlowConsumer,
        Self::Capacity,
        Self::Billing,
        Self::Auth,
        Self::Rejected,
        Self::Disabled,
        Self::OverLimit,
        Self::ServerError,
        Self::OversizeFrame,
        Self::LocalStorage,
        Self::Shutdown,
        Self::Crash,
        Self::Suspended,
        Self::Starting,
    ];

    /// The word in the archive and in the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::ServerClosed => "server_closed",
            Self::Maintenance => "maintenance",
            Self::Silence => "silence",
            Self::SlowConsumer => "slow_consumer",
            Self::Capacity => "capacity",
            Self::Billing => "billing",
            Self::Auth => "auth",
            Self::Rejected => "rejected",
            Self::Disabled => "disabled",
            Self::OverLimit => "over_limit",
            Self::ServerError => "server_error",
            Self::OversizeFrame => "oversize_frame",
            Self::LocalStorage => "local_storage",
            Self::Shutdown => "shutdown",
            Self::Crash => "crash",
            Self::Suspended => "suspended",
            Self::Starting => "starting",
        }
    }

    /// The cause that a word of the archive stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

impl serde::Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// How far one connection is proven complete, in production time.
///
/// A server buffers. When the last frame had waited L in its buffer, whatever it produced in those last L
/// seconds was never sent if the connection now ends. L is bounded from above by what the stream tells: every
/// interaction and every tick says when it was produced (at the latest), and frames come in order. So each one
/// proves that everything produced before it has arrived. A lag seen within the last [`WINDOW`] is taken to hold
/// still; the margin that is taken off every claim is at least as long as that window, so that what is claimed
/// is never more than what was told. Posts that were old when they were produced only make the bound wider.
#[derive(Clone, Debug)]
pub struct Frontier {
    /// Taken off every claim.
    margin: Duration,
    /// How long a lag is taken to hold: [`WINDOW`], or less if the margin is less.
    window: Duration,
    /// The arrival of the last frame.
    reached: Time,
    /// The smallest lag within each slice of the window, oldest first: the slice's first arrival, and the lag.
    lags: VecDeque<(Time, Duration)>,
    /// The best claim so far, margin not yet taken off. Long ago before anything told.
    proven: Time,
    /// The server warned that it may have dropped: nothing more is proven, whatever comes.
    capped: bool,
    /// What was proven when a doubt arose that is not settled yet.
    held: Option<Time>,
}

/// How long a lag that was seen is taken to hold.
pub const WINDOW: Duration = Duration::from_secs(2);

/// The window moves in slices of this length, so that a flood costs no memory.
const SLICE: Duration = Duration::from_millis(250);

/// A message may say that it was produced this long after it came, because clocks are read in whole seconds.
/// Beyond that, its date is wrong and proves nothing.
const FUTURE: Duration = Duration::from_secs(2);

impl Frontier {
    /// A connection that came up at `opened` and has shown nothing yet. `margin` is taken off every claim.
    pub fn new(opened: Time, margin: Duration) -> Self {
        Self {
            margin,
            window: WINDOW.min(margin),
            reached: opened,
            lags: VecDeque::new(),
            proven: Time::from_micros(0),
            capped: false,
            held: None,
        }
    }

    /// A frame of any kind came.
    pub fn frame(&mut self, received: Time) {
        self.reached = self.reached.max(received);
        if self.capped {
            return;
        }
        while self.lags.front().is_some_and(|(first, _)| self.reached.since(*first) > self.window) {
            self.lags.pop_front();
        }
        if let Some(least) = self.lags.iter().map(|(_, lag)| *lag).min() {
            self.proven = self.proven.max(self.reached.before(least));
        }
    }

    /// A frame came that told when it was produced, by our clock.
    pub fn told(&mut self, received: Time, produced: Time) {
        if produced.since(received) <= FUTURE && !self.capped {
            let lag = received.since(produced);
            match self.lags.back_mut() {
                Some((first, least)) if received.since(*first) < SLICE => *least = lag.min(*least),
                _ => self.lags.push_back((received, lag)),
            }
            self.proven = self.proven.max(produced.min(received));
        }
        self.frame(received);
    }

    /// Nothing after what is proven now will be proven by this connection.
    pub const fn cap(&mut self) {
        self.capped = true;
    }

    /// While there is a doubt, no more is claimed than when it arose; afterwards what has been proven meanwhile counts.
    pub fn hold(&mut self, doubt: bool) {
        self.held = doubt.then(|| self.held.unwrap_or(self.proven));
    }

    /// Whether the server has warned that it may have dropped.
    pub const fn is_capped(&self) -> bool {
        self.capped
    }

    /// The arrival of the last frame: the connection's position.
    pub const fn reached(&self) -> Time {
        self.reached
    }

    /// The moment up to which all that was produced has arrived, whatever is in doubt about it; margin taken off.
    pub fn arrived(&self) -> Time {
        self.proven.before(self.margin)
    }

    /// The moment up to which production is proven complete, margin taken off. Long ago while nothing has told: a
    /// stream's coverage then has no length, as it never ends before it begins.
    pub fn proven(&self) -> Time {
        self.held.unwrap_or(self.proven).before(self.margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARGIN: Duration = Duration::from_secs(2);

    fn at(millis: i64) -> Time {
        Time::from_micros(1_000_000_000_000 + millis * 1000)
    }

    #[test]
    fn nothing_is_proven_before_a_frame_tells_when_it_was_made() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.frame(at(5000));
        assert!(frontier.proven() < at(0));
        assert_eq!(frontier.reached(), at(5000));
    }

    #[test]
    fn what_waited_in_the_servers_buffer_is_not_proven() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(10_000), at(5_000));
        assert_eq!(frontier.proven(), at(3_000));
        frontier.told(at(10_500), at(5_400));
        // The smaller lag of the two holds.
        assert_eq!(frontier.proven(), at(3_500));
    }

    #[test]
    fn a_lag_older_than_the_window_proves_only_its_own_moment() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(1_000), at(1_000));
        frontier.frame(at(20_000));
        assert_eq!(frontier.proven(), at(1_000).before(MARGIN));
    }

    #[test]
    fn a_claim_once_made_is_not_withdrawn() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(10_000), at(10_000));
        frontier.frame(at(12_000));
        assert_eq!(frontier.proven(), at(10_000));
        frontier.frame(at(30_000));
        assert_eq!(frontier.proven(), at(10_000));
    }

    proptest::proptest! {
        /// Frames come in order, so all that was produced before the newest that told has come: no claim goes beyond.
        #[test]
        fn no_claim_goes_beyond_what_was_told(
            steps in proptest::collection::vec((0_i64..3_000, 0_i64..10_000, proptest::bool::ANY), 1..80),
            margin in 0_u64..5_000,
        ) {
            let mut frontier = Frontier::new(at(0), Duration::from_millis(margin));
            let (mut now, mut made, mut newest) = (0, -20_000, None);
            for (wait, delay, tells) in steps {
                now += wait;
                // Order: nothing that comes later was produced earlier.
                made = (now - delay).max(made).min(now);
                if tells {
                    frontier.told(at(now), at(made));
                    newest = Some(at(made));
                } else {
                    frontier.frame(at(now));
                }
                match newest {
                    Some(newest) => proptest::prop_assert!(frontier.proven() <= newest),
                    None => proptest::prop_assert!(frontier.proven() < at(-1_000_000)),
                }
            }
        }
    }

    #[test]
    fn an_old_post_widens_and_never_shrinks() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(10_000), at(10_000));
        frontier.told(at(10_100), at(-50_000_000));
        assert_eq!(frontier.proven(), at(8_100));
    }

    #[test]
    fn a_date_from_the_future_proves_nothing() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(10_000), at(100_000));
        assert!(frontier.proven() < at(0));
        assert_eq!(frontier.reached(), at(10_000));
    }

    #[test]
    fn a_date_within_the_tolerance_claims_no_more_than_its_arrival() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(10_000), at(11_900));
        assert_eq!(frontier.proven(), at(8_000));
    }

    #[test]
    fn one_prompt_message_does_not_vouch_for_a_flood_of_late_ones() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(0), at(0));
        // From now on the buffer grows: each tenth of a second brings what is a twentieth younger.
        for tenth in 1..=200 {
            frontier.told(at(tenth * 100), at(tenth * 50));
        }
        assert!(frontier.proven() <= at(10_000), "{:?}", frontier.proven());
    }

    #[test]
    fn a_cap_holds_for_the_rest_of_the_connection() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(10_000), at(10_000));
        frontier.cap();
        frontier.told(at(60_000), at(60_000));
        assert_eq!(frontier.proven(), at(8_000));
        assert_eq!(frontier.reached(), at(60_000));
    }

    #[test]
    fn a_doubt_holds_the_claim_back_until_it_is_settled() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        frontier.told(at(10_000), at(10_000));
        frontier.hold(true);
        frontier.told(at(20_000), at(20_000));
        frontier.hold(true);
        assert_eq!((frontier.proven(), frontier.arrived()), (at(8_000), at(18_000)));
        frontier.hold(false);
        assert_eq!(frontier.proven(), at(18_000));
    }

    #[test]
    fn a_flood_is_remembered_by_a_lag_for_each_quarter_of_a_second() {
        let mut frontier = Frontier::new(at(0), MARGIN);
        for millis in 0..=10_000 {
            frontier.told(at(millis), at(millis - 100));
        }
        assert_eq!(frontier.lags.len(), 9, "two seconds of quarters, and the one that has begun");
        assert!(frontier.lags.iter().zip(frontier.lags.iter().skip(1)).all(|(one, next)| next.0.since(one.0) == SLICE));
    }

    #[test]
    fn a_date_is_wrong_from_two_seconds_after_its_arrival_on() {
        for (ahead, proven) in [(2_000, true), (2_001, false)] {
            let mut frontier = Frontier::new(at(0), MARGIN);
            frontier.told(at(10_000), at(10_000 + ahead));
            assert_eq!(frontier.proven() == at(8_000), proven, "{ahead} ms ahead");
        }
    }
}
