//! The calls about jobs: prepare, start, get, status, stop, pause, resume, update, delete.
//!
//! Source: DataSift, Historics API; answers as recorded.

use super::Desk;
use super::job::{Asked, Job, Rules};
use super::reply::{Outcome, Refusal};
use super::request::Request;
use crate::simulator::clock::micros;
use crate::simulator::scenario::{MissingSource, Prepared};
use crate::simulator::world::{as_hash, kinds};
use serde_json::{Map, Value, json};

/// 2010-01-01: the archive begins there.
const EARLIEST: i64 = 1_262_304_000;
const DAY: i64 = 86_400;
/// Days that `historics/status` tells of at most.
const DAYS_MAX: usize = 400;
const PER_PAGE: usize = 20;

type Answer = Result<Outcome, Refusal>;

impl Desk<'_> {
    pub(super) fn prepare(&mut self, request: &Request) -> Answer {
        let missing = |name: &str| Refusal::new(400, format!("Missing param '{name}'"));
        let needed = |name: &str| request.parameter(name).ok_or_else(|| missing(name));
        let hash = needed("hash")?.to_owned();
        let name = needed("name")?.to_owned();
        let start: i64 = request.number("start").ok_or_else(|| missing("start"))?;
        let end: i64 = request.number("end").ok_or_else(|| missing("end"))?;
        let sources: Vec<String> =
            needed("sources")?.split(',').map(|source| source.trim().to_owned()).filter(|it| !it.is_empty()).collect();
        let invalid = || Refusal::new(400, "hash must be a valid hash");
        as_hash(&hash).ok_or_else(invalid)?;
        let definition = self.definition(&hash).ok_or_else(|| Refusal::new(404, "Hash not found"))?;
        self.window(start, end)?;
        let sample = request.number::<u8>("sample").unwrap_or(100);
        if !matches!(sample, 10 | 100) {
            return Err(Refusal::new(400, "sample is invalid; valid values are: 10,100"));
        }
        self.sources(&sources)?;
        let change = self.rest.coming.clone();
        let most = change.sample.unwrap_or(100).min(self.rest.settings.jobs.sample_max);
        let number = self.rest.prepared().saturating_add(1);
        let id: String = format!("{:032x}", self.rest.rng.u128(..)).chars().take(20).collect();
        let asked = Asked { definition, name, start, end, sources, sample: sample.min(most) };
        let mut job = Job::new(number, id.clone(), self.now_s(), asked, change);
        job.tells_sources = self.rest.settings.jobs.prepared == Prepared::Availability;
        let price = self.rest.fees.price(job.span(), job.definition.weight());
        let mut answer = json!({"id": id, "dpus": price});
        if let (Some(fields), Some(availability)) = (answer.as_object_mut(), self.availability(&job)) {
            fields.insert("availability".to_owned(), availability);
        }
        self.rest.jobs.push(job);
        Ok(Outcome::json(202, &answer).of_job(number))
    }

    /// A window that the archive can be asked for.
    fn window(&self, start: i64, end: i64) -> Result<(), Refusal> {
        let archive = &self.rest.settings.archive;
        let lag = micros(archive.lag).div_euclid(1_000_000);
        let longest = micros(archive.longest).div_euclid(1_000_000);
        let fault = if start < EARLIEST {
            "start cannot be before 2010"
        } else if end <= start {
            "end must be after start"
        } else if end > self.now_s().saturating_sub(lag) {
            "end must be at least 1 hour in the past"
        } else if end.saturating_sub(start) > longest {
            "The time between start and end is too long"
        } else {
            return Ok(());
        };
        Err(Refusal::new(400, fault))
    }

    fn sources(&self, sources: &[String]) -> Result<(), Refusal> {
        let unknown = sources.iter().find(|source| kinds().all(|kind| kind != source.as_str()));
        let refuses = self.rest.settings.archive.missing_source == MissingSource::Refuse;
        let missing = sources.iter().find(|source| refuses && !self.is_archived(source));
        match unknown.or(missing) {
            Some(source) => Err(Refusal::new(400, format!("The source {source} is not available"))),
            None => Ok(()),
        }
    }

    fn is_archived(&self, source: &str) -> bool {
        let archived = &self.rest.settings.archive.sources;
        archived.is_empty() || archived.iter().any(|archived| archived == source)
    }

    fn availability(&self, job: &Job) -> Option<Value> {
        let sources = match self.rest.settings.jobs.prepared {
            Prepared::Price => return None,
            Prepared::EmptyAvailability => json!([]),
            Prepared::Availability => Value::Object(self.archived(&job.sources)),
        };
        Some(json!({"start": job.start, "end": job.end, "sources": sources}))
    }

    /// How much of each source is archived.
    fn archived(&self, sources: &[String]) -> Map<String, Value> {
        let without = self.rest.coming.without_source.as_deref();
        let status = |source: &str| if self.is_archived(source) && without != Some(source) { 100 } else { 0 };
        let described = |source: &String| {
            let status = status(source);
            (source.clone(), json!({"status": status, "versions": ["1"], "augmentations": {"links": status}}))
        };
        sources.iter().map(described).collect()
    }

    /// The place of the job that is asked about.
    fn job_of(&self, request: &Request, unknown: &str) -> Result<usize, Refusal> {
        let id = request.parameter("id").ok_or_else(|| Refusal::new(400, "Missing param 'id'"))?;
        let found = self.rest.jobs.iter().position(|job| job.id == id && !job.gone);
        found.ok_or_else(|| Refusal::new(404, format!("No {unknown} found with the ID {id} ")))
    }

    /// Does something to the job that is asked about; the answer is empty.
    fn act(&mut self, request: &Request, act: impl FnOnce(&mut Job)) -> Answer {
        let place = self.job_of(request, "historic")?;
        let job = self.rest.jobs.get_mut(place);
        let number = job.map_or(0, |job| {
            act(job);
            job.number
        });
        Ok(Outcome::empty().of_job(number))
    }

    pub(super) fn start(&mut self, request: &Request) -> Answer {
        let place = self.job_of(request, "historic")?;
        let (now, now_s) = (self.now, self.now_s());
        let rest = &mut *self.rest;
        let rules = Rules { archive: &rest.settings.archive, jobs: &rest.settings.jobs };
        let Some(job) = rest.jobs.get_mut(place) else { return Ok(Outcome::empty()) };
        let again = rest.settings.jobs.start_again;
        if job.is_started() {
            return if again < 300 {
                Ok(Outcome::empty().of_job(job.number))
            } else {
                Err(Refusal::new(again, "The historic query has already been started"))
            };
        }
        if let Some(price) = rest.fees.price(job.span(), job.definition.weight()) {
            let broke = |status| Refusal::new(status, "You have insufficient credits to start this historic query");
            rest.fees.pay(price).map_err(broke)?;
            self.notes.push(("charged", json!({"job": job.number, "dpus": price})));
        }
        if rest.tape.forgotten() > 0 {
            let what = format!("{} messages are no longer remembered and cannot be found", rest.tape.forgotten());
            self.notes.push(("trouble", json!({"what": what, "job": job.number})));
        }
        let withheld = job.start(&rest.tape, rules, &mut rest.rng, (now, now_s));
        let number = job.number;
        rest.withhold(place, &withheld);
        Ok(Outcome::empty().of_job(number))
    }

    pub(super) fn get(&mut self, request: &Request) -> Answer {
        let rules = self.rest.rules();
        if request.parameter("id").is_some() {
            let place = self.job_of(request, "historic")?;
            let job = self.rest.jobs.get(place);
            let document = job.map(|job| job.document(rules, self.now, true)).unwrap_or_default();
            return Ok(Outcome::json(200, &document).of_job(job.map_or(0, |job| job.number)));
        }
        let per_page = request.number("max").unwrap_or(PER_PAGE);
        let page = request.number::<usize>("page").unwrap_or(1).max(1);
        let known: Vec<&Job> = self.rest.jobs.iter().rev().filter(|job| !job.gone).collect();
        let shown = known.iter().skip((page - 1).saturating_mul(per_page)).take(per_page);
        let data: Vec<Value> = shown.map(|job| job.document(rules, self.now, false)).collect();
        Ok(Outcome::json(200, &json!({"data": data, "count": known.len()})))
    }

    /// What is archived of each day.
    pub(super) fn status(&mut self, request: &Request) -> Answer {
        let needed = |name: &str| {
            request.number::<i64>(name).ok_or_else(|| Refusal::new(400, format!("Missing param '{name}'")))
        };
        let (start, end) = (needed("start")?, needed("end")?);
        let asked = request.parameter("sources").map(|list| list.split(',').map(str::to_owned).collect());
        let mut sources: Vec<String> = asked.unwrap_or_else(|| kinds().map(str::to_owned).collect());
        sources.sort();
        sources.dedup();
        let days = (start.div_euclid(DAY)..=end.saturating_sub(1).div_euclid(DAY)).take(DAYS_MAX);
        // A text and a number, as recorded.
        let day = |day: i64| json!({"start": (day * DAY).to_string(), "end": (day + 1) * DAY, "sources": self.archived(&sources)});
        Ok(Outcome::json(200, &days.map(day).collect()))
    }

    pub(super) fn stop(&mut self, request: &Request) -> Answer {
        let now = self.now;
        self.act(request, |job| job.stop(now))
    }

    pub(super) fn pause(&mut self, request: &Request, pause: bool) -> Answer {
        let now = self.now;
        self.act(request, |job| if pause { job.pause(now) } else { job.resume(now) })
    }

    pub(super) fn update(&mut self, request: &Request) -> Answer {
        let name = request.parameter("name").ok_or_else(|| Refusal::new(400, "Missing param 'name'"))?.to_owned();
        self.act(request, |job| job.name = name)
    }

    /// Removes the job. What it has found by then can still be fetched.
    pub(super) fn delete(&mut self, request: &Request) -> Answer {
        let place = self.job_of(request, "historics")?;
        let now = self.now;
        let job = self.rest.jobs.get_mut(place);
        let number = job.map_or(0, |job| {
            job.stop(now);
            job.gone = true;
            job.number
        });
        Ok(Outcome::empty().of_job(number))
    }
}
