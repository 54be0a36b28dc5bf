//! One job, from its beginning to its end.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Policy;
use super::ladder::{Reaction, of_refusal};
use super::search::Search;
use super::words::{said, span};
use crate::healing::{Counts, Job, Outcome, Stage};
use crate::historic::{Ask, Delivery, DeliveryState, Page, Query, QueryState, Refusal, Told, Why};
use crate::peer_text::PeerText;
use crate::time::Time;

/// What a job wants next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next {
    /// Ask this.
    Ask(Ask),
    /// Write the job down as it is.
    Save,
    /// Write down how it ended.
    Settle(Outcome),
    /// Nothing before this moment.
    Wait(Time),
    /// Nothing any more.
    Nothing,
}

/// A job at work.
#[derive(Clone, Debug)]
pub struct Worker {
    pub job: Job,
    /// The job differs from what is written down.
    unsaved: bool,
    /// The request of this stage may have been made, by us or before a crash: look before it is made again.
    doubt: bool,
    /// Where the search through the server's list is.
    search: Search,
    due: Time,
    /// Fetches in a row that brought nothing.
    empty: u32,
    /// When the cheap and the dear question were last asked.
    looked: Time,
    looked_closely: Time,
    /// The delivery said that all is there, or that it was given up: what is left is fetched, then it is over.
    last: Option<DeliveryState>,
    /// The query was asked at the end.
    audited: bool,
    /// Requests in a row that failed alone.
    failures: u32,
    /// The size of the next page.
    bytes: usize,
    settled: Option<Outcome>,
    /// Pages in a row that could not be read.
    misread: u32,
    /// What the server calls the streams of the job together. Not written down: asked again, it is the same.
    combined: Option<String>,
}

/// Between two fetches of a delivery ("2 calls a second": DataSift, Pull); at exactly half a second, a third one that is
/// quicker on its way than the first would be one too many.
const FETCH_EVERY: Duration = Duration::from_millis(600);
/// The first wait after a fetch that brought nothing, doubling, and the longest.
const EMPTY_FIRST: Duration = Duration::from_secs(1);
const EMPTY_MAX: Duration = Duration::from_mins(1);
/// How soon the cheap question is asked while nothing comes; each next wait is a fifth of the job's age, up to a bound.
const LOOK_FIRST: Duration = Duration::from_secs(1);
const LOOK_SELDOM: Duration = Duration::from_mins(30);
/// How soon it is asked again after an answer that cannot be true yet.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// How often the dear question is asked of a job that runs.
const LOOK_CLOSELY_EVERY: Duration = Duration::from_hours(6);
/// A request that fails alone is made so often; a page that cannot be read is fetched so often.
const FAILURES_MAX: u32 = 5;
const MISREAD_MAX: u32 = 3;
/// Flaws that are written down; more of them change nothing.
const FLAWS_MAX: usize = 20;
/// Somebody else has started the query: it is not started again without a look.
const ROWS_BEFORE: &str = "rows came before the query was started";
const STARTED_BEFORE: &str = "the query had been started before the place to fetch from was marked";
/// A page is not asked to be smaller than this.
const PAGE_MIN: usize = 64 * 1024;

impl Worker {
    /// A job that was begun a moment ago.
    pub fn new(job: Job, now: Time, page: usize) -> Self {
        Self {
            job,
            unsaved: false,
            doubt: false,
            search: Search::FIRST,
            due: now,
            empty: 0,
            looked: now,
            looked_closely: now,
            last: None,
            audited: false,
            failures: 0,
            bytes: page,
            settled: None,
            misread: 0,
            combined: None,
        }
    }

    /// A job that was found after a start: whatever its stage is about may have been done.
    pub fn found(job: Job, now: Time, page: usize) -> Self {
        // Whoever went before may have fetched a moment ago.
        let mut worker = Self { doubt: true, due: now.after(FETCH_EVERY * 2), ..Self::new(job, now, page) };
        if worker.job.blind {
            worker.flaw("the first page may have been lost in a crash");
            worker.job.blind = false;
        }
        worker
    }

