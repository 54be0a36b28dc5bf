//! Healing in virtual time: the pure core against a model of a server's archive and of our own, from a seed.
//!
//! The server loses answers, refuses, fails parts of jobs, delivers twice and out of order; the daemon crashes between
//! any two steps. At the end an oracle, which knows what the server's archive holds, demands: a filled gap is complete,
//! nothing is invented, no query is started twice, no day's budget is exceeded, and when the faults stop every gap is
//! filled.

mod archive;
mod asking;
mod bounds;
mod budget;
mod chance;
mod clock;
mod combining;
mod gate;
mod hand;
mod looks;
mod pages;
mod planning;
mod refusals;
mod server;
mod stages;
mod tally;

use std::time::Duration;

use siftd::backfill::{Healer, Input, Mode, Order, Policy, Request, Step};
use siftd::healing::{GapId, Outcome, Price};
use siftd::historic::{Ask, Hint};
use siftd::notice::Notice;
use siftd::time::Time;

use self::archive::Archive;
use self::chance::Chance;
use self::server::{Faults, Message, Row, Server};
use crate::simulate::number;

const START: Time = Time::from_seconds(1_700_000_000);

fn policy() -> Policy {
    Policy {
        mode: Mode::Auto,
        sources: vec!["tumblr".to_owned()],
        lag: Duration::from_mins(65),
        overlap: Duration::from_secs(2),
        join: Duration::from_mins(10),
        combine: 1,
        smallest: Duration::from_secs(1),
        cool_down: Duration::from_hours(1),
        tries: 40,
        order: Order::Oldest,
        budget: Price { credits: 4_000, milliunits: 1_000_000 },
        milliunits_an_hour: 1_250,
        jobs_max: 4,
        deadline: Duration::from_hours(120),
        page: 1 << 20,
        rows_a_second: 1_000,
    }
}

fn credits(ask: &Ask) -> u64 {
    match ask {
        Ask::Fetch { .. } => 0,
        Ask::Delivery { .. } | Ask::Deliveries { .. } | Ask::DropDelivery { .. } => 1,
        Ask::Combine { .. } | Ask::Deliver { .. } => 5,
        Ask::Prepare { .. } | Ask::Start { .. } | Ask::Query { .. } | Ask::Queries { .. } | Ask::DropQuery { .. } => 25,
    }
}

type Tariff = fn(&Ask) -> u64;

const TARIFF: Tariff = credits;

/// A life: both archives, and the daemon between them.
struct Life {
    now: Time,
    policy: Policy,
    healer: Healer<Tariff>,
    server: Server,
    archive: Archive,
    chance: Chance,
    rows: Vec<Row>,
    /// Of a thousand steps, so many end in a crash.
    crashes: u64,
    /// The crash comes at this step, once.
    crash_at: Option<u64>,
    steps: u64,
    crashed: u64,
    notices: Vec<Notice>,
    seed: u64,
}

impl Life {
    fn new(seed: u64, policy: Policy) -> Self {
        let healer = Healer::new(policy.clone(), TARIFF, "t", START, seed);
        Self {
            now: START,
            policy,
            healer,
            server: Server::new(Vec::new()),
            archive: Archive::default(),
            chance: Chance::new(seed),
            rows: Vec::new(),
            crashes: 0,
            crash_at: None,
            steps: 0,
            crashed: 0,
            notices: Vec::new(),
            seed,
        }
        .with_clock()
    }

    fn with_clock(mut self) -> Self {
        self.healer.handle(self.now, Input::Clock(self.server.skew));
        self
    }

    /// Messages of a stream, a few a minute, and a gap in them.
    fn gap(&mut self, stream: u32, from: i64, seconds: i64) -> GapId {
        let name = format!("{stream:032x}");
        for at in from - 30..from + seconds + 30 {
            if self.chance.of_thousand(200) {
                let id = format!("{stream}-{at}-{}", self.chance.below(1_000_000));
                let message = Message { stream: name.clone(), id, at: START.micros() / 1_000_000 + at };
                if at < from || at >= from + seconds {
                    self.archive.rows.insert((name.clone(), message.id.clone()));
                }
                self.server.world.push(message);
            }
        }
        let moment = |at| START.shifted(at * 1_000_000 - self.server.skew);
        self.archive.gap(stream, &name, moment(from), moment(from + seconds))
    }

