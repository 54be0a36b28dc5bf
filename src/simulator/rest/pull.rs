//! The call that fetches: pages by cursor, and what may be wrong with them.
//!
//! Source: DataSift, Pull; headers and the answer without content as recorded.

use super::Desk;
use super::job::{Job, Why, Withheld};
use super::page::{Envelope, Row, body, invented};
use super::reply::{Outcome, Refusal};
use super::request::Request;
use super::tape::{Place, Record};
use crate::simulator::cue::Pages;
use crate::simulator::digest;
use crate::simulator::world::Name;
use serde_json::json;
use tokio_tungstenite::tungstenite::Bytes;

/// A post that nobody asked for lies so many seconds before the window.
const OUTSIDE_BY: i64 = 2 * 86_400;

impl Desk<'_> {
    pub(super) fn pull(&mut self, request: &Request) -> Result<Outcome, Refusal> {
        let place = self.delivery_of(request)?;
        let (now, now_s) = (self.now, self.now_s());
        let settings = self.rest.settings.deliveries.clone();
        let floor = self.expire(place);
        let known = || Refusal::new(404, "Subscription not found");
        let delivery = self.rest.deliveries.get_mut(place).ok_or_else(known)?;
        if delivery.is_hasty(settings.pulls_per_second, now) {
            let text = format!("You may pull {} times a second", settings.pulls_per_second);
            return Err(Refusal::new(settings.too_fast, text));
        }
        delivery.requested_s = Some(now_s);
        let asked = match request.parameter("cursor") {
            None => None,
            Some(cursor) => {
                let unknown = || Refusal::new(400, "cursor is not valid");
                Some(delivery.cursors.get(cursor).copied().ok_or_else(unknown)?)
            }
        };
        let from = asked.unwrap_or(delivery.position).max(floor);
        let most = request.number("size").unwrap_or(usize::MAX).min(settings.page_max.0).min(delivery.page_max);
        let job = delivery.job;
        let (from, until, doctored) = self.extent(place, from, most);
        if from == until {
            return Ok(self.nothing(place, from));
        }
        let untagged = doctored.as_ref().map_or(0, |pages| pages.untagged);
        let rows = self.rest.jobs.get(job).map(|job| self.rows(job, (from, until), untagged)).unwrap_or_default();
        Ok(self.page(place, (from, until), rows, doctored.as_ref()))
    }

    pub(super) fn expire(&mut self, place: usize) -> usize {
        let (now, now_s) = (self.now, self.now_s());
        let rest = &mut *self.rest;
        let rules = super::Rules { archive: &rest.settings.archive, jobs: &rest.settings.jobs };
        let Some(delivery) = rest.deliveries.get_mut(place) else { return 0 };
        let Some(job) = rest.jobs.get(delivery.job) else { return 0 };
        let (of, unfetched) = (delivery.job, delivery.furthest);
        let floor = delivery.expire(job, rules, &rest.settings.deliveries, now, now_s);
        let lost = job.found().get(unfetched..floor).unwrap_or_default();
        let lost: Vec<Withheld> = lost.iter().map(|place| (*place, Why::Expired)).collect();
        rest.withhold(of, &lost);
        floor
    }

    /// From where to where a page goes, and what is wrong with it. A page holds at least one row, if one is there.
    fn extent(&mut self, place: usize, from: usize, most: usize) -> (usize, usize, Option<Pages>) {
        let Some(until) = self.behind(place, from, most) else { return (from, from, None) };
        let doctored = self.doctored();
        let Some(delivery) = self.rest.deliveries.get(place) else { return (from, from, None) };
        let from = match &doctored {
            Some(pages) if pages.rewind => delivery.first,
            Some(pages) if pages.same && delivery.page < from => delivery.page,
            Some(_) | None => from,
        };
        let until = self.behind(place, from, most).unwrap_or(until);
        (from, until, doctored)
    }

    /// The next order for a page with what does not belong there.
    fn doctored(&mut self) -> Option<Pages> {
        let first = self.rest.pages.front_mut()?;
        let pages = first.clone();
        first.next = first.next.saturating_sub(1);
        if first.next == 0 {
            self.rest.pages.pop_front();
        }
        Some(pages)
    }

    /// Where a page of so many bytes ends that begins here; nothing if nothing is there.
    fn behind(&self, place: usize, from: usize, most: usize) -> Option<usize> {
        let delivery = self.rest.deliveries.get(place).filter(|delivery| !delivery.paused)?;
        let job = self.rest.jobs.get(delivery.job)?;
        let reach = delivery.reach(job, self.rest.rules(), self.now);
        let mut bytes = 0_usize;
        let mut until = from;
        for found in job.found().get(from..reach)? {
            if until > from && bytes >= most {
                break;
            }
            bytes += self.rest.tape.get(*found).map_or(0, |record| record.bytes + 1);
            until += 1;
        }
        (until > from).then_some(until)
    }

    fn rows(&self, job: &Job, (from, until): (usize, usize), untagged: usize) -> Vec<Row> {
        let found = job.found().get(from..until).unwrap_or_default();
        let records = found.iter().filter_map(|place| Some((*place, self.rest.tape.get(*place)?)));
        let kept = self.rest.settings.archive.keeps_deleted;
        let there = records.filter(|(_, record)| kept || !self.rest.tape.is_deleted(record));
        let row = |(number, (place, record)): (usize, (Place, &Record))| {
            let streams = job.streams(place, record);
            let tags = job.definition.tags_of(&streams);
            let row = Row { id: record.id.clone(), data: record.data(self.world)?, streams };
            Some(if number < untagged || tags.is_empty() { row } else { row.tagged(&tags) })
        };
        there.enumerate().filter_map(row).collect()
    }

    fn nothing(&mut self, place: usize, from: usize) -> Outcome {
        let Some(delivery) = self.rest.deliveries.get_mut(place) else { return Outcome::empty() };
        let current = delivery.cursor(from);
        let mut outcome = Outcome::page(204, Vec::new(), delivery.format).of_delivery(&delivery.id);
        outcome.headers.push(("X-DataSift-Cursor-Current", current));
        outcome
    }

    fn page(
        &mut self,
        place: usize,
        (from, until): (usize, usize),
        rows: Vec<Row>,
        doctored: Option<&Pages>,
    ) -> Outcome {
        let now_s = self.now_s();
        let streams = self.served(place, &rows);
        let served: Vec<Option<Name>> = rows.iter().map(|row| row.id.clone()).collect();
        let deletes: Vec<Name> =
            served.iter().flatten().take(doctored.map_or(0, |pages| pages.deletes)).cloned().collect();
        let rows = self.spoilt(place, rows, doctored);
        let digests: Vec<String> = rows.iter().take(served.len()).map(|row| digest(row)).collect();
        let left = self.left(place);
        let rest = &mut *self.rest;
        let Some(delivery) = rest.deliveries.get_mut(place) else { return Outcome::empty() };
        let job = rest.jobs.get(delivery.job);
        let (current, next) = (delivery.cursor(from), delivery.cursor(until));
        delivery.page = from;
        delivery.position = until;
        delivery.furthest = delivery.furthest.max(until);
        delivery.succeeded_s = Some(now_s);
        delivery.delivered += u64::try_from(served.len()).unwrap_or(u64::MAX);
        let foreign = doctored.is_some_and(|pages| pages.foreign > 0);
        let hash = if foreign { "ffffffffffffffffffff" } else { job.map(|job| job.id.as_str()).unwrap_or_default() };
        let envelope = Envelope { delivery: &delivery.id, hash, date: &self.date };
        let body = body(delivery.format, &rows, &envelope);
        rest.counts.served += u64::try_from(served.len()).unwrap_or(u64::MAX);
        let ids: Vec<Option<&str>> = served.iter().map(|id| id.as_ref().map(Name::as_str)).collect();
        self.notes.push((
            "served",
            json!({"delivery": delivery.id, "job": job.map(|job| job.number), "cursor": current, "next": next,
                   "count": rows.len(), "bytes": body.len(), "doctored": doctored, "ids": ids,
                   "digests": digests, "streams": streams, "deletes": deletes.iter().map(Name::as_str).collect::<Vec<&str>>()}),
        ));
        let mut outcome = Outcome::page(200, body, delivery.format).of_delivery(&delivery.id);
        outcome.headers.extend([
            ("X-DataSift-Cursor-Current", current),
            ("X-DataSift-Cursor-Next", next),
            ("X-DataSift-Bytes-Remaining", left.to_string()),
        ]);
        outcome.job = job.map(|job| job.number);
        outcome
    }

    /// The hashes of the streams that each row is of, where several were asked for.
    fn served(&self, place: usize, rows: &[Row]) -> Option<Vec<Vec<String>>> {
        let delivery = self.rest.deliveries.get(place)?;
        self.rest.jobs.get(delivery.job).filter(|job| job.definition.streams.len() > 1)?;
        let hash = |place: &usize| self.rest.hashes.get(place).cloned();
        Some(rows.iter().map(|row| row.streams.iter().filter_map(hash).collect()).collect())
    }

    /// The rows of a page, with what does not belong there.
    fn spoilt(&self, place: usize, rows: Vec<Row>, doctored: Option<&Pages>) -> Vec<Bytes> {
        let Some(pages) = doctored else { return rows.into_iter().map(|row| row.data).collect() };
        let Some(delivery) = self.rest.deliveries.get(place) else { return Vec::new() };
        let start = self.rest.jobs.get(delivery.job).map_or(0, |job| job.start);
        let post = |number: usize| Row { id: None, data: invented(number, start - OUTSIDE_BY), streams: Vec::new() };
        let outside = (1..=pages.outside).map(|number| post(number).data);
        let foreign = (1..=pages.foreign).map(|number| post(1000 + number).foreign().data);
        let garbled = rows.iter().cycle().take(pages.garbled).map(|row| row.garbled(delivery.format));
        let deletes = rows.iter().filter(|row| row.id.is_some()).take(pages.deletes).map(Row::delete);
        let strange: Vec<Bytes> = outside.chain(foreign).chain(garbled).chain(deletes).collect();
        let reword = |row: Row| if pages.reworded { row.reworded() } else { row };
        rows.into_iter().map(|row| reword(row).data).chain(strange).collect()
    }
}
