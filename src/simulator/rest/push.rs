//! The calls about deliveries: create, get, pause, resume, stop, delete, log.
//!
//! Source: DataSift, Push API; answers as recorded.

use super::Desk;
use super::delivery::{Delivery, Entry, Format};
use super::reply::{Outcome, Refusal};
use super::request::Request;
use serde_json::{Value, json};

const PER_PAGE: usize = 20;

type Answer = Result<Outcome, Refusal>;

impl Desk<'_> {
    pub(super) fn push_create(&mut self, request: &Request) -> Answer {
        let missing = |name: &str| Refusal::new(400, format!("Missing param '{name}'"));
        let name = request.parameter("name").ok_or_else(|| missing("name"))?.to_owned();
        let output = request.parameter("output_type").ok_or_else(|| missing("output_type"))?;
        if output != "pull" {
            return Err(Refusal::new(400, "output_type is invalid; valid values are: pull"));
        }
        let query = request.parameter("historics_id").or_else(|| request.parameter("playback_id"));
        let query = query.ok_or_else(|| missing("historics_id"))?;
        let job = self.rest.jobs.iter().position(|job| job.id == query && !job.gone);
        let job = job.ok_or_else(|| Refusal::new(404, format!("No historic found with the ID {query} ")))?;
        let format = request.parameter("output_params.format").unwrap_or("json_new_line");
        let format = Format::named(format).ok_or_else(|| {
            Refusal::new(400, "format is invalid; valid values are: json_new_line,json_array,json_meta")
        })?;
        self.room()?;
        let id = format!("{:032x}", self.rest.rng.u128(..));
        let first = self.rest.jobs.get(job).map_or(0, |job| job.reach(self.rest.rules(), self.now));
        let page_max = self.rest.settings.deliveries.page_max.0;
        let mut delivery = Delivery::new(id, name, job, self.now_s(), first);
        delivery.format = format;
        delivery.page_max = request.number("output_params.max_size").map_or(page_max, |size: usize| size.min(page_max));
        delivery.paused = request.parameter("initial_status") == Some("paused");
        self.rest.deliveries.push(delivery);
        Ok(self.described(self.rest.deliveries.len() - 1))
    }

    /// An account may have only so many deliveries at once.
    fn room(&self) -> Result<(), Refusal> {
        let rules = self.rest.rules();
        let counts = |delivery: &&Delivery| {
            self.rest.jobs.get(delivery.job).is_some_and(|job| delivery.counts(job, rules, self.now))
        };
        let settings = &self.rest.settings.deliveries;
        if self.rest.deliveries.iter().filter(counts).count() < settings.max {
            return Ok(());
        }
        let text = format!("You have reached the limit of {} active subscriptions", settings.max);
        Err(Refusal::new(settings.too_many, text))
    }

    /// The place of the delivery that is asked about.
    pub(super) fn delivery_of(&self, request: &Request) -> Result<usize, Refusal> {
        let id = request.parameter("id").ok_or_else(|| Refusal::new(400, "Missing param 'id'"))?;
        let found = self.rest.deliveries.iter().position(|delivery| delivery.id == id && !delivery.gone);
        found.ok_or_else(|| Refusal::new(404, "Subscription not found"))
    }

    fn document(&self, place: usize) -> Option<Value> {
        let delivery = self.rest.deliveries.get(place)?;
        let job = self.rest.jobs.get(delivery.job)?;
        let status = self.rest.delivery_status(place, self.now);
        Some(delivery.document(job, &status, self.left(place)))
    }

    /// Bytes that wait in a delivery.
    pub(super) fn left(&self, place: usize) -> usize {
        let Some(delivery) = self.rest.deliveries.get(place) else { return 0 };
        let Some(job) = self.rest.jobs.get(delivery.job) else { return 0 };
        let reach = delivery.reach(job, self.rest.rules(), self.now);
        let waiting = job.found().get(delivery.position..reach).unwrap_or_default();
        waiting.iter().filter_map(|place| self.rest.tape.get(*place)).map(|record| record.bytes).sum()
    }

    fn described(&self, place: usize) -> Outcome {
        let document = self.document(place).unwrap_or_default();
        let delivery = self.rest.deliveries.get(place);
        let job = delivery.and_then(|delivery| self.rest.jobs.get(delivery.job)).map_or(0, |job| job.number);
        let id = delivery.map(|delivery| delivery.id.as_str()).unwrap_or_default();
        Outcome::json(200, &document).of_job(job).of_delivery(id)
    }

    pub(super) fn push_get(&mut self, request: &Request) -> Answer {
        if request.parameter("id").is_some() {
            let place = self.delivery_of(request)?;
            self.expire(place);
            return Ok(self.described(place));
        }
        let finished = matches!(request.parameter("include_finished"), Some("1" | "true"));
        let query = request.parameter("historics_id").or_else(|| request.parameter("playback_id"));
        let hash = request.parameter("hash");
        let is_shown = |place: &usize| {
            let Some(delivery) = self.rest.deliveries.get(*place) else { return false };
            let Some(job) = self.rest.jobs.get(delivery.job) else { return false };
            let of_job = query.or(hash).is_none_or(|id| job.id == id);
            let ended = self.rest.delivery_status(*place, self.now) == "finished";
            !delivery.gone && of_job && (finished || !ended)
        };
        let mut known: Vec<usize> = (0..self.rest.deliveries.len()).filter(is_shown).collect();
        if request.parameter("order_dir") != Some("asc") {
            known.reverse();
        }
        let (page, per_page) = paging(request);
        let shown = known.iter().skip((page - 1).saturating_mul(per_page)).take(per_page);
        let subscriptions: Vec<Value> = shown.filter_map(|place| self.document(*place)).collect();
        Ok(Outcome::json(200, &json!({"subscriptions": subscriptions, "count": known.len()})))
    }

    pub(super) fn push_pause(&mut self, request: &Request, pause: bool) -> Answer {
        let place = self.delivery_of(request)?;
        if let Some(delivery) = self.rest.deliveries.get_mut(place) {
            delivery.paused = pause;
        }
        Ok(self.described(place))
    }

    /// Nothing more comes into the delivery; what is there can be fetched.
    pub(super) fn push_stop(&mut self, request: &Request) -> Answer {
        let place = self.delivery_of(request)?;
        let now_s = self.now_s();
        let job = self.rest.deliveries.get(place).and_then(|delivery| self.rest.jobs.get(delivery.job));
        let reach = job.map_or(0, |job| job.reach(self.rest.rules(), self.now));
        if let Some(delivery) = self.rest.deliveries.get_mut(place) {
            delivery.stopped.get_or_insert(reach);
            delivery.ended_s.get_or_insert(now_s);
        }
        Ok(self.described(place))
    }

    pub(super) fn push_delete(&mut self, request: &Request) -> Answer {
        let place = self.delivery_of(request)?;
        let delivery = self.rest.deliveries.get_mut(place);
        let id = delivery.map(|delivery| {
            delivery.gone = true;
            delivery.id.clone()
        });
        Ok(Outcome::empty().of_delivery(&id.unwrap_or_default()))
    }

    pub(super) fn push_log(&mut self, request: &Request) -> Answer {
        let only = request.parameter("id").map(|_| self.delivery_of(request)).transpose()?;
        let deliveries = self.rest.deliveries.iter().enumerate();
        let mut entries: Vec<(&Entry, &str)> = deliveries
            .filter(|(place, _)| only.is_none_or(|only| only == *place))
            .flat_map(|(_, delivery)| delivery.log.iter().map(|entry| (entry, delivery.id.as_str())))
            .collect();
        entries.sort_by_key(|(entry, _)| entry.at_s);
        if request.parameter("order_dir") != Some("asc") {
            entries.reverse();
        }
        let (page, per_page) = paging(request);
        let shown = entries.iter().skip((page - 1).saturating_mul(per_page)).take(per_page);
        let log: Vec<Value> = shown
            .map(|(entry, id)| {
                json!({"request_time": entry.at_s, "success": entry.success, "subscription_id": id,
                       "message": entry.message})
            })
            .collect();
        Ok(Outcome::json(200, &json!({"success": true, "count": entries.len(), "log_entries": log})))
    }
}

fn paging(request: &Request) -> (usize, usize) {
    let page = request.number::<usize>("page").unwrap_or(1).max(1);
    (page, request.number("per_page").unwrap_or(PER_PAGE))
}
