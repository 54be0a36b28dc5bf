//! All jobs together: one thing at a time, within the budget, behind one gate.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::doing::{Doing, Member};
use super::ladder::{Climb, Reaction, of_refusal};
use super::plan::{Plan, Situation, Wait, day, plan};
use super::price::Tariff;
use super::request::{Asked, Request};
use super::step::{Input, Step};
use super::waits::Ladder;
use super::worker::{Next, Worker};
use super::{Mode, Policy};
use crate::healing::{Change, Draft, Ending, Gap, Gate, Job, JobId, Outcome, Price, Stage, Tally, Written};
use crate::historic::{Ask, Hint, Refusal, Told};
use crate::limits::RETRY_AFTER_MAX;
use crate::notice::Notice;
use crate::peer_text::PeerText;
use crate::time::Time;

/// The whole of it.
#[derive(Debug)]
pub struct Healer<T> {
    policy: Policy,
    tariff: T,
    tag: String,
    workers: BTreeMap<JobId, Member>,
    /// To be begun, in this order.
    drafts: VecDeque<Draft>,
    doing: Option<Doing>,
    says: VecDeque<Notice>,
    /// A page was told and is to be stored.
    keep: Option<JobId>,
    gate: Gate,
    /// The gate differs from what is written down.
    gate_moved: bool,
    trouble: Ladder,
    quota: Ladder,
    offset: Option<i64>,
    spent: Price,
    plan_at: Time,
    announced: Option<(usize, Time)>,
    request: Option<Asked>,
    draining: bool,
    /// The writer is to rest until then.
    paced: Time,
    /// What time the server has is asked for then, if it is not known; never before there is a gap.
    clock_at: Time,
    tally: Tally,
}

/// The plan is made anew this often, and this soon after something has changed.
const PLAN_EVERY: Duration = Duration::from_mins(1);
const PLAN_SOON: Duration = Duration::from_secs(5);
/// While a person is needed, it is tried this often.
const PROBE_EVERY: Duration = Duration::from_hours(1);
/// How often it is asked what time the server has, while nobody has told.
const CLOCK_EVERY: Duration = Duration::from_mins(1);
/// A plan that waits for an operator is announced again this often, if it has changed.
const ANNOUNCE_EVERY: Duration = Duration::from_hours(1);
/// A shorter wait is not written down: a restart takes as long.
const GATE_MIN: Duration = Duration::from_secs(5);
/// So many credits are left for others on the account.
const RESERVE: u64 = 100;

impl<T: Tariff> Healer<T> {
    /// Begins with the jobs, the gate and the spending that the archive knows of. `seed` makes the jitter.
    pub fn new(policy: Policy, tariff: T, tag: &str, now: Time, seed: u64) -> Self {
        Self {
            policy,
            tariff,
            tag: tag.to_owned(),
            workers: BTreeMap::new(),
            drafts: VecDeque::new(),
            doing: None,
            says: VecDeque::new(),
            keep: None,
            gate: Gate::default(),
            gate_moved: false,
            trouble: Ladder::new(Duration::from_secs(1), Duration::from_mins(5), seed),
            quota: Ladder::new(Duration::from_mins(1), RETRY_AFTER_MAX, seed),
            offset: None,
            spent: Price::default(),
            plan_at: now,
            announced: None,
            request: None,
            draining: false,
            paced: now,
            clock_at: Time::NEVER,
            tally: Tally::default(),
        }
    }

    /// Takes up what an earlier process left.
    #[must_use]
    pub fn resumed(mut self, jobs: Vec<Job>, gate: Gate, spent: Price, now: Time) -> Self {
        for job in jobs {
            let worker = Worker::found(job, now, self.policy.page);
            let member = Member::found(worker, self.policy.milliunits_an_hour);
            self.workers.insert(member.job().id, member);
        }
        // A moment that lies further ahead than any wait was written by another clock.
        let latest = now.after(RETRY_AFTER_MAX.saturating_mul(2));
        self.gate = Gate { not_before: gate.not_before.map(|at| at.min(latest)), ..gate };
        self.spent = spent;
        self
    }

