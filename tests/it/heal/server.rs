//! A model of a server's archive, in virtual time: what it holds, what it is asked, what it charges, and how it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use siftd::historic::{Ask, Delivery, DeliveryState, Hint, Page, Query, QueryState, Refusal, Span, Told, Why};
use siftd::time::Time;

use super::chance::Chance;

/// A message that the server produced.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Message {
    pub(super) stream: String,
    pub(super) id: String,
    /// In seconds, by the server's clock.
    pub(super) at: i64,
}

/// A row of a page.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Row {
    pub(super) message: Message,
    /// Whether it says when the server had it.
    pub(super) dated: bool,
    pub(super) deletes: bool,
    /// The streams that it is said to be of, where several were asked for.
    pub(super) marks: Vec<String>,
}

/// A query at the server.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) name: String,
    streams: Vec<String>,
    span: Span,
    started: Option<Time>,
    takes: Duration,
    flaw: Option<String>,
    fails: bool,
}

/// A delivery at the server.
#[derive(Clone, Debug)]
struct Kept {
    name: String,
    query: String,
    /// Where the server itself is; a cursor is a place in the same count.
    place: usize,
    /// In the order of delivery, and when it is there.
    rows: Vec<(Time, Row)>,
    lost: bool,
}

/// How often things go wrong, of a thousand requests or jobs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) requests: u64,
    pub(super) jobs: u64,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) world: Vec<Message>,
    pub(super) faults: Faults,
    /// Nothing is combined; and no row says of which stream it is.
    pub(super) refuses: bool,
    pub(super) forgets: bool,
    /// Whether an empty fetch tells the place to go on from.
    pub(super) anchors: bool,
    pub(super) skew: i64,
    combined: BTreeMap<String, Vec<String>>,
    queries: BTreeMap<String, Asked>,
    deliveries: BTreeMap<String, Kept>,
    numbers: u64,
    /// How often the query of a name was started: that is what is paid for.
    pub(super) started: BTreeMap<String, u32>,
    pub(super) calls: u64,
    pub(super) fired: BTreeSet<&'static str>,
}

type Answer = Result<(Told, Vec<Row>), Refusal>;

fn refusal(why: Why, text: &str) -> Refusal {
    Refusal { why, hint: Hint::default(), text: text.to_owned() }
}

impl Server {
    pub(super) fn new(world: Vec<Message>) -> Self {
        Self {
            world,
            faults: Faults::default(),
            refuses: false,
            forgets: false,
            anchors: true,
            skew: 0,
            combined: BTreeMap::new(),
            queries: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            numbers: 0,
            started: BTreeMap::new(),
            calls: 0,
            fired: BTreeSet::new(),
        }
    }

    fn number(&mut self) -> String {
        self.numbers += 1;
        format!("{:020x}", self.numbers)
    }

    /// Nothing is left of ours.
    pub(super) fn is_tidy(&self) -> bool {
        self.queries.values().all(|query| query.started.is_none()) && self.deliveries.is_empty()
    }

    /// Answers, unless something goes wrong before or after.
    pub(super) fn ask(&mut self, now: Time, ask: &Ask, chance: &mut Chance) -> Answer {
        self.calls += 1;
        if chance.of_thousand(self.faults.requests) {
            let wait = Hint { retry_after: Some(Duration::from_secs(chance.below(90))), ..Hint::default() };
            let quota = |left, reset| Hint { left: Some(left), cost: Some(25), reset, ..Hint::default() };
            let (name, refused) = match chance.below(12) {
                0 => ("unheard", refusal(Why::Unheard, "connection refused")),
                1 => ("500", refusal(Why::Status(500), "<html>oops</html>")),
                2 => ("502", refusal(Why::Status(502), "<html>bad gateway</html>")),
                3 => ("503", Refusal { hint: wait, ..refusal(Why::Status(503), "busy") }),
                4 => {
                    ("429", Refusal { hint: quota(0, Some(Duration::from_mins(10))), ..refusal(Why::Status(429), "") })
                }
                5 => ("ten years", {
                    let reset = Some(Duration::from_hours(24 * 3650));
                    Refusal { hint: quota(0, reset), ..refusal(Why::Status(403), "rate limit") }
                }),
                6 => ("401", refusal(Why::Status(401), "who are you")),
                7 if matches!(ask, Ask::Fetch { .. }) => ("oversize", refusal(Why::Oversize, "")),
                // The server has done it, and nobody hears of it.
                8..=9 => {
                    drop(self.answer(now, ask, chance));
                    ("lost answer", refusal(Why::Unreachable, "ended in the midst"))
                }
                _ => {
                    drop(self.answer(now, ask, chance));
                    ("garbage", refusal(Why::Unusable, "<html>"))
                }
            };
            self.fired.insert(name);
            return Err(refused);
        }
        self.answer(now, ask, chance)
    }

