//! `DataSift`'s archive over REST: how to ask, and what an answer says.
//!
//! Sources: `DataSift`, REST API: Historics (prepare, start, get, delete), Push (create, get, delete), Pull, HTTP
//! Response Codes, Rate Limiting; and what recorded traffic shows where the pages are silent.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::combined::{compiled, definition, marks};
use super::fields::{Data, Fields, Frame, Scalar};
use super::{DataSift, read};
use crate::historic::{Ask, Call, Delivery, DeliveryState, Hint, Page, Query, QueryState, Refusal, Reply, Told, Why};
use crate::protocol::Archived;
use crate::signal::Signal;

/// Entries on one page of a list.
const LIST: usize = 20;

/// The form of a page that says how many rows it has, so that half a page is not taken for a whole one.
const FORMAT: &str = "json_meta";

impl Archived for DataSift {
    fn call(&self, ask: &Ask) -> Call {
        let call = |method, path, parameters| Call { method, path, parameters };
        let id = |id: &str| vec![("id", id.to_owned())];
        let list = |page: u32, more: (&'static str, String)| vec![("page", page.to_string()), more];
        match ask {
            Ask::Combine { streams } => call("POST", "compile", vec![("csdl", definition(streams))]),
            Ask::Prepare { name, stream, span, sources } => call(
                "POST",
                "historics/prepare",
                vec![
                    ("hash", stream.clone()),
                    ("start", span.from.to_string()),
                    ("end", span.until.to_string()),
                    ("name", name.clone()),
                    ("sources", sources.join(",")),
                    ("sample", "100".to_owned()),
                ],
            ),
            Ask::Deliver { name, query } => call(
                "POST",
                "push/create",
                vec![
                    ("historics_id", query.clone()),
                    ("name", name.clone()),
                    ("output_type", "pull".to_owned()),
                    ("output_params.format", FORMAT.to_owned()),
                ],
            ),
            Ask::Start { query } => call("POST", "historics/start", id(query)),
            Ask::Fetch { delivery, cursor, bytes } => {
                let mut parameters = vec![("id", delivery.clone()), ("size", bytes.to_string())];
                parameters.extend(cursor.as_ref().map(|cursor| ("cursor", cursor.clone())));
                call("GET", "pull", parameters)
            }
            Ask::Delivery { delivery } => call("GET", "push/get", id(delivery)),
            Ask::Query { query } => call("GET", "historics/get", id(query)),
            Ask::DropDelivery { delivery } => call("DELETE", "push/delete", id(delivery)),
            Ask::DropQuery { query } => call("DELETE", "historics/delete", id(query)),
            Ask::Deliveries { page } => {
                let mut parameters = list(*page, ("per_page", LIST.to_string()));
                // Finished ones are left out otherwise.
                parameters.push(("include_finished", "1".to_owned()));
                call("GET", "push/get", parameters)
            }
            Ask::Queries { page } => call("GET", "historics/get", list(*page, ("max", LIST.to_string()))),
        }
    }

    fn credits(&self, ask: &Ask) -> u64 {
        match ask {
            Ask::Fetch { .. } => 0,
            Ask::Delivery { .. } | Ask::Deliveries { .. } | Ask::DropDelivery { .. } => 1,
            Ask::Combine { .. } | Ask::Deliver { .. } => 5,
            Ask::Prepare { .. }
            | Ask::Start { .. }
            | Ask::Query { .. }
            | Ask::Queries { .. }
            | Ask::DropQuery { .. } => 25,
        }
    }

    fn told(&mut self, ask: &Ask, reply: &Reply) -> Result<Told, Refusal> {
        let hint = self.hint(reply);
        let refuse = |why, text: &str| {
            // Hidden before it is cut, so that no half of the key is left.
            let text = start_of(&self.mask.hide(text)).to_owned();
            Err(Refusal { why, hint, text })
        };
        let repeats = |text: &str| matches!(self.mask.hide(text), Cow::Owned(_));
        let body = std::str::from_utf8(&reply.body);
        let is_page = matches!(ask, Ask::Fetch { .. });
        if reply.headers.iter().any(|(_, value)| repeats(value)) || (!is_page && body.is_ok_and(repeats)) {
            // Names and cursors are written down and told.
            let why = if reply.status < 400 { Why::Unusable } else { Why::Status(reply.status) };
            return refuse(why, &complaint(body.unwrap_or_default()));
        }
        match (reply.status, ask) {
            (200 | 201 | 202 | 204, Ask::Start { .. } | Ask::DropDelivery { .. } | Ask::DropQuery { .. }) => {
                return Ok(Told::Done);
            }
            (204, Ask::Fetch { .. }) => {
                return Ok(Told::Nothing { cursor: cursor(reply, "x-datasift-cursor-current") });
            }
            (200..=202, _) => {}
            (300..=399, _) => return refuse(Why::Redirected, reply.header("location").unwrap_or_default()),
            (100..=299, _) => return refuse(Why::Unusable, &format!("status {}", reply.status)),
            (status, _) => return refuse(Why::Status(status), &complaint(body.unwrap_or_default())),
        }
        let Ok(text) = body else { return refuse(Why::Unusable, "it is no text") };
        match understood(ask, reply, text) {
            Ok(told) => Ok(told),
            Err(error) => refuse(Why::Unusable, &format!("{error}: {text}")),
        }
    }

    fn hint(&mut self, reply: &Reply) -> Hint {
        let number = |name: &str| reply.header(name).and_then(|value| value.parse::<i64>().ok());
        let told = reply.header("date").and_then(|date| self.seconds_of(date));
        let retry_after = reply.header("retry-after").and_then(|value| match value.parse::<i64>() {
            Ok(seconds) => Some(seconds),
            // A date is meant by the server's clock.
            Err(_) => self.seconds_of(value).zip(told).map(|(back, now)| back.saturating_sub(now)),
        });
        let positive = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let reset = number("x-ratelimit-reset-ttl").or_else(|| {
            let reset = number("x-ratelimit-reset")?;
            // A moment, or a span.
            if reset > AGE { told.map(|now| reset.saturating_sub(now)) } else { Some(reset) }
        });
        let (left, span) = reply.header("ratelimit").map_or((None, None), draft);
        Hint {
            // A moment that has passed means now.
            retry_after: retry_after.map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0))),
            left: positive(number("x-ratelimit-remaining").or(left)),
            cost: positive(number("x-ratelimit-cost")),
            reset: positive(reset.or(span)).filter(|seconds| *seconds > 0).map(Duration::from_secs),
        }
    }

    fn marks(&self, payload: &str) -> Vec<String> {
        marks(payload)
    }

    fn rows<'b>(&mut self, reply: &'b Reply, say: &mut dyn FnMut(Signal<'b>)) {
        let Ok(text) = std::str::from_utf8(&reply.body) else { return };
        for row in split(reply, text).unwrap_or_default() {
            say(match row {
                Ok(row) => self.row(row),
                Err(line) => Signal::Unreadable("a row that is no JSON".to_owned(), line),
            });
        }
    }
}

