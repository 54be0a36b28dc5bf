//! The REST side: jobs that search the archive of what the world made, deliveries that keep what they find, and what
//! calls cost. It serves from the same world as the streaming side, so what was lost live can be fetched.
//!
//! Source: DataSift, Historics, Push, Pull and API Rate Limiting; texts and fields as its recorded answers have them.
//! A text that nobody recorded is worded here and matched by no promise.

mod call;
mod connection;
mod cues;
mod definitions;
mod delivery;
mod fees;
mod historics;
mod job;
mod page;
mod pull;
mod push;
mod reply;
mod request;
mod tape;

pub(super) use call::Call;
pub(super) use connection::serve;
pub(super) use reply::Reply;
pub(super) use request::Request;

use super::cue::{Fail, JobChange, Pages};
use super::scenario::{Account, Rest as Settings};
use super::world::{Happening, Name, World};
use definitions::Definition;
use delivery::Delivery;
use fastrand::Rng;
use fees::Fees;
use job::{Job, Rules, Why, Withheld};
use reply::{Outcome, Refusal};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use tape::Tape;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Bytes;

/// The status of what was deleted, which changes no more.
const GONE: &str = "deleted";

/// All state of the REST side.
#[derive(Debug)]
pub(super) struct Rest {
    settings: Settings,
    tape: Tape,
    fees: Fees,
    definitions: Vec<Definition>,
    jobs: Vec<Job>,
    deliveries: Vec<Delivery>,
    /// What the journal last said of each.
    told_jobs: Vec<String>,
    told_deliveries: Vec<String>,
    rng: Rng,
    spoils: Vec<Fail>,
    pages: VecDeque<Pages>,
    /// Of the streams that were combined, by place.
    hashes: HashMap<usize, String>,
    /// What each new job begins with.
    coming: JobChange,
    /// What jobs do not give, to be told to the journal.
    withheld: Vec<Note>,
    listening: bool,
    counts: Counts,
}

/// What has been answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) calls: u64,
    pub(super) credits: u64,
    pub(super) served: u64,
}