    /// What the job wants now.
    pub fn next(&self, now: Time, policy: &Policy) -> Next {
        if let Some(outcome) = &self.settled {
            return Next::Settle(outcome.clone());
        }
        if self.unsaved {
            return Next::Save;
        }
        if self.job.stage == Stage::Closed {
            return Next::Nothing;
        }
        if self.job.stage < Stage::Closing && self.job.begun.after(policy.deadline) <= now {
            return Next::Settle(self.failing(format!("not finished after {}", span(policy.deadline))));
        }
        if self.due > now { Next::Wait(self.due) } else { self.ask().map_or(Next::Save, Next::Ask) }
    }

    /// When [`Worker::next`] has more to say.
    pub fn deadline(&self, policy: &Policy) -> Time {
        if self.job.stage < Stage::Closing { self.due.min(self.job.begun.after(policy.deadline)) } else { self.due }
    }

    fn ask(&self) -> Option<Ask> {
        let Job { name, streams, query, delivery, cursor, .. } = &self.job;
        let query = || query.clone().unwrap_or_default();
        let of_delivery = || delivery.clone().unwrap_or_default();
        let fetch = |bytes| Ask::Fetch { delivery: of_delivery(), cursor: cursor.clone(), bytes };
        Some(match self.job.stage {
            Stage::Preparing if self.doubt => Ask::Queries { page: self.search.page() },
            Stage::Preparing => match (streams.as_slice(), &self.combined) {
                ([stream], _) => self.prepare(&stream.name),
                (_, Some(stream)) => self.prepare(stream),
                _ => Ask::Combine { streams: streams.iter().map(|stream| stream.name.clone()).collect() },
            },
            Stage::Delivering if self.doubt => Ask::Deliveries { page: self.search.page() },
            Stage::Delivering => Ask::Deliver { name: name.clone(), query: query() },
            Stage::Anchoring | Stage::Starting if self.doubt => Ask::Query { query: query() },
            Stage::Anchoring => fetch(PAGE_MIN),
            Stage::Starting => Ask::Start { query: query() },
            Stage::Fetching if self.last.is_some() && self.audited => fetch(self.bytes),
            Stage::Fetching if self.last.is_some() => Ask::Query { query: query() },
            Stage::Fetching if self.empty > 0 && self.due >= self.looked.after(self.patience()) => {
                if self.due >= self.looked_closely.after(LOOK_CLOSELY_EVERY) {
                    Ask::Query { query: query() }
                } else {
                    Ask::Delivery { delivery: of_delivery() }
                }
            }
            Stage::Fetching => fetch(self.bytes),
            Stage::Closing if delivery.is_some() => Ask::DropDelivery { delivery: of_delivery() },
            Stage::Closing => Ask::DropQuery { query: query() },
            Stage::Closed => return None,
        })
    }

    fn prepare(&self, stream: &str) -> Ask {
        let Job { name, span, sources, .. } = &self.job;
        Ask::Prepare { name: name.clone(), stream: stream.to_owned(), span: *span, sources: sources.clone() }
    }

    /// How long to wait between two looks: a job that has taken long takes longer.
    fn patience(&self) -> Duration {
        (self.looked.since(self.job.begun) / 5).clamp(LOOK_FIRST, LOOK_SELDOM)
    }

    /// What is written down is as the job is.
    pub fn saved(&mut self) {
        self.unsaved = false;
    }

    /// The rows of the last page are stored, and the cursor behind them.
    pub fn stored(&mut self, counts: Counts) {
        self.job.counts = self.job.counts.and(counts);
        self.unsaved = false;
    }

    /// The job as it is once its end is written down: what is left at the server goes.
    pub fn ended(&self) -> Job {
        let left = self.job.query.is_some() || self.job.delivery.is_some();
        Job { stage: if left { Stage::Closing } else { Stage::Closed }, ..self.job.clone() }
    }