impl DataSift {
    /// What a row says: a message without a stream of its own, as all rows of a delivery are of one query; or one in the
    /// wrapper of the stream, which then names its stream. Where a message stands at the top level there is no wrapper:
    /// whatever else it holds came from its author, who may call it `hash` and `data`.
    fn row<'f>(&mut self, text: &'f str) -> Signal<'f> {
        let frame: Frame<'f> = match read(text) {
            Ok(frame) => frame,
            Err(error) => return Signal::Unreadable(error.to_string(), text),
        };
        let Fields { id, kind, created_at, .. } = &frame.interaction.0;
        let is_message = id.is_there() || kind.is_there() || created_at.is_there();
        if let Some(data) = frame.data
            && frame.hash.is_there()
            && !is_message
        {
            return self.message(&frame, data.get()).unwrap_or_else(|error| Signal::Unreadable(error, text));
        }
        let shaped = frame.deleted.is_true() || is_message;
        match read::<Data<'f>>(text) {
            Ok(data) if shaped => self.told(Cow::Borrowed(""), data, text),
            Ok(_) => Signal::Unreadable("an object of no known shape".to_owned(), text),
            Err(error) => Signal::Unreadable(error.to_string(), text),
        }
    }

    /// A date of HTTP, in seconds since 1970.
    fn seconds_of(&mut self, date: &str) -> Option<i64> {
        let date = self.dates.read(&Scalar::Text(Cow::Borrowed(date)))?;
        Some(date.micros().div_euclid(1_000_000))
    }
}

