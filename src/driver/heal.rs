//! Backfill beside the live connection: does what the healer decides, one thing at a time, and gives way to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::ClientConfig;
use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::request;
use crate::archive::reading::{ReadError, Reading};
use crate::archive::{AdoptError, Healing, Intake, Unhealed};
use crate::backfill::{Healer, Input, Mode, Order, Policy, Request, Ruling, Step, Tariff, judge, marked};
use crate::config::{self, BackfillMode, BackfillOrder, Settings};
use crate::coverage::ServerClock;
use crate::healing::{Counts, Job, Price, Tally};
use crate::historic::{Ask, Hint, Refusal, Reply, Told, Why};
use crate::host::clock::Clock;
use crate::limits::{BODY_OVERHEAD, HEAL_NOTICES_MAX};
use crate::notice::Notice;
use crate::peer_text::Mask;
use crate::protocol::{Archived, DataSift};
use crate::signal::Signal;
use crate::time::{Time, micros_of};
use crate::transport::http::{Client, HttpFault, Request as HttpRequest, Settings as HttpSettings};

/// How often it is looked whether an operator has left a request.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What may stand unescaped in an address (RFC 3986, 2.3): a proxy may repeat the key as it would stand there.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The headers of an answer that say something.
const HEADERS: &[&str] = &[
    "date",
    "retry-after",
    "ratelimit",
    "x-ratelimit-remaining",
    "x-ratelimit-cost",
    "x-ratelimit-reset",
    "x-ratelimit-reset-ttl",
    "x-datasift-format",
    "x-datasift-cursor-current",
    "x-datasift-cursor-next",
    "x-datasift-bytes-remaining",
];

/// What the daemon knows and backfill has to heed.
#[derive(Clone, Debug, PartialEq)]
struct Heeded {
    /// The daemon catches up.
    draining: bool,
    policy: Policy,
    /// Grows when an operator had the settings read again: whatever paused may have been mended.
    reloads: u64,
}

/// The daemon's end of it.
pub struct Heal {
    heeded: watch::Sender<Heeded>,
    tally: watch::Receiver<Tally>,
    notices: mpsc::Receiver<Notice>,
    task: JoinHandle<()>,
}

impl Heal {
    /// Waits for something to say; nothing once it has ended by itself. May be given up.
    pub async fn said(&mut self) -> Option<Notice> {
        self.notices.recv().await
    }

    /// The same, for as long as the daemon runs: who does not end by itself has something to say in the end.
    pub async fn next(&mut self) -> Notice {
        match self.said().await {
            Some(notice) => notice,
            None => std::future::pending().await,
        }
    }

    /// How it stands, if that has changed since it was last asked.
    pub fn news(&mut self) -> Option<Tally> {
        self.tally.has_changed().is_ok_and(|changed| changed).then(|| *self.tally.borrow_and_update())
    }

    /// The daemon catches up, or no longer.
    pub fn drain(&self, draining: bool) {
        self.heeded.send_if_modified(|heeded| std::mem::replace(&mut heeded.draining, draining) != draining);
    }

    /// Other settings.
    pub fn reload(&self, settings: &Settings) {
        self.heeded.send_modify(|heeded| {
            heeded.policy = heal_policy_of(settings);
            heeded.reloads = heeded.reloads.saturating_add(1);
        });
    }

    /// Ends it. Wherever it is, the archive knows how to go on.
    pub fn stop(&self) {
        self.task.abort();
    }
}

/// Everything that acts for backfill.
struct Acting {
    healer: Healer<Credits>,
    protocol: Box<dyn Archived>,
    client: Client,
    archive: PathBuf,
    intake: Intake,
    clock: Clock,
    server: ServerClock,
    notices: mpsc::Sender<Notice>,
    tally: watch::Sender<Tally>,
    heeded: watch::Receiver<Heeded>,
    /// How often the settings had been read again when that was last heeded.
    reloads: u64,
    /// The page that was told last.
    page: Reply,
    looked: Time,
    /// Nobody but the operator who asked is there: it ends when nothing is left to do.
    alone: bool,
}

/// The server's tariff.
struct Credits(Box<dyn Archived>);

impl Tariff for Credits {
    fn credits(&self, ask: &Ask) -> u64 {
        self.0.credits(ask)
    }
}