    /// The end is written down.
    pub fn settled(&mut self, now: Time) {
        self.job = self.ended();
        (self.settled, self.unsaved, self.failures, self.due) = (None, false, 0, now);
    }

    /// Nothing may be asked before this moment; the rest of the house waits too.
    pub fn put_off(&mut self, until: Time) {
        self.due = self.due.max(until);
    }

    /// What an answer means. With [`Told::Page`], the rows are stored together with the job as it is now.
    pub fn told(&mut self, now: Time, told: &Told) {
        self.failures = 0;
        match told {
            Told::Combined { stream, .. } => (self.combined, self.due) = (Some(stream.clone()), now),
            Told::Prepared { query, lacking, .. } => self.on_prepared(now, query, lacking),
            Told::Delivering { delivery } => {
                self.job.delivery = Some(delivery.clone());
                self.turn(Stage::Anchoring, now);
            }
            Told::Done => self.on_done(now),
            Told::Page(page) => self.on_page(now, page),
            Told::Nothing { cursor } => self.on_nothing(now, cursor.as_ref()),
            Told::Delivery(delivery) => self.on_delivery(now, delivery),
            Told::Query(query) => self.on_query(now, query),
            Told::Queries { found, more } => {
                let ours = found.iter().find(|query| query.name == self.job.name);
                self.on_list(now, ours.map(|query| query.id.clone()), *more && !found.is_empty());
            }
            Told::Deliveries { found, more } => {
                let of_query = |delivery: &&Delivery| Some(&delivery.query) == self.job.query.as_ref();
                let ours = found.iter().filter(of_query).find(|delivery| delivery.name == self.job.name);
                self.on_list(now, ours.map(|delivery| delivery.id.clone()), *more && !found.is_empty());
            }
        }
    }

    fn turn(&mut self, stage: Stage, now: Time) {
        (self.job.stage, self.doubt, self.search) = (stage, false, Search::FIRST);
        (self.unsaved, self.due) = (true, now);
    }

    fn flaw(&mut self, flaw: impl Into<String>) {
        let flaw = flaw.into();
        if self.job.flaws.len() < FLAWS_MAX && !self.job.flaws.contains(&flaw) {
            self.job.flaws.push(flaw);
            self.unsaved = true;
        }
    }

    fn on_prepared(&mut self, now: Time, query: &str, lacking: &[String]) {
        self.job.query = Some(query.to_owned());
        for source in lacking {
            self.flaw(source.clone());
        }
        self.turn(Stage::Delivering, now);
    }

    /// One page of a list was searched for what a crash or a lost answer may have left.
    fn on_list(&mut self, now: Time, ours: Option<String>, more: bool) {
        match (ours, self.job.stage) {
            (Some(query), Stage::Preparing) => {
                self.job.query = Some(query);
                self.turn(Stage::Delivering, now);
                // Whoever drew it up may have gone on.
                self.doubt = true;
            }
            (Some(delivery), Stage::Delivering) => {
                self.job.delivery = Some(delivery);
                self.turn(Stage::Anchoring, now);
                // And may have started it.
                self.doubt = true;
            }
            (None, Stage::Preparing | Stage::Delivering) => {
                let next = self.search.next(more);
                (self.doubt, self.search) = (next.is_some(), next.unwrap_or(Search::FIRST));
            }
            _ => {}
        }
        self.due = now;
    }

    fn on_done(&mut self, now: Time) {
        if self.job.stage == Stage::Starting {
            self.turn(Stage::Fetching, now.after(EMPTY_FIRST));
            (self.looked, self.looked_closely) = (now, now);
        } else if self.job.stage == Stage::Closing {
            self.dropped(now);
        }
    }

    /// One of the two things at the server is gone.
    fn dropped(&mut self, now: Time) {
        if self.job.delivery.take().is_none() || self.job.query.is_none() {
            self.job.query = None;
            self.job.stage = Stage::Closed;
        }
        self.failures = 0;
        (self.unsaved, self.due) = (true, now);
    }