    /// How it stands.
    pub fn tally(&self) -> Tally {
        Tally { running: self.running(), ..self.tally }
    }

    /// Whether there is nothing that an operator's request still waits for.
    pub fn is_idle(&self) -> bool {
        self.request.is_none() && self.workers.is_empty() && self.drafts.is_empty() && self.doing.is_none()
    }

    /// Whether an operator's request is not carried out yet.
    pub const fn is_asked(&self) -> bool {
        self.request.is_some()
    }

    fn running(&self) -> usize {
        self.workers.values().filter(|member| member.worker.job.stage < Stage::Closing).count()
    }

    /// What is to be done now. While a step that is answered waits for its answer, there is nothing else to do.
    pub fn next(&mut self, now: Time) -> Step {
        if let Some(notice) = self.says.pop_front() {
            return Step::Say(notice);
        }
        if self.doing.is_some() {
            return Step::Wait(Time::NEVER);
        }
        if let Some(job) = self.keep.take()
            && let Some(member) = self.workers.get_mut(&job)
        {
            let (job, spent) = (Box::new(member.worker.job.clone()), std::mem::take(&mut member.unbooked));
            self.doing = Some(Doing::Keep(job.id));
            return Step::Keep { job, spent };
        }
        if self.draining || self.policy.mode == Mode::Off {
            return Step::Wait(Time::NEVER);
        }
        if std::mem::take(&mut self.gate_moved) {
            self.doing = Some(Doing::Gate);
            return Step::Write(Change::Gate(self.gate.clone()));
        }
        if let Some(step) = self.of_workers(now) {
            return step;
        }
        self.of_plan(now)
    }

    /// What one of the jobs wants, the one that has waited longest first.
    fn of_workers(&mut self, now: Time) -> Option<Step> {
        self.workers.retain(|_, member| member.worker.next(now, &self.policy) != Next::Nothing);
        let mut order: Vec<(Time, JobId)> =
            self.workers.iter().map(|(id, member)| (member.worker.deadline(&self.policy), *id)).collect();
        order.sort_unstable();
        let closed = self.opens() > now;
        for (_, id) in order {
            let Some(member) = self.workers.get_mut(&id) else { continue };
            match member.worker.next(now, &self.policy) {
                Next::Save => return Some(self.save(id, now)),
                Next::Settle(outcome) => {
                    let job = Box::new(member.worker.ended());
                    self.doing = Some(Doing::Settle(id, outcome.clone()));
                    return Some(Step::Write(Change::Settled { job, outcome, at: now }));
                }
                Next::Ask(_) if closed => {}
                Next::Ask(ask) if is_dear(&ask) && self.spent.credits > self.policy.budget.credits => {
                    // What was spent is read again then; of a new day, that is nothing.
                    member.worker.put_off(self.plan_at);
                }
                Next::Ask(ask) => {
                    self.spent = self.spent.and(member.uses(self.tariff.credits(&ask)));
                    self.doing = Some(Doing::Ask(Some(id), ask.clone()));
                    return Some(Step::Ask(ask));
                }
                Next::Wait(_) | Next::Nothing => {}
            }
        }
        None
    }

    fn save(&mut self, id: JobId, now: Time) -> Step {
        let Some(member) = self.workers.get_mut(&id) else { return Step::Wait(now) };
        let (job, spent) = (Box::new(member.worker.job.clone()), std::mem::take(&mut member.unbooked));
        self.doing = Some(Doing::Save(id));
        Step::Write(Change::Moved { job, spent, at: now })
    }