/// A line for the journal: event and fields.
pub(super) type Note = (&'static str, Value);

impl Rest {
    pub(super) fn new(settings: &Settings, seed: u64) -> Self {
        Self {
            tape: Tape::default(),
            fees: Fees::new(settings.fees.clone()),
            definitions: Vec::new(),
            jobs: Vec::new(),
            deliveries: Vec::new(),
            told_jobs: Vec::new(),
            told_deliveries: Vec::new(),
            rng: Rng::with_seed(seed ^ 0x005e_ed0f_4e57),
            spoils: Vec::new(),
            pages: VecDeque::new(),
            hashes: HashMap::new(),
            coming: JobChange::default(),
            withheld: Vec::new(),
            listening: true,
            counts: Counts::default(),
            settings: settings.clone(),
        }
    }

    /// Takes in what the world made for one stream.
    pub(super) fn keep(&mut self, happening: &Happening, stream: usize, data: &Bytes, made_us: i64) {
        self.tape.keep(happening, stream, data, made_us, self.settings.archive.messages_max);
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listening
    }

    /// Jobs that were ever prepared.
    pub(super) fn prepared(&self) -> u64 {
        u64::try_from(self.jobs.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    fn rules(&self) -> Rules<'_> {
        Rules { archive: &self.settings.archive, jobs: &self.settings.jobs }
    }

    /// Notes what a job does not give although it was made in its window, and whether its answers say so.
    fn withhold(&mut self, place: usize, withheld: &[Withheld]) {
        let Some(job) = self.jobs.get(place) else { return };
        let mut of_reason: BTreeMap<(Why, usize), Vec<Option<&str>>> = BTreeMap::new();
        for (place, why) in withheld {
            let Some(record) = self.tape.get(*place) else { continue };
            for stream in job.streams(*place, record) {
                of_reason.entry((*why, stream)).or_default().push(record.id.as_ref().map(Name::as_str));
            }
        }
        for ((why, stream), ids) in of_reason {
            let told = why != Why::Source || job.tells_sources;
            // The job's own hash, where it is of one stream.
            let hash = self.hashes.get(&stream).unwrap_or(&job.definition.hash);
            self.withheld.push((
                "withheld",
                json!({"job": job.number, "stream": hash, "why": why.name(), "told": told, "ids": ids}),
            ));
        }
    }

    fn delivery_status(&self, place: usize, now: Instant) -> String {
        let delivery = self.deliveries.get(place).filter(|delivery| !delivery.gone);
        let job = delivery.and_then(|delivery| self.jobs.get(delivery.job));
        match (delivery, job) {
            (Some(delivery), Some(job)) => delivery.status(job, self.rules(), now),
            _ => GONE.to_owned(),
        }
    }

    /// What has changed by itself since the last look: statuses of jobs and deliveries.
    pub(super) fn news(&mut self, now: Instant) -> Vec<Note> {
        let mut news = std::mem::take(&mut self.withheld);
        let rules = Rules { archive: &self.settings.archive, jobs: &self.settings.jobs };
        self.told_jobs.resize(self.jobs.len(), String::new());
        for (job, told) in self.jobs.iter().zip(&mut self.told_jobs).filter(|(_, told)| *told != GONE) {
            let stand = job.stand(rules, now);
            let status = if job.gone { GONE.to_owned() } else { stand.status };
            if *told != status {
                told.clone_from(&status);
                news.push((
                    "job",
                    json!({"job": job.number, "id": job.id, "status": status, "progress": stand.progress,
                           "stream": job.definition.hash, "start": job.start, "end": job.end, "name": job.name,
                           "finds": job.found().len()}),
                ));
            }
        }
        self.told_deliveries.resize(self.deliveries.len(), String::new());
        for place in 0..self.deliveries.len() {
            if self.told_deliveries.get(place).is_some_and(|told| told == GONE) {
                continue;
            }
            let status = self.delivery_status(place, now);
            let (Some(told), Some(delivery)) = (self.told_deliveries.get_mut(place), self.deliveries.get(place)) else {
                continue;
            };
            if *told != status {
                told.clone_from(&status);
                let job = self.jobs.get(delivery.job).map(|job| job.number);
                news.push((
                    "delivery",
                    json!({"delivery": delivery.id, "job": job, "status": status, "name": delivery.name,
                           "lost_data": delivery.lost}),
                ));
            }
        }
        news
    }
}

/// What answers one request.
pub(super) struct Desk<'d> {
    pub(super) rest: &'d mut Rest,
    pub(super) world: &'d World,
    pub(super) account: &'d Account,
    pub(super) now: Instant,
    pub(super) now_us: i64,
    /// The server's clock as HTTP writes it.
    pub(super) date: String,
    pub(super) notes: Vec<Note>,
}

impl Desk<'_> {
    fn now_s(&self) -> i64 {
        self.now_us.div_euclid(1_000_000)
    }

    /// Answers a request, and notes it for the journal.
    pub(super) fn answer(&mut self, request: &Request) -> Reply {
        let call = Call::of_path(&request.path);
        let spoil = call.and_then(|call| self.spoil(call));
        let acts = spoil.as_ref().is_none_or(Fail::acts);
        let outcome = if acts { self.outcome(call, request) } else { Outcome::default() };
        let mut reply = Reply::new(&outcome, &self.date, request.takes_gzip && self.rest.settings.deliveries.gzip);
        if let Some(fail) = &spoil {
            reply.spoil(&fail.how, &self.date);
        }
        reply.keeps &= request.keeps;
        self.rest.counts.calls += 1;
        self.rest.counts.credits += outcome.cost;
        self.notes.push((
            "call",
            json!({"call": call.map_or(request.path.as_str(), |call| call.name()), "method": request.method,
                   "status": reply.status, "cost": outcome.cost, "job": outcome.job, "delivery": outcome.delivery,
                   "bytes": outcome.body.len(), "spoilt": spoil.as_ref().map(|fail| &fail.how),
                   "acted": spoil.as_ref().map(|_| acts), "error": outcome.error}),
        ));
        reply
    }

    /// The next order to spoil a call of this kind.
    fn spoil(&mut self, call: Call) -> Option<Fail> {
        let spoils = &mut self.rest.spoils;
        let meant = |fail: &Fail| fail.call.as_deref().is_none_or(|name| name == call.name());
        // Those that let some pass count every call that they are meant for.
        for fail in spoils.iter_mut().filter(|fail| meant(fail)) {
            if fail.after == 0 {
                let spoil = fail.clone();
                fail.times = fail.times.saturating_sub(1);
                spoils.retain(|fail| fail.times > 0);
                return Some(spoil);
            }
            fail.after -= 1;
        }
        None
    }

    fn outcome(&mut self, call: Option<Call>, request: &Request) -> Outcome {
        let Some(call) = call else {
            return Refusal::new(404, "The endpoint does not exist").into();
        };
        if let Some(refusal) = self.stranger(request) {
            return refusal.into();
        }
        let now_s = self.now_s();
        let account = call.cost().map(|cost| self.rest.fees.charge(cost, self.now, now_s));
        let exhausted = account.is_some_and(|account| account.exhausted);
        let mut outcome = if exhausted {
            Refusal::new(self.rest.fees.exhausted_status(), "You have exceeded your rate limit").into()
        } else {
            self.perform(call, request).unwrap_or_else(Outcome::from)
        };
        if let Some(account) = account {
            outcome.cost = if exhausted { 0 } else { account.cost };
            outcome.headers.extend([
                ("X-RateLimit-Limit", account.limit.to_string()),
                ("X-RateLimit-Remaining", account.left.to_string()),
                ("X-RateLimit-Cost", account.cost.to_string()),
                ("X-RateLimit-Reset", account.reset.to_string()),
                ("X-RateLimit-Reset-Ttl", account.reset_ttl.to_string()),
            ]);
        }
        outcome
    }

    /// Somebody who is not who the account is for.
    fn stranger(&self, request: &Request) -> Option<Refusal> {
        let Account { username, api_key, .. } = self.account;
        let wrong = |right: &Option<String>, given: &Option<String>| right.is_some() && right != given;
        (wrong(username, &request.username) || wrong(api_key, &request.api_key))
            .then(|| Refusal::new(401, "Authorization failed"))
    }

    fn perform(&mut self, call: Call, request: &Request) -> Result<Outcome, Refusal> {
        match call {
            Call::Compile => self.compile(request),
            Call::Prepare => self.prepare(request),
            Call::Start => self.start(request),
            Call::Get => self.get(request),
            Call::Status => self.status(request),
            Call::Stop => self.stop(request),
            Call::Pause | Call::Resume => self.pause(request, call == Call::Pause),
            Call::Update => self.update(request),
            Call::Delete => self.delete(request),
            Call::PushCreate => self.push_create(request),
            Call::PushGet => self.push_get(request),
            Call::PushPause | Call::PushResume => self.push_pause(request, call == Call::PushPause),
            Call::PushStop => self.push_stop(request),
            Call::PushDelete => self.push_delete(request),
            Call::PushLog => self.push_log(request),
            Call::Pull => self.pull(request),
        }
    }
}