    /// Some messages are of another stream as well.
    fn share(&mut self) {
        for message in self.server.world.clone() {
            if !self.chance.of_thousand(100) {
                continue;
            }
            let names: Vec<String> = self.archive.gaps.values().map(|(gap, _)| gap.name.clone()).collect();
            let stream =
                names[usize::try_from(self.chance.below(u64::try_from(names.len()).unwrap())).unwrap()].clone();
            let other = Message { stream, ..message };
            if self.server.world.contains(&other) {
                continue;
            }
            let at = Time::from_seconds(other.at).shifted(-self.server.skew);
            let mut gaps = self.archive.gaps.values();
            if !gaps.any(|(gap, _)| gap.name == other.stream && gap.from <= at && at < gap.until) {
                self.archive.rows.insert((other.stream.clone(), other.id.clone()));
            }
            self.server.world.push(other);
        }
    }

    fn day(&self) -> i64 {
        self.now.micros().div_euclid(86_400_000_000)
    }

    fn crashes_now(&mut self) -> bool {
        let crash = self.crash_at == Some(self.steps) || self.chance.of_thousand(self.crashes);
        self.steps += 1;
        if crash {
            self.crashed += 1;
            self.now = self.now.after(Duration::from_secs(self.chance.below(300)));
            let spent = self.archive.spent.get(&self.day()).copied().unwrap_or_default();
            let healer = Healer::new(self.policy.clone(), TARIFF, "t", self.now, self.seed);
            self.healer = healer.resumed(self.archive.unfinished(), self.archive.gate.clone(), spent, self.now);
            self.healer.handle(self.now, Input::Clock(self.server.skew));
        }
        crash
    }

    /// One step, which may be cut short by a crash before it is done or before anyone hears that it is. Says whether
    /// there was anything to do before `end`.
    fn step(&mut self, end: Time) -> bool {
        let step = self.healer.next(self.now);
        let answer = match step {
            Step::Wait(until) => {
                self.now = until.max(self.now);
                return self.now < end;
            }
            Step::Say(notice) => {
                self.notices.push(notice);
                return true;
            }
            _ if self.crashes_now() => return true,
            Step::Ask(ask) => {
                self.now = self.now.after(Duration::from_millis(200));
                match self.server.ask(self.now, &ask, &mut self.chance) {
                    Ok((told, rows)) => {
                        self.rows = rows;
                        Input::Told { told, hint: Hint::default() }
                    }
                    Err(refusal) => Input::Refused(refusal),
                }
            }
            Step::Write(change) => Input::Written(self.archive.write(change, self.day())),
            Step::Keep { job, spent } => Input::Written(self.archive.keep(*job, &self.rows, spent, self.day())),
            Step::Gaps => {
                let spent = self.archive.spent.get(&self.day()).copied().unwrap_or_default();
                Input::Gaps { gaps: self.archive.waiting(), spent }
            }
        };
        if !self.crashes_now() {
            self.healer.handle(self.now, answer);
        }
        true
    }

    fn run(&mut self, span: Duration) {
        let end = self.now.after(span);
        let mut steps = 0;
        while self.step(end) {
            steps += 1;
            assert!(steps < 2_000_000, "a hot loop");
        }
        self.now = end;
        self.holds();
    }