    /// Begins a job, or plans, or waits.
    fn of_plan(&mut self, now: Time) -> Step {
        let opens = self.opens();
        if opens <= now {
            if self.running() < self.policy.jobs_max
                && let Some(draft) = self.drafts.pop_front()
            {
                self.doing = Some(Doing::Begin(Box::new(draft.clone())));
                return Step::Write(Change::Begin { draft: Box::new(draft), at: now });
            }
            if self.offset.is_none() && self.clock_at <= now && self.may_begin() {
                // Every answer bears a date; this one is the cheapest.
                self.clock_at = now.after(CLOCK_EVERY);
                let ask = Ask::Deliveries { page: 1 };
                self.doing = Some(Doing::Ask(None, ask.clone()));
                return Step::Ask(ask);
            }
        }
        if self.plan_at <= now {
            self.doing = Some(Doing::Gaps);
            return Step::Gaps;
        }
        let jobs = self.workers.values().map(|member| member.worker.deadline(&self.policy)).min();
        let clock = if self.offset.is_none() && self.may_begin() { self.clock_at } else { Time::NEVER };
        let asks = jobs.unwrap_or(Time::NEVER).min(clock).max(opens);
        Step::Wait(asks.min(self.plan_at))
    }

    /// Whether jobs may begin, by the settings or because an operator asked.
    fn may_begin(&self) -> bool {
        self.policy.mode == Mode::Auto || self.request.is_some()
    }

    /// When something may be asked.
    fn opens(&self) -> Time {
        self.gate.not_before.unwrap_or(self.paced).max(self.paced)
    }