    fn on_page(&mut self, now: Time, page: &Page) {
        self.misread = 0;
        if self.job.stage == Stage::Anchoring {
            // Rows before the start: somebody else has started it.
            self.flaw(ROWS_BEFORE);
        }
        if let (Some(asked), Some(current)) = (&self.job.cursor, &page.current)
            && asked != current
        {
            self.flaw("the server could not go back to where the last page ended");
        }
        if page.unreadable > 0 {
            self.flaw("rows that cannot be read are in quarantine");
        }
        let stands = page.next.is_some() && page.next == self.job.cursor;
        self.job.cursor.clone_from(&page.next);
        // Without a place to go on from, the server moves on by itself, and an answer that is lost is lost.
        self.job.blind = page.next.is_none();
        self.unsaved = true;
        if stands {
            self.pause(now);
        } else {
            (self.empty, self.due) = (0, now.after(FETCH_EVERY));
        }
    }

    /// A fetch brought nothing new: the longer so, the longer until the next.
    fn pause(&mut self, now: Time) {
        let wait = EMPTY_FIRST.saturating_mul(2_u32.saturating_pow(self.empty.min(10))).min(EMPTY_MAX);
        self.empty = self.empty.saturating_add(1);
        self.due = now.after(wait);
    }

    fn on_nothing(&mut self, now: Time, cursor: Option<&String>) {
        self.misread = 0;
        match self.job.stage {
            Stage::Preparing | Stage::Delivering | Stage::Starting | Stage::Closing | Stage::Closed => {}
            Stage::Anchoring => {
                self.job.cursor = cursor.cloned();
                // Without a mark, a first page whose answer is lost cannot be fetched again.
                self.job.blind = cursor.is_none();
                let doubt = self.job.flaws.iter().any(|flaw| flaw == ROWS_BEFORE || flaw == STARTED_BEFORE);
                self.turn(Stage::Starting, now);
                self.doubt = doubt;
            }
            Stage::Fetching => match self.last {
                Some(DeliveryState::Finished) => self.finish(),
                Some(DeliveryState::Failed) => {
                    self.flaw("the server gave the delivery up");
                    self.finish();
                }
                Some(DeliveryState::Active | DeliveryState::Paused) | None => self.pause(now),
            },
        }
    }

    fn on_delivery(&mut self, now: Time, delivery: &Delivery) {
        (self.looked, self.due) = (now, now);
        if delivery.lost {
            self.flaw("the server dropped some of what it kept for us");
        }
        match delivery.state {
            DeliveryState::Finished | DeliveryState::Failed => {
                (self.last, self.audited) = (Some(delivery.state), false);
            }
            DeliveryState::Paused | DeliveryState::Active => {}
        }
    }

    fn on_query(&mut self, now: Time, query: &Query) {
        self.looked_closely = now;
        self.due = now;
        match (self.job.stage, query.state) {
            (Stage::Anchoring | Stage::Starting, QueryState::Prepared) => return self.doubt = false,
            (Stage::Anchoring, _) => {
                self.flaw(STARTED_BEFORE);
                return self.doubt = false;
            }
            (Stage::Starting, _) => return self.turn(Stage::Fetching, now),
            _ => {}
        }
        for flaw in &query.flaws {
            self.flaw(PeerText::of(flaw).to_string());
        }
        match query.state {
            QueryState::Failed => self.flaw("the query failed"),
            QueryState::Stopped => self.flaw("the query was stopped"),
            // The delivery says that all is there, and the query that it still runs: one of them is behind.
            QueryState::Prepared | QueryState::Running if self.last == Some(DeliveryState::Finished) => {
                (self.last, self.due) = (None, now.after(LOOK_AGAIN));
            }
            QueryState::Prepared | QueryState::Running | QueryState::Done => {}
        }
        self.audited = self.last.is_some();
        self.looked = now;
    }