/// Begins to fill gaps: as the settings say or, for an operator who asks while no daemon runs, by his request alone.
///
/// # Errors
/// A sentence, if the archive cannot be read or the server's address cannot be called.
pub fn heal(
    settings: &Settings,
    intake: &Intake,
    tls: Arc<ClientConfig>,
    clock: Clock,
    only: Option<Request>,
) -> Result<Heal, String> {
    let alone = only.is_some();
    let mode = if alone { Mode::Approve } else { heal_policy_of(settings).mode };
    let policy = Policy { mode, ..heal_policy_of(settings) };
    let archive = &settings.archive.path;
    let found = look(archive, clock.now()).map_err(|error| error.to_string())?;
    let client = Client::new(http_of(settings, tls)).map_err(|why| format!("backfill.url: {why}"))?;
    let tariff = Credits(archived_of(settings));
    let now = clock.now();
    let seed = now.micros().unsigned_abs();
    let healer = Healer::new(policy.clone(), tariff, &found.tag, now, seed);
    let mut healer = healer.resumed(found.jobs, found.gate, found.spent, now);
    if let Some(request) = only.or_else(|| request::found(archive)) {
        healer.handle(now, Input::Asked(request));
    }
    let (notices, told) = mpsc::channel(HEAL_NOTICES_MAX);
    let (tally, counted) = watch::channel(Tally::default());
    let (heed, heeded) = watch::channel(Heeded { draining: false, policy, reloads: 0 });
    let acting = Acting {
        healer,
        protocol: archived_of(settings),
        client,
        archive: archive.clone(),
        intake: intake.clone(),
        clock,
        server: ServerClock::default(),
        notices,
        tally,
        heeded,
        reloads: 0,
        page: Reply::default(),
        looked: now,
        alone,
    };
    let task = tokio::spawn(async move {
        // It ends with the archive's writer, which says why.
        acting.run().await.unwrap_or_default();
    });
    Ok(Heal { heeded: heed, tally: counted, notices: told, task })
}

impl Acting {
    async fn run(mut self) -> Result<(), AdoptError> {
        loop {
            self.heed();
            let input = match self.healer.next(self.clock.now()) {
                Step::Say(notice) => {
                    if self.notices.send(notice).await.is_err() {
                        return Ok(());
                    }
                    continue;
                }
                Step::Wait(_) if self.alone && self.healer.is_idle() => return Ok(()),
                Step::Wait(until) => {
                    self.wait(until).await;
                    continue;
                }
                Step::Ask(ask) => self.ask(&ask).await,
                Step::Write(change) => Input::Written(self.intake.heal(Healing::Change(change)).await?),
                Step::Keep { job, spent } => Input::Written(self.keep(job, spent).await?),
                Step::Gaps => self.gaps().await,
            };
            self.healer.handle(self.clock.now(), input);
            let tally = self.healer.tally();
            self.tally.send_if_modified(|told| std::mem::replace(told, tally) != tally);
        }
    }