    fn answer(&mut self, now: Time, ask: &Ask, chance: &mut Chance) -> Answer {
        let gone = || refusal(Why::Status(404), "no such thing");
        let told = |told| Ok((told, Vec::new()));
        match ask {
            Ask::Combine { streams } => self.combine(streams, chance),
            Ask::Prepare { name, stream, span, .. } => {
                if Time::from_seconds(span.until) > now.shifted(self.skew).before(Duration::from_hours(1)) {
                    return Err(refusal(Why::Status(400), "end is less than an hour ago"));
                }
                assert!(span.seconds() <= 31 * 86_400, "a span of {} s", span.seconds());
                let known = self.queries.values().any(|query| query.name == *name);
                assert!(!known, "{name} is drawn up a second time");
                let id = self.number();
                let query = Asked {
                    name: name.clone(),
                    streams: self.combined.get(stream).cloned().unwrap_or_else(|| vec![stream.clone()]),
                    span: *span,
                    started: None,
                    takes: Duration::from_secs(chance.below(8_000)),
                    flaw: chance.of_thousand(self.faults.jobs).then(|| "a part failed".to_owned()),
                    fails: chance.of_thousand(self.faults.jobs),
                };
                self.queries.insert(id.clone(), query);
                told(Told::Prepared { query: id, milliunits: None, lacking: Vec::new() })
            }
            Ask::Deliver { name, query } => {
                self.queries.get(query).ok_or_else(gone)?;
                let known = self.deliveries.values().any(|kept| kept.query == *query);
                assert!(!known, "{query} is delivered a second time");
                let id = self.number();
                let kept = Kept {
                    name: name.clone(),
                    query: query.clone(),
                    place: 0,
                    rows: Vec::new(),
                    lost: chance.of_thousand(self.faults.jobs),
                };
                self.deliveries.insert(id.clone(), kept);
                told(Told::Delivering { delivery: id })
            }
            Ask::Start { query } => self.start(now, query, chance),
            Ask::Fetch { delivery, cursor, .. } => self.fetch(now, delivery, cursor.as_deref(), chance),
            Ask::Delivery { delivery } => {
                let found = self.delivery(now, delivery).ok_or_else(gone)?;
                told(Told::Delivery(found))
            }
            Ask::Query { query } => told(Told::Query(self.query(now, query).ok_or_else(gone)?)),
            Ask::DropDelivery { delivery } => {
                self.deliveries.remove(delivery).ok_or_else(gone)?;
                told(Told::Done)
            }
            Ask::DropQuery { query } => {
                self.queries.remove(query).ok_or_else(gone)?;
                told(Told::Done)
            }
            Ask::Deliveries { page } => {
                let ids: Vec<String> = self.deliveries.keys().cloned().collect();
                let of_page = ids.chunks(3).nth(usize::try_from(*page).unwrap() - 1).unwrap_or_default();
                let found = of_page.iter().filter_map(|id| self.delivery(now, id)).collect();
                told(Told::Deliveries { found, more: ids.len() > 3 * usize::try_from(*page).unwrap() })
            }
            Ask::Queries { page } => {
                let ids: Vec<String> = self.queries.keys().cloned().collect();
                let of_page = ids.chunks(3).nth(usize::try_from(*page).unwrap() - 1).unwrap_or_default();
                let found = of_page.iter().filter_map(|id| self.query(now, id)).collect();
                told(Told::Queries { found, more: ids.len() > 3 * usize::try_from(*page).unwrap() })
            }
        }
    }

    fn combine(&mut self, streams: &[String], chance: &mut Chance) -> Answer {
        assert!(streams.len() > 1, "{streams:?} are not several");
        if self.refuses {
            return Err(refusal(Why::Status(400), "no such words"));
        }
        if chance.of_thousand(self.faults.jobs) {
            self.fired.insert("apart");
            let status = [400, 403, 404][usize::try_from(chance.below(3)).unwrap()];
            return Err(refusal(Why::Status(status), "not these"));
        }
        let stream = format!("all of {}", streams.join(" "));
        self.combined.insert(stream.clone(), streams.to_vec());
        Ok((Told::Combined { stream, milliunits_an_hour: None }, Vec::new()))
    }