    /// Everything is fetched.
    fn finish(&mut self) {
        if self.job.counts.early > 0 {
            let early = self.job.counts.early;
            self.flaw(format!(
                "{early} rows were refused that were posted long before the gap, and may have come in it"
            ));
        }
        if self.job.is_combined() && self.job.counts.foreign > 0 {
            let rows = self.job.counts.foreign;
            self.flaw(format!("{rows} rows were refused that do not say of which stream they are"));
        }
        let flaws: BTreeSet<&str> = self.job.flaws.iter().map(String::as_str).collect();
        self.settled = Some(if flaws.is_empty() {
            Outcome::Complete
        } else {
            Outcome::Partial(flaws.into_iter().collect::<Vec<_>>().join("; "))
        });
    }

    /// How the job ends if it ends now: what was fetched is worth something.
    fn failing(&self, why: String) -> Outcome {
        if self.job.stage == Stage::Fetching { Outcome::Partial(why) } else { Outcome::Failed(why) }
    }

    /// A refusal that concerns this job; others (see [`Reaction::Later`] and [`Reaction::Pause`]) concern all.
    pub fn refused(&mut self, now: Time, ask: &Ask, refusal: &Refusal) {
        let said = said(refusal);
        match of_refusal(ask, refusal) {
            Reaction::Later { .. } | Reaction::Pause => {
                if refusal.why == Why::Unusable && matches!(ask, Ask::Fetch { .. }) {
                    self.misread = self.misread.saturating_add(1);
                    if self.misread > MISREAD_MAX {
                        self.end(now, said);
                    }
                }
                return;
            }
            // Before the start there is nothing to fetch, and nothing to lose.
            Reaction::Look if self.job.stage == Stage::Anchoring => {}
            // The server has moved on without us.
            Reaction::Look if matches!(ask, Ask::Fetch { .. }) => {
                self.flaw("the answer to a fetch was lost, and there was no mark to go back to");
            }
            Reaction::Look => (self.doubt, self.search) = (true, Search::FIRST),
            Reaction::Absent => return self.on_absent(now, ask, said),
            Reaction::Some(wait) => {
                self.due = now.after(wait);
                self.failures = self.failures.saturating_add(1);
                if self.failures >= FAILURES_MAX {
                    self.end(now, said);
                }
                return;
            }
            Reaction::Smaller if self.bytes > PAGE_MIN => self.bytes = (self.bytes / 2).max(PAGE_MIN),
            // It may be the settings that are wrong, and a gap is not given up for that.
            Reaction::Smaller | Reaction::Never => self.end(now, said),
        }
        self.due = now.after(FETCH_EVERY);
    }

    fn on_absent(&mut self, now: Time, ask: &Ask, said: String) {
        if matches!(ask, Ask::Prepare { .. }) && !self.job.is_combined() {
            self.settled = Some(Outcome::Unfillable(said));
        } else {
            self.end(now, said);
        }
    }

    /// It cannot go on.
    fn end(&mut self, now: Time, why: String) {
        if self.job.stage == Stage::Closing {
            self.dropped(now);
        } else if self.job.stage == Stage::Preparing && self.job.is_combined() {
            // One of its streams may be to blame, or that they are many: none of that tells of a gap.
            self.settled = Some(Outcome::Apart(format!("{why}; each stream is asked for alone")));
        } else {
            self.settled = Some(self.failing(why));
        }
    }

    /// It costs more than may be spent: it ends before it has cost anything. Of several streams, one by one may do.
    pub fn give_up(&mut self, why: String) {
        self.settled = Some(if self.job.is_combined() { Outcome::Apart(why) } else { self.failing(why) });
    }

    /// Whether to fetch a page once more of which some cannot be read. It is taken as it is if that does not help, or if
    /// the server cannot go back.
    pub fn rejects(&mut self, now: Time, page: &Page) -> bool {
        let again = page.unreadable > 0 && self.misread < MISREAD_MAX && self.job.cursor.is_some();
        if again {
            self.misread += 1;
            self.due = now.after(EMPTY_MAX);
        }
        again
    }
}