    /// What must be true at every moment.
    fn holds(&self) {
        for (gap, state) in self.archive.gaps.values() {
            if *state != "filled" {
                continue;
            }
            let inside = self.server.world.iter().filter(|message| {
                let at = Time::from_seconds(message.at).shifted(-self.server.skew);
                message.stream == gap.name && gap.from <= at && at < gap.until
            });
            for message in inside {
                let row = (message.stream.clone(), message.id.clone());
                let kept = self.archive.rows.contains(&row) || self.archive.deleted.contains(&message.id);
                assert!(kept, "seed {}: {message:?} is lost in a filled gap {gap:?}", self.seed);
            }
        }
        for (stream, id) in &self.archive.rows {
            let known = self.server.world.iter().any(|message| (&message.stream, &message.id) == (stream, id));
            assert!(known, "seed {}: {id} of {stream} is invented", self.seed);
        }
        for (name, times) in &self.server.started {
            assert_eq!(*times, 1, "seed {}: {name} is paid twice", self.seed);
        }
    }
}

#[test]
fn a_gap_is_filled_and_nothing_is_left_at_the_server() {
    let mut life = Life::new(1, policy());
    let gap = life.gap(7, -3_600, 300);
    life.run(Duration::from_hours(6));
    assert_eq!(life.archive.state(gap), "filled");
    assert!(life.server.is_tidy());
    let said: Vec<&str> = life.notices.iter().map(|notice| notice.entry().name).collect();
    assert_eq!(said, ["backfill-started", "gap-filled"]);
    assert!(life.server.calls < 1_000, "{} calls", life.server.calls);
    let filled = life.healer.tally();
    assert_eq!((filled.filled, filled.failed, filled.running), (1, 0, 0));
}

#[test]
fn a_crash_at_any_step_loses_nothing_and_pays_nothing_twice() {
    let mut steps = 0;
    for at in 0.. {
        let mut life = Life::new(5, policy());
        let gap = life.gap(7, -7_200, 300);
        life.crash_at = Some(at);
        life.run(Duration::from_hours(12));
        assert_eq!(life.archive.state(gap), "filled", "a crash at step {at}");
        assert!(life.server.is_tidy(), "a crash at step {at}");
        assert_eq!(life.server.started.len(), 1, "a crash at step {at}");
        if life.crashed == 0 {
            steps = at;
            break;
        }
    }
    assert!(steps > 30, "only {steps} steps");
}

#[test]
fn without_a_mark_a_lost_first_page_is_told_and_tried_again() {
    for at in 0..60 {
        let mut life = Life::new(6, policy());
        life.server.anchors = false;
        let gap = life.gap(7, -7_200, 300);
        life.crash_at = Some(at);
        life.run(Duration::from_hours(48));
        assert_eq!(life.archive.state(gap), "filled", "a crash at step {at}");
    }
}

/// Seeds from which on every fault must have happened.
const MANY: u64 = 500;

/// A thousand seeds, or as many as one says, from whichever on: `SIFTD_FIRST=1001 SIFTD_SEEDS=20000`.
#[test]
fn a_thousand_seeds_of_trouble() {
    let (first, seeds) = (number("SIFTD_FIRST").unwrap_or(1), number("SIFTD_SEEDS").unwrap_or(1000));
    let mut fired = std::collections::BTreeSet::new();
    let (mut partial, mut crashed) = (0, 0);
    for seed in first..first + seeds {
        let mut life = Life::new(seed, policy());
        life.server.skew = (i64::try_from(life.chance.below(7)).unwrap() - 3) * 100_000_000;
        life.server.anchors = !life.chance.of_thousand(200);
        life = life.with_clock();
        // Every other life asks for streams together, and misses them together.
        let together = seed.is_multiple_of(2);
        life.policy.combine = if together { 3 } else { 1 };
        life.healer.handle(life.now, Input::Policy(life.policy.clone()));
        let first = i64::try_from(life.chance.below(20_000)).unwrap();
        let gaps: Vec<GapId> = (0..4)
            .map(|number| {
                let from = if together { first } else { i64::try_from(life.chance.below(20_000)).unwrap() };
                let from = -7_200 - from - i64::from(number / 3) * 1_000;
                let seconds = 2 + i64::try_from(life.chance.below(400)).unwrap();
                life.gap(number % 3, from, seconds)
            })
            .collect();
        life.share();
        life.server.faults = Faults { requests: life.chance.below(300), jobs: life.chance.below(400) };
        life.crashes = life.chance.below(20);
        life.run(Duration::from_hours(72));
        let budget = life.policy.budget;
        for (day, spent) in &life.archive.spent {
            // What runs goes on when the budget is met, by cheap questions.
            assert!(spent.credits <= budget.credits + 500, "seed {seed}: {spent:?} on day {day}");
        }
        (life.server.faults, life.crashes) = (Faults::default(), 0);
        life.run(Duration::from_hours(24 * 60));
        for gap in gaps {
            assert_eq!(life.archive.state(gap), "filled", "seed {seed}: {:?}", life.archive.gaps[&gap]);
        }
        partial += life.archive.jobs.values().filter(|(.., end)| matches!(end, Some(Outcome::Partial(_)))).count();
        crashed += life.crashed;
        fired.extend(life.server.fired);
    }
    let due = [
        "401",
        "429",
        "500",
        "502",
        "503",
        "apart",
        "foreign",
        "garbage",
        "lost answer",
        "outside",
        "oversize",
        "rewind",
        "shared",
        "ten years",
        "unheard",
        "untagged",
    ];
    if seeds < MANY {
        return;
    }
    assert_eq!(fired.into_iter().collect::<Vec<_>>(), due);
    assert!(partial > 100 && crashed > 1000, "{partial} partial, {crashed} crashes");
}