    /// Waits until then, or until something happens that the healer must know.
    async fn wait(&mut self, until: Time) {
        let now = self.clock.now();
        tokio::select! {
            () = self.clock.sleep_until(until.min(now.after(LOOK_EVERY))) => {}
            changed = self.heeded.changed() => {
                if changed.is_err() {
                    // Nobody is there any more; the task is about to be ended.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Hears what has happened besides. Before every step: jobs enough never leave it a moment to wait.
    fn heed(&mut self) {
        let now = self.clock.now();
        let (draining, reloads) = {
            let heeded = self.heeded.borrow();
            (heeded.draining, heeded.reloads)
        };
        self.healer.handle(now, Input::Drain(draining));
        if reloads != self.reloads {
            self.reloads = reloads;
            let policy = self.heeded.borrow().policy.clone();
            self.healer.handle(now, Input::Policy(policy));
        }
        if now.since(self.looked) >= LOOK_EVERY && !self.alone {
            self.looked = now;
            if let Some(request) = request::take(&self.archive) {
                self.healer.handle(now, Input::Asked(request));
            } else if !self.healer.is_asked() {
                request::carried_out(&self.archive);
            }
        }
    }

    async fn ask(&mut self, ask: &Ask) -> Input {
        let call = self.protocol.call(ask);
        let request = HttpRequest { method: call.method, path: call.path, form: &call.parameters };
        let sent = self.clock.now();
        let answer = match self.client.call(&request).await {
            Ok(answer) => answer,
            Err(fault) => return Input::Refused(refusal(&fault)),
        };
        let now = self.clock.now();
        if let Some(told) = answer.told {
            self.server.exchange(sent, now, told);
            if let Some(offset) = self.server.offset() {
                self.healer.handle(now, Input::Clock(offset));
            }
        }
        let reply = Reply { status: answer.status, headers: answer.headers, body: answer.body };
        let hint = self.protocol.hint(&reply);
        match self.protocol.told(ask, &reply) {
            Ok(told) => {
                if matches!(told, Told::Page(_)) {
                    self.page = reply;
                }
                Input::Told { told, hint }
            }
            Err(refusal) => Input::Refused(refusal),
        }
    }

    /// Stores the rows of the page with its job.
    async fn keep(&mut self, job: Box<Job>, spent: Price) -> Result<crate::healing::Written, AdoptError> {
        let (now, page) = (self.clock.now(), std::mem::take(&mut self.page));
        let (mut rows, mut refused) = (self.intake.batch(), Counts::default());
        let intake = &self.intake;
        // The protocol is asked for the marks of each, once it has read them all.
        let mut read = Vec::new();
        self.protocol.rows(&page, &mut |row| read.push(row));
        for row in read {
            let marks = match &row {
                Signal::Interaction(row) if job.is_combined() => self.protocol.marks(row.payload),
                Signal::Interaction(_)
                | Signal::Delete(_)
                | Signal::Tick(_)
                | Signal::Status(_)
                | Signal::Unreadable(..) => Vec::new(),
            };
            match (judge(&job, &row, &marks), &row) {
                (Ruling::Keep, Signal::Interaction(interaction)) => {
                    for stream in marked(&job, &marks) {
                        rows.interaction(now, stream, interaction);
                    }
                }
                (Ruling::Delete, Signal::Delete(delete)) => {
                    if let Some(id) = &delete.id {
                        rows.delete(id);
                    }
                }
                (Ruling::Outside, _) => refused.outside += 1,
                (Ruling::Early, _) => refused.early += 1,
                (Ruling::Foreign, _) => refused.foreign += 1,
                (_, Signal::Unreadable(reason, text)) if intake.quarantine_room(text.len()) => {
                    rows.quarantine(now, None, reason, text.as_bytes());
                }
                _ => refused.unreadable += 1,
            }
        }
        self.intake.heal(Healing::Page { job, rows, refused, spent, at: now }).await
    }

    /// Reads what waits. What cannot be read now is read in a minute.
    async fn gaps(&mut self) -> Input {
        let (archive, now) = (self.archive.clone(), self.clock.now());
        let found = looked(archive, now).await.unwrap_or_default();
        // What the last daemon knew of the server's clock is old.
        if self.server.offset().is_none()
            && !self.alone
            && let Some(offset) = found.clock_offset
        {
            self.healer.handle(now, Input::Clock(offset));
        }
        Input::Gaps { gaps: found.gaps, spent: found.spent }
    }
}

/// Looks on a thread of its own, as the disk can be slow; tokio would end the process where none can be started.
async fn looked(archive: PathBuf, now: Time) -> Option<Unhealed> {
    let (answer, answered) = oneshot::channel();
    let reader = std::thread::Builder::new().name("gaps".to_owned());
    // Nobody waits for the answer any more where the daemon ends.
    reader.spawn(move || drop(answer.send(look(&archive, now)))).ok()?;
    answered.await.ok()?.ok()
}

fn look(archive: &std::path::Path, now: Time) -> Result<Unhealed, ReadError> {
    Unhealed::read(&Reading::open(archive)?, Healer::<Credits>::day(now))
}

fn refusal(fault: &HttpFault) -> Refusal {
    let why = match fault {
        HttpFault::Oversize { .. } => Why::Oversize,
        HttpFault::Redirected { .. } => Why::Redirected,
        HttpFault::Unreachable(_) | HttpFault::Tls(_) => Why::Unheard,
        HttpFault::Late(_) | HttpFault::Broken(_) | HttpFault::Garbled(_) => Why::Unreachable,
    };
    Refusal { why, hint: Hint::default(), text: fault.to_string() }
}

/// The settings that healing depends on.
pub fn heal_policy_of(settings: &Settings) -> Policy {
    let backfill = &settings.backfill;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Policy {
        mode: match backfill.mode {
            BackfillMode::Off => Mode::Off,
            BackfillMode::Approve => Mode::Approve,
            BackfillMode::Auto => Mode::Auto,
        },
        sources: backfill.listed(),
        lag: backfill.lag,
        overlap: backfill.overlap,
        join: backfill.join,
        combine: backfill.combine,
        smallest: backfill.smallest,
        cool_down: backfill.cool_down,
        tries: u32::try_from(backfill.tries).unwrap_or(u32::MAX),
        order: match backfill.order {
            BackfillOrder::Oldest => Order::Oldest,
            BackfillOrder::Cheapest => Order::Cheapest,
        },
        budget: Price { credits: count(backfill.credits_a_day), milliunits: thousandths(backfill.units_a_day) },
        milliunits_an_hour: thousandths(backfill.units_an_hour),
        jobs_max: backfill.jobs,
        deadline: backfill.deadline,
        page: backfill.page,
        rows_a_second: u32::try_from(backfill.rows_a_second).unwrap_or(u32::MAX),
    }
}

/// A number of units in thousandths: a second has a million parts, of which a thousand each are meant.
fn thousandths(units: f64) -> u64 {
    let span = Duration::try_from_secs_f64(units).unwrap_or(Duration::MAX);
    u64::try_from(micros_of(span) / 1_000).unwrap_or(0)
}

/// The archive of the server that the settings name, with the identity to use.
pub fn archived_of(settings: &Settings) -> Box<dyn Archived> {
    let source = &settings.source;
    match source.kind {
        config::Kind::DataSift => {
            let key = SecretString::from(source.api_key.expose());
            Box::new(DataSift::new(&source.url, &source.username, key))
        }
    }
}

fn http_of(settings: &Settings, tls: Arc<ClientConfig>) -> HttpSettings {
    let (source, backfill) = (&settings.source, &settings.backfill);
    let key = source.api_key.expose();
    HttpSettings {
        url: backfill.url.clone(),
        allow_insecure: source.allow_insecure,
        authorization: SecretString::from(format!("{}:{key}", source.username)),
        timeout: backfill.timeout,
        // A page may exceed its size by its last row.
        body_max: backfill.page.saturating_add(source.max_frame).saturating_add(BODY_OVERHEAD),
        headers: HEADERS,
        mask: Mask::of([key, &utf8_percent_encode(key, VALUE).to_string()]),
        tls,
    }
}