/// Numbers above this are moments rather than spans, in seconds.
const AGE: i64 = 1_000_000_000;

fn cursor(reply: &Reply, header: &str) -> Option<String> {
    let cursor = reply.header(header).filter(|cursor| !cursor.is_empty() && cursor.len() <= CURSOR_MAX);
    cursor.map(str::to_owned)
}

/// A cursor has 32 characters; one of so many is none.
const CURSOR_MAX: usize = 1024;

/// `"name";r=50;t=30`: what is left, and the seconds until it begins anew (IETF, `RateLimit` header fields, draft 11).
fn draft(value: &str) -> (Option<i64>, Option<i64>) {
    let find = |name: &str| {
        let mut parts = value.split([';', ',']);
        parts.find_map(|part| part.trim().strip_prefix(name)?.trim().parse().ok())
    };
    (find("r="), find("t="))
}

/// What is wrong, in the server's words: `{"error":"..."}`, or whatever came.
fn complaint(text: &str) -> String {
    #[derive(Deserialize)]
    struct Body<'b> {
        #[serde(borrow, default)]
        error: Scalar<'b>,
        #[serde(borrow, default)]
        message: Scalar<'b>,
    }
    let said = read::<Body<'_>>(text.trim()).ok();
    let said = said.and_then(|body| body.error.into_text().or_else(|| body.message.into_text()));
    said.map_or_else(|| text.to_owned(), Cow::into_owned)
}

fn start_of(text: &str) -> &str {
    const SHOWN: usize = 240;
    text.trim().char_indices().nth(SHOWN).map_or(text.trim(), |(end, _)| text.trim().get(..end).unwrap_or_default())
}

type Misread = serde_json::Error;

fn wrong(what: &str) -> Misread {
    serde::de::Error::custom(what)
}