#[test]
fn a_flapping_server_cannot_spend_more_than_the_budget() {
    let mut life = Life::new(9, Policy { jobs_max: 200, ..policy() });
    for number in 0..1000_u32 {
        life.gap(number % 50, -90_000 + i64::from(number) * 80, 3);
    }
    life.run(Duration::from_hours(30));
    assert!(life.archive.spent.len() > 1);
    for spent in life.archive.spent.values() {
        assert!(spent.credits <= life.policy.budget.credits, "{spent:?}");
    }
}

#[test]
fn without_approval_nothing_is_asked() {
    let mut life = Life::new(3, Policy { mode: Mode::Approve, ..policy() });
    let gap = life.gap(7, -7_200, 300);
    let other = life.gap(8, -7_200, 300);
    life.run(Duration::from_hours(6));
    assert_eq!((life.archive.state(gap), life.server.calls), ("closed", 0));
    let said: Vec<&str> = life.notices.iter().map(|notice| notice.entry().name).collect();
    assert_eq!(said, ["backfill-planned"]);
    let request = Request { stream: Some(format!("{:032x}", 7)), since_us: None };
    life.healer.handle(life.now, Input::Asked(request));
    life.run(Duration::from_hours(6));
    assert_eq!((life.archive.state(gap), life.archive.state(other)), ("filled", "closed"));
    assert!(life.healer.is_idle());
}

#[test]
fn while_the_daemon_catches_up_nothing_is_asked_and_nothing_written() {
    let mut life = Life::new(3, policy());
    let gap = life.gap(7, -7_200, 300);
    life.healer.handle(life.now, Input::Drain(true));
    life.run(Duration::from_hours(1));
    assert_eq!((life.server.calls, life.steps), (0, 0));
    life.healer.handle(life.now, Input::Drain(false));
    life.run(Duration::from_hours(6));
    assert_eq!(life.archive.state(gap), "filled");
}

#[test]
fn a_job_that_never_ends_is_partial_in_the_end_and_can_be_tried_again() {
    let mut life = Life::new(4, Policy { deadline: Duration::from_mins(10), ..policy() });
    let gap = life.gap(7, -7_200, 300);
    life.run(Duration::from_hours(48));
    let ends: Vec<_> = life.archive.jobs.values().filter_map(|(.., end)| end.clone()).collect();
    assert!(ends.iter().any(|end| matches!(end, Outcome::Partial(why) if why.contains("not finished"))), "{ends:?}");
    life.policy.deadline = Duration::from_hours(48);
    life.healer.handle(life.now, Input::Policy(life.policy.clone()));
    life.run(Duration::from_hours(24 * 60));
    assert_eq!(life.archive.state(gap), "filled");
    assert!(life.server.is_tidy());
}