    /// Takes in what came of the last step, or what happened.
    pub fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Gaps { gaps, spent } => self.on_gaps(now, &gaps, spent),
            Input::Told { told, hint } => self.on_told(now, &told, hint),
            Input::Refused(refusal) => self.on_refused(now, &refusal),
            Input::Written(written) => self.on_written(now, written),
            Input::Clock(offset) => {
                if self.offset.is_none() {
                    self.plan_at = self.plan_at.min(now);
                }
                self.offset = Some(offset);
            }
            Input::Drain(on) => self.draining = on,
            Input::Asked(request) => self.on_asked(now, request),
            Input::Policy(policy) => {
                self.policy = policy;
                if self.policy.mode == Mode::Off {
                    self.request = None;
                }
                self.plan_at = now;
                self.drafts.clear();
                self.open_gate();
            }
        }
    }

    fn on_asked(&mut self, now: Time, request: Request) {
        self.request = Some(Asked::of(request));
        self.plan_at = now;
        self.open_gate();
    }

    /// A person has looked after it.
    fn open_gate(&mut self) {
        if self.gate != Gate::default() {
            self.gate = Gate::default();
            self.gate_moved = true;
        }
        self.trouble.heal();
        self.quota.heal();
    }

    fn on_gaps(&mut self, now: Time, gaps: &[Gap], spent: Price) {
        self.doing = None;
        // What was asked and is not written down yet is spent as well.
        let spent = self.workers.values().fold(spent, |sum, member| sum.and(member.unbooked));
        self.spent = spent;
        self.plan_at = now.after(PLAN_EVERY);
        let situation = Situation { now, offset: self.offset, spent, jobs: 0, tag: &self.tag, asked: false };
        // All that the budget allows; each begins as soon as there is room for one more.
        let policy = Policy { jobs_max: usize::MAX, ..self.policy.clone() };
        if let Some(request) = &self.request {
            let asked = request.gaps(gaps);
            let of_request = plan(&policy, &Situation { asked: true, ..situation }, &asked, &self.tariff);
            // Without the clock nothing can be said yet.
            let later = of_request.waiting.iter().any(|waiting| waiting.why == Wait::Clock);
            if of_request.drafts.is_empty() && !later {
                self.request = None;
            }
            self.drafts = of_request.drafts.into();
        }
        if self.clock_at == Time::NEVER && !gaps.is_empty() {
            self.clock_at = now;
        }
        let mut whole = plan(&policy, &situation, gaps, &self.tariff);
        self.tally.pending = gaps.len();
        self.plan_at = self.plan_at.min(whole.again().max(now.after(PLAN_SOON)));
        if self.request.is_none() && self.policy.mode == Mode::Auto {
            self.drafts = std::mem::take(&mut whole.drafts).into();
        } else if self.policy.mode == Mode::Approve && self.request.is_none() {
            self.announce(now, &whole);
        }
    }

    /// Tells what could be filled if an operator let it.
    fn announce(&mut self, now: Time, plan: &Plan) {
        let jobs = plan.drafts.len();
        let told = self.announced.is_some_and(|(known, at)| known == jobs || now.since(at) < ANNOUNCE_EVERY);
        if jobs == 0 || told {
            return;
        }
        self.announced = Some((jobs, now));
        let gaps = plan.drafts.iter().map(|draft| draft.pieces.len()).sum();
        let Price { credits, milliunits } = plan.price();
        self.says.push_back(Notice::BackfillPlanned { jobs, gaps, credits, milliunits });
    }

    fn on_told(&mut self, now: Time, told: &Told, hint: Hint) {
        let Some(Doing::Ask(id, _)) = self.doing.take() else { return };
        self.trouble.heal();
        self.quota.heal();
        if let Some(reason) = self.gate.paused.take() {
            self.gate = Gate::default();
            self.gate_moved = true;
            self.says.push_back(Notice::BackfillResumed { reason });
        } else if self.gate.not_before.is_some_and(|at| at <= now) {
            self.gate = Gate::default();
        }
        if hint.left.is_some_and(|left| left < RESERVE)
            && let Some(reset) = hint.reset.filter(|wait| *wait <= RETRY_AFTER_MAX)
        {
            // Slow down before the server has to say so.
            self.close_gate(now, reset);
        }
        let Some(member) = id.and_then(|id| self.workers.get_mut(&id)) else { return };
        if let Told::Page(page) = told {
            if member.worker.rejects(now, page) {
                return;
            }
            self.keep = Some(member.job().id);
        }
        if let Some(milliunits) = told.milliunits(member.job().hours()) {
            let more = member.above(milliunits);
            if !more.fits(self.spent, self.policy.budget) && more.milliunits > 0 {
                member.worker.told(now, told);
                let left = self.policy.budget.milliunits.saturating_sub(self.spent.milliunits);
                let why = format!("it costs {milliunits} milliunits, and today's budget has {left} more left");
                return member.worker.give_up(why);
            }
            member.book(more);
            self.spent = self.spent.and(more);
        }
        let before = member.worker.job.stage;
        member.worker.told(now, told);
        if before != Stage::Fetching && member.worker.job.stage == Stage::Fetching {
            let (job, streams, stream) = (member.job().id, member.job().streams.len(), member.job().stream());
            self.says.push_back(Notice::BackfillStarted { job, streams, stream });
        }
    }

    fn on_refused(&mut self, now: Time, refusal: &Refusal) {
        let Some(Doing::Ask(id, ask)) = self.doing.take() else { return };
        match of_refusal(&ask, refusal) {
            Reaction::Later { climb, least } => self.again_later(now, refusal, climb, least),
            Reaction::Look => self.again_later(now, refusal, Climb::Trouble, Duration::ZERO),
            Reaction::Pause => {
                let text = PeerText::of(&refusal.text);
                if self.gate.paused.is_none() {
                    self.says.push_back(Notice::BackfillPaused { text: text.clone() });
                }
                self.gate.paused = Some(text.to_string());
                self.close_gate(now, PROBE_EVERY);
            }
            Reaction::Absent | Reaction::Some(_) | Reaction::Smaller | Reaction::Never => {}
        }
        if let Some(member) = id.and_then(|id| self.workers.get_mut(&id)) {
            member.worker.refused(now, &ask, refusal);
        }
    }

    fn again_later(&mut self, now: Time, refusal: &Refusal, climb: Climb, least: Duration) {
        let ladder = match climb {
            Climb::Trouble => &mut self.trouble,
            Climb::Quota => &mut self.quota,
        };
        let wait = ladder.climb().max(least);
        let text = PeerText::of(&refusal.text);
        self.says.push_back(Notice::BackfillTrouble { text, retry_seconds: wait.as_secs_f64() });
        self.close_gate(now, wait);
    }

    fn close_gate(&mut self, now: Time, wait: Duration) {
        let until = now.after(wait);
        self.gate.not_before = Some(self.gate.not_before.map_or(until, |at| at.max(until)));
        self.gate_moved = self.gate_moved || wait >= GATE_MIN;
    }

    fn on_written(&mut self, now: Time, written: Written) {
        match (self.doing.take(), written) {
            (Some(Doing::Begin(draft)), Written::Begun(Some(id))) => {
                self.spent = self.spent.and(draft.price);
                if let Some(request) = &mut self.request {
                    request.tried(&draft.pieces);
                }
                let worker = Worker::new(Job::begun(id, &draft, now), now, self.policy.page);
                self.workers.insert(id, Member::begun(worker, *draft));
            }
            // A gap is no longer as it was planned: the plan is old.
            (Some(Doing::Begin(_)), _) => {
                self.drafts.clear();
                self.plan_at = now;
            }
            (Some(Doing::Save(id)), _) => {
                if let Some(member) = self.workers.get_mut(&id) {
                    member.worker.saved();
                }
            }
            (Some(Doing::Keep(id)), Written::Stored(counts)) => {
                let Some(member) = self.workers.get_mut(&id) else { return };
                member.worker.stored(counts);
                let rows = counts.stored.saturating_add(counts.known).saturating_add(counts.deleted);
                let micros = rows.saturating_mul(1_000_000) / u64::from(self.policy.rows_a_second.max(1));
                self.paced = now.after(Duration::from_micros(micros));
            }
            (Some(Doing::Settle(id, outcome)), Written::Settled(gaps)) => self.on_settled(now, id, &outcome, &gaps),
            (Some(Doing::Gate | Doing::Keep(_) | Doing::Settle(..) | Doing::Gaps | Doing::Ask(..)) | None, _) => {}
        }
    }

    fn on_settled(&mut self, now: Time, id: JobId, outcome: &Outcome, gaps: &[Ending]) {
        self.plan_at = self.plan_at.min(now.after(PLAN_SOON));
        if *outcome != Outcome::Complete {
            self.tally.failed += 1;
        }
        let Some(member) = self.workers.get_mut(&id) else { return };
        member.worker.settled(now);
        let (streams, of_one, counts) = (member.job().streams.len(), member.job().stream(), member.job().counts);
        if let (Outcome::Apart(_), Some(request)) = (outcome, &mut self.request) {
            request.untried(&member.pieces);
        }
        for Ending { gap, stream, state } in gaps {
            let (gap, stream) = (*gap, stream.clone());
            match *state {
                "filled" => {
                    self.tally.filled += 1;
                    self.says.push_back(Notice::GapFilled { gap, stream, job: id, rows: counts.stored });
                }
                "unfillable" => {
                    let why = outcome.detail().unwrap_or_default().to_owned();
                    self.says.push_back(Notice::GapUnfillable { gap, stream, job: id, why });
                }
                _ => {}
            }
        }
        match outcome {
            Outcome::Partial(why) | Outcome::Failed(why) | Outcome::Apart(why) => {
                let (why, rows) = (why.clone(), counts.stored);
                self.says.push_back(Notice::BackfillFailed { job: id, streams, stream: of_one, why, rows });
            }
            Outcome::Complete | Outcome::Unfillable(_) => {}
        }
    }

    /// The day (UTC) that spending is counted for.
    pub const fn day(now: Time) -> i64 {
        day(now)
    }
}

/// Whether a request begins or repeats something, rather than carrying on what is paid for.
const fn is_dear(ask: &Ask) -> bool {
    matches!(ask, Ask::Prepare { .. } | Ask::Deliver { .. } | Ask::Start { .. } | Ask::Queries { .. })
}