fn understood(ask: &Ask, reply: &Reply, text: &str) -> Result<Told, Misread> {
    let object = text.trim_start_matches('\u{feff}').trim();
    match ask {
        Ask::Combine { .. } => compiled(object),
        Ask::Prepare { sources, .. } => prepared(object, sources),
        Ask::Deliver { .. } => {
            let id = read::<Subscription<'_>>(object)?.id.into_text().filter(|id| !id.is_empty());
            Ok(Told::Delivering { delivery: id.ok_or_else(|| wrong("no id"))?.into_owned() })
        }
        Ask::Fetch { .. } => page(reply, text),
        Ask::Delivery { .. } => Ok(Told::Delivery(read::<Subscription<'_>>(object)?.plain()?)),
        Ask::Query { .. } => Ok(Told::Query(read::<Historic<'_>>(object)?.plain()?)),
        Ask::Deliveries { page } => {
            let (items, more) = listed(object, *page)?;
            let found = items.iter().map(|item| read::<Subscription<'_>>(item)?.plain()).collect::<Result<_, _>>()?;
            Ok(Told::Deliveries { found, more })
        }
        Ask::Queries { page } => {
            let (items, more) = listed(object, *page)?;
            let found = items.iter().map(|item| read::<Historic<'_>>(item)?.plain()).collect::<Result<_, _>>()?;
            Ok(Told::Queries { found, more })
        }
        Ask::Start { .. } | Ask::DropDelivery { .. } | Ask::DropQuery { .. } => Ok(Told::Done),
    }
}

fn prepared(text: &str, asked: &[String]) -> Result<Told, Misread> {
    #[derive(Deserialize)]
    struct Body<'b> {
        #[serde(borrow, default)]
        id: Scalar<'b>,
        // A text or a number, as in the answers of `compile`.
        #[serde(borrow, default)]
        dpus: Scalar<'b>,
        #[serde(borrow, default)]
        availability: Option<&'b RawValue>,
    }
    let body: Body<'_> = read(text)?;
    let id = body.id.into_text().filter(|id| !id.is_empty()).ok_or_else(|| wrong("no id"))?;
    let lacking = body.availability.map_or_else(Vec::new, |held| lacking(held.get(), asked));
    Ok(Told::Prepared { query: id.into_owned(), milliunits: body.dpus.thousandths(), lacking })
}

/// The sources that were asked for and that the archive does not hold in full, or of which it does not say that it does.
/// Some versions of the server say nothing of any of them, or write an empty list for nothing.
fn lacking(availability: &str, asked: &[String]) -> Vec<String> {
    let held: serde_json::Value = serde_json::from_str(availability).unwrap_or_default();
    let Some(sources) = held.get("sources").and_then(|sources| sources.as_object()).filter(|held| !held.is_empty())
    else {
        return Vec::new();
    };
    let lack = asked.iter().filter_map(|source| match sources.get(source) {
        None => Some(format!("source {source} is not in the archive")),
        Some(held) => match held.get("status").and_then(|share| Scalar::deserialize(share).ok()?.thousandths()) {
            Some(share) => less_than_all(share).map(|share| format!("source {source} is archived to {share} per cent")),
            None => Some(format!("how much of source {source} is archived is not said")),
        },
    });
    lack.collect()
}

/// A share in thousandths of a per cent, in per cent, if it is less than all.
fn less_than_all(share: u64) -> Option<String> {
    let (whole, part) = (share / 1_000, share % 1_000);
    let exact = format!("{whole}.{part:03}");
    (whole < 100).then(|| exact.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// A push subscription. Some fields are there in some versions only.
#[derive(Deserialize)]
struct Subscription<'b> {
    #[serde(borrow, default)]
    id: Scalar<'b>,
    #[serde(borrow, default)]
    name: Scalar<'b>,
    #[serde(borrow, default)]
    hash: Scalar<'b>,
    #[serde(borrow, default)]
    status: Scalar<'b>,
    #[serde(borrow, default)]
    lost_data: Scalar<'b>,
}

impl Subscription<'_> {
    fn plain(self) -> Result<Delivery, Misread> {
        let word = |field: Scalar<'_>| field.into_text().unwrap_or_default().into_owned();
        let id = word(self.id);
        if id.is_empty() {
            return Err(wrong("a subscription without an id"));
        }
        let state = match word(self.status).as_str() {
            "finished" => DeliveryState::Finished,
            "failed" | "stopped" | "deleted" => DeliveryState::Failed,
            "paused" | "finishing_paused" => DeliveryState::Paused,
            // What is new goes on, until it says that it does not.
            _ => DeliveryState::Active,
        };
        let lost = self.lost_data.is_true();
        Ok(Delivery { id, name: word(self.name), query: word(self.hash), state, lost })
    }
}

/// A historic query.
#[derive(Deserialize)]
struct Historic<'b> {
    #[serde(borrow, default)]
    id: Scalar<'b>,
    #[serde(borrow, default)]
    name: Scalar<'b>,
    #[serde(borrow, default)]
    status: Scalar<'b>,
    #[serde(borrow, default)]
    progress: Scalar<'b>,
    #[serde(borrow, default)]
    sample: Scalar<'b>,
    #[serde(borrow, default)]
    chunks: Option<&'b RawValue>,
}

/// A part of a query: one day (UTC).
#[derive(Deserialize)]
struct Chunk<'b> {
    #[serde(borrow, default)]
    status: Scalar<'b>,
    #[serde(borrow, default)]
    start_time: Scalar<'b>,
}

impl Historic<'_> {
    fn plain(self) -> Result<Query, Misread> {
        let word = |field: Scalar<'_>| field.into_text().unwrap_or_default().into_owned();
        let id = word(self.id);
        if id.is_empty() {
            return Err(wrong("a query without an id"));
        }
        let state = match word(self.status).as_str() {
            "init" => QueryState::Prepared,
            "succeeded" => QueryState::Done,
            "failed" => QueryState::Failed,
            "stopped" | "deleted" => QueryState::Stopped,
            // queued, submitted, running, delayed, paused; and what is new goes on, until it says that it does not.
            _ => QueryState::Running,
        };
        let mut flaws = Vec::new();
        if let Some(sample) = self.sample.thousandths() {
            flaws.extend(less_than_all(sample).map(|sample| format!("only {sample} per cent were sampled")));
        } else if self.sample.is_there() {
            flaws.push("how much was sampled cannot be read".to_owned());
        }
        let chunks: Vec<&RawValue> =
            self.chunks.and_then(|chunks| serde_json::from_str(chunks.get()).ok()).unwrap_or_default();
        // One that cannot be read hides no other.
        for chunk in chunks.into_iter().filter_map(|chunk| read::<Chunk<'_>>(chunk.get()).ok()) {
            if word(chunk.status).eq_ignore_ascii_case("failed") {
                flaws.push(format!("the part from second {} on failed", word(chunk.start_time)));
            }
        }
        let progress = self.progress.whole().and_then(|progress| u8::try_from(progress.clamp(0, 100)).ok());
        Ok(Query { id, name: word(self.name), state, progress: progress.unwrap_or(0), flaws })
    }
}

/// The entries of a list, as text, and whether more follow on the next page.
fn listed(text: &str, page: u32) -> Result<(Vec<&str>, bool), Misread> {
    #[derive(Deserialize)]
    struct Body<'b> {
        #[serde(borrow, default)]
        count: Scalar<'b>,
        #[serde(borrow, default, alias = "subscriptions", alias = "historics")]
        data: Option<Vec<&'b RawValue>>,
    }
    let body: Body<'_> = if text.starts_with('[') {
        Body { count: Scalar::Absent, data: Some(serde_json::from_str(text)?) }
    } else {
        read(text)?
    };
    let items: Vec<&str> = body.data.ok_or_else(|| wrong("no list"))?.into_iter().map(RawValue::get).collect();
    let shown = i64::from(page).saturating_mul(i64::try_from(LIST).unwrap_or(i64::MAX));
    let more = body.count.whole().map_or(items.len() >= LIST, |count| count > shown);
    Ok((items, more))
}

fn page(reply: &Reply, text: &str) -> Result<Told, Misread> {
    let rows = split(reply, text)?;
    let current = cursor(reply, "x-datasift-cursor-current");
    let next = cursor(reply, "x-datasift-cursor-next");
    if rows.is_empty() && next.is_none() {
        return Ok(Told::Nothing { cursor: current });
    }
    let unreadable = rows.iter().filter(|row| row.is_err()).count();
    let left = reply.header("x-datasift-bytes-remaining").and_then(|left| left.parse().ok());
    Ok(Told::Page(Page { current, next, rows: rows.len(), unreadable, left }))
}

/// A row as text, or the line that is none.
type Split<'b> = Vec<Result<&'b str, &'b str>>;

/// The rows of a page, in whichever of its three forms it came.
fn split<'b>(reply: &Reply, text: &'b str) -> Result<Split<'b>, Misread> {
    #[derive(Deserialize)]
    struct Meta<'b> {
        #[serde(borrow, default)]
        count: Scalar<'b>,
        #[serde(borrow)]
        interactions: Vec<&'b RawValue>,
    }
    let text = text.trim_start_matches('\u{feff}').trim();
    let rows = |items: Vec<&'b RawValue>| items.into_iter().map(|item| Ok(item.get())).collect();
    match reply.header("x-datasift-format") {
        Some("json_array") => return Ok(rows(serde_json::from_str(text)?)),
        Some("json_new_line") => {}
        _ if text.starts_with('[') => return Ok(rows(serde_json::from_str(text)?)),
        form => match read::<Meta<'b>>(text) {
            Ok(meta) => {
                let counted = i64::try_from(meta.interactions.len()).ok();
                if meta.count.whole().is_some_and(|count| Some(count) != counted) {
                    return Err(wrong("another number of rows than it says"));
                }
                return Ok(rows(meta.interactions));
            }
            Err(error) if form == Some(FORMAT) => return Err(error),
            Err(_) => {}
        },
    }
    if text.starts_with('<') {
        return Err(wrong("a page for people"));
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(|line| serde_json::from_str::<&RawValue>(line).map_or(Err(line), |row| Ok(row.get()))).collect())
}