    fn start(&mut self, now: Time, id: &str, chance: &mut Chance) -> Answer {
        let query = self.queries.get_mut(id).ok_or_else(|| refusal(Why::Status(404), "no such query"))?;
        if query.started.is_some() {
            return Err(refusal(Why::Status(409), "already started"));
        }
        query.started = Some(now);
        *self.started.entry(query.name.clone()).or_default() += 1;
        let (query, faults) = (query.clone(), self.faults);
        let mut found: Vec<Message> = self.world.clone();
        found.retain(|message| {
            query.streams.contains(&message.stream) && (query.span.from..query.span.until).contains(&message.at)
        });
        // Parts come in no order of time.
        chance.shuffle(&mut found);
        let mut rows = Vec::new();
        let all = found.clone();
        let mut known = BTreeSet::new();
        for message in found {
            // What several of the streams match comes once.
            if !known.insert(message.id.clone()) {
                continue;
            }
            if query.flaw.is_some() && chance.of_thousand(300) {
                continue;
            }
            let twice = chance.of_thousand(100);
            let same = all.iter().filter(|other| other.id == message.id);
            let mut marks: Vec<String> = same.map(|other| other.stream.clone()).collect();
            if query.streams.len() == 1 || self.forgets {
                marks.clear();
            } else if marks.len() > 1 {
                self.fired.insert("shared");
            }
            if query.streams.len() > 1 && chance.of_thousand(faults.jobs / 8) {
                self.fired.insert("untagged");
                marks.clear();
            }
            let row = Row { message, dated: chance.of_thousand(500), deletes: false, marks };
            rows.extend(std::iter::repeat_n(row, if twice { 2 } else { 1 }));
        }
        if chance.of_thousand(faults.jobs) && !rows.is_empty() {
            self.fired.insert("outside");
            let at = query.span.until + 5;
            rows.push(Row {
                message: Message { stream: query.streams[0].clone(), id: "outside".to_owned(), at },
                dated: false,
                deletes: false,
                marks: vec![query.streams[0].clone()],
            });
        }
        if chance.of_thousand(faults.jobs) {
            self.fired.insert("foreign");
            let message = Message { stream: "another".to_owned(), id: "foreign".to_owned(), at: query.span.from };
            rows.push(Row { message, dated: true, deletes: false, marks: Vec::new() });
        }
        let last = rows.len().max(1);
        let rows = rows.into_iter().enumerate().map(|(place, row)| {
            let share = u32::try_from(place).unwrap();
            (now.after(query.takes / u32::try_from(last).unwrap() * share), row)
        });
        let rows: Vec<_> = rows.collect();
        for kept in self.deliveries.values_mut().filter(|kept| kept.query == id) {
            kept.rows.clone_from(&rows);
            if kept.lost {
                kept.rows.truncate(kept.rows.len() / 2);
            }
        }
        Ok((Told::Done, Vec::new()))
    }

    fn delivery(&self, now: Time, id: &str) -> Option<Delivery> {
        let kept = self.deliveries.get(id)?;
        let query = self.queries.get(&kept.query);
        let done = query.is_some_and(|query| query.started.is_some_and(|at| at.after(query.takes) < now));
        let state = match query {
            Some(query) if done && query.fails => DeliveryState::Failed,
            // All is delivered when all was fetched.
            Some(_) if done && kept.place >= kept.rows.len() => DeliveryState::Finished,
            _ => DeliveryState::Active,
        };
        let lost = kept.lost && done;
        Some(Delivery { id: id.to_owned(), name: kept.name.clone(), query: kept.query.clone(), state, lost })
    }

    fn query(&self, now: Time, id: &str) -> Option<Query> {
        let query = self.queries.get(id)?;
        let state = match query.started {
            None => QueryState::Prepared,
            Some(at) if at.after(query.takes) >= now => QueryState::Running,
            Some(_) if query.fails => QueryState::Failed,
            Some(_) => QueryState::Done,
        };
        let flaws = if state == QueryState::Done { query.flaw.clone().into_iter().collect() } else { Vec::new() };
        Some(Query { id: id.to_owned(), name: query.name.clone(), state, progress: 50, flaws })
    }

    fn fetch(&mut self, now: Time, id: &str, cursor: Option<&str>, chance: &mut Chance) -> Answer {
        let (anchors, jobs) = (self.anchors, self.faults.jobs);
        let kept = self.deliveries.get_mut(id).ok_or_else(|| refusal(Why::Status(404), "no such subscription"))?;
        if let Some(place) = cursor {
            kept.place = place.parse().unwrap();
        }
        let current = kept.place;
        let there: Vec<Row> = kept.rows.iter().filter(|(at, _)| *at <= now).map(|(_, row)| row.clone()).collect();
        let page: Vec<Row> = there.into_iter().skip(current).take(5).collect();
        if page.is_empty() {
            return Ok((Told::Nothing { cursor: anchors.then(|| current.to_string()) }, Vec::new()));
        }
        let mut next = current + page.len();
        if current > 0 && chance.of_thousand(jobs) {
            self.fired.insert("rewind");
            next = current - 1;
        }
        kept.place = next;
        let told = Page {
            current: anchors.then(|| current.to_string()),
            next: Some(next.to_string()),
            rows: page.len(),
            unreadable: 0,
            left: None,
        };
        Ok((Told::Page(told), page))
    }
}
