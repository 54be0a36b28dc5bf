//! A script of events in virtual time, and the timeline of what the session does about them.
//!
//! A script is a line for each setting, then a line for each event, `SECONDS EVENT`:
//!
//! ```text
//! streams a b=-120          the streams (default: a b), and since when they are wanted
//! standing a network        a gap grows for this stream at the start
//! window 3, jitter 0.1, patience 10, probe 3600     other settings (the last two: for an acknowledgement, for credits)
//! serves                    every dial succeeds after 0.1 s, every subscription is acknowledged after 10 ms
//! ticks                     a tick every 30 s
//! opens                     every dial succeeds after 0.1 s
//! only dial gap             what to show; everything but summaries by default
//! fields summary stands gap the notices that are shown with all of their fields, and the records that tell why
//! only said                 notices as the archive writes them: of which connection
//! ```
//!
//! Events: `open [SECONDS-IT-TOOK] [AHEAD]` (the last: the time that was told), `failed NETWORK-ERROR|STATUS
//! [retry-after] [BODY]`, `ack a b`, `item a [-AGE|+AHEAD]`, `tick [+OFFSET]`, `frame JSON` (names of streams in
//! `<a>`), `eof`, `closed`, `oversize`, `ping`, `part`, `queue N`, `unread`, `read`, `storage [full]`, `stored`,
//! `reload +c -a silence=30`, `refused-reload`, `healing PENDING RUNNING FILLED FAILED`, `state`, `reach` (shows it),
//! `stop`, `end`. Deadlines are met by themselves; `skip` moves to a time without meeting any (a machine that slept).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use expect_test::Expect;
use secrecy::SecretString;
use siftd::coverage::Cause;
use siftd::decide::{Action, Ending, Input, Policy, Reload, Session, Standing, Start, StorageFault};
use siftd::fault::Fault;
use siftd::healing::Tally;
use siftd::protocol::{DataSift, Protocol};
use siftd::record::{ConnectionId, Record, StreamId};
use siftd::signal::Signal;
use siftd::time::Time;

/// The moment that scripts call nought: the tick of the documentation.
const EPOCH: i64 = 1_311_694_603;

/// Runs a script and compares its timeline.
pub(crate) fn check(script: &str, timeline: &Expect) {
    timeline.assert_eq(&run(script));
}

/// Runs a script and returns its timeline.
pub(crate) fn run(script: &str) -> String {
    let mut play = Play::new(script);
    for line in script.lines().map(str::trim).filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
        let (at, event) = line.split_once(' ').unwrap_or((line, "end"));
        play.to(seconds(at), event.trim());
    }
    play.out
}

pub(crate) fn policy() -> Policy {
    Policy {
        subscribe_window: 64,
        acknowledgement: Duration::from_secs(10),
        silence: Duration::from_secs(65),
        network_step: Duration::from_secs(1),
        network_max: Duration::from_secs(16),
        trouble_first: Duration::from_secs(10),
        trouble_max: Duration::from_secs(320),
        jitter: 0.0,
        billing_probe: Duration::from_hours(1),
        identity_retry: Duration::from_mins(1),
        disabled_probe: Duration::from_hours(24),
        margin: Duration::from_secs(2),
        starting: Duration::from_mins(1),
        queue_max: 1600,
        quarantine_max: 1024,
    }
}

/// The hash that a script calls by one letter.
pub(crate) fn hash(name: &str) -> String {
    name.repeat(32)
}

/// The letter by which a script calls a hash.
fn letter(hash: &str) -> String {
    hash.chars().take(1).collect()
}

fn seconds(text: &str) -> Time {
    let seconds: f64 = text.parse().unwrap();
    let span = Duration::try_from_secs_f64(seconds.abs()).unwrap();
    let now = Time::from_seconds(EPOCH);
    if seconds < 0.0 { now.before(span) } else { now.after(span) }
}

/// A moment as seconds since the start of the script.
fn shown(at: Time) -> String {
    let text = Time::from_micros(at.micros() - EPOCH * 1_000_000).micros();
    let (whole, part) = (text / 1_000_000, (text % 1_000_000).abs());
    let sign = if text < 0 && whole == 0 { "-" } else { "" };
    let part = format!("{part:06}");
    let part = part.trim_end_matches('0');
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

fn proven(until: Time) -> String {
    if until.micros() > 0 { format!("proven to {}", shown(until)) } else { "nothing proven".to_owned() }
}

struct Play {
    session: Session,
    protocol: DataSift,
    now: Time,
    names: Vec<String>,
    /// What the server does by itself, and when.
    agenda: BTreeSet<(Time, usize, String)>,
    opens: bool,
    serves: bool,
    ticks: bool,
    only: Vec<String>,
    fields: Vec<String>,
    out: String,
    items: u32,
}

impl Play {
    fn new(script: &str) -> Self {
        let mut policy = policy();
        let (mut names, mut gaps) = (vec!["a".to_owned(), "b".to_owned()], Vec::new());
        let (mut opens, mut serves, mut ticks) = (false, false, false);
        let (mut only, mut fields) = (Vec::new(), Vec::new());
        for line in script.lines().map(str::trim) {
            let mut words = line.split(' ').map(str::to_owned);
            match words.next().unwrap_or_default().as_str() {
                "streams" => names = words.collect(),
                "standing" => gaps.push((words.next().unwrap(), Cause::of_word(&words.next().unwrap()).unwrap())),
                "window" => policy.subscribe_window = words.next().unwrap().parse().unwrap(),
                "jitter" => policy.jitter = words.next().unwrap().parse().unwrap(),
                "patience" => policy.acknowledgement = Duration::from_secs(words.next().unwrap().parse().unwrap()),
                "probe" => policy.billing_probe = Duration::from_secs(words.next().unwrap().parse().unwrap()),
                "opens" => opens = true,
                "serves" => (opens, serves) = (true, true),
                "ticks" => ticks = true,
                "only" => only = words.collect(),
                "fields" => fields = words.collect(),
                _ => {}
            }
        }
        let now = Time::from_seconds(EPOCH);
        let start = |(name, id): (&String, u32)| {
            let (name, wanted) = name.split_once('=').unwrap_or((name, "0"));
            let gap = gaps.iter().find(|(stream, _)| stream == name);
            let standing = gap.map_or(Standing::New, |(_, cause)| Standing::Gap(*cause));
            Start { id: StreamId(id), name: hash(name), wanted: seconds(wanted), standing }
        };
        let streams = names.iter().zip(0..).map(start).collect();
        let names = names.iter().map(|name| name.split('=').next().unwrap_or_default().to_owned()).collect();
        let session = Session::new(policy, streams, ConnectionId(0), now, 1);
        let protocol = DataSift::new("wss://stream.example/multi", "acme", SecretString::from("key"));
        let agenda = BTreeSet::new();
        let out = String::new();
        let mut play =
            Self { session, protocol, now, names, agenda, opens, serves, ticks, only, fields, out, items: 0 };
        play.feed(Input::Start);
        play
    }

    /// Moves on to an event, meeting every deadline and every thing the server does by itself on the way.
    fn to(&mut self, at: Time, event: &str) {
        assert!(at >= self.now, "the script goes backwards: {event}");
        if let Some(event) = event.strip_prefix("skip") {
            self.now = at;
            return self.event(event.trim());
        }
        for steps in 0.. {
            assert!(steps < 100_000, "the session does not come to rest before {event}");
            let own = self.agenda.first().map_or(Time::NEVER, |(at, _, _)| *at);
            let next = self.session.deadline().min(own).max(self.now);
            if next > at {
                break;
            }
            self.now = next;
            if own <= next {
                let (_, _, event) = self.agenda.pop_first().unwrap();
                self.event(&event);
            } else {
                self.feed(Input::Deadline);
                assert!(self.session.deadline() > self.now, "a deadline that is met stays");
            }
        }
        self.now = at;
        if event != "end" {
            let text = event.chars().take(100).collect::<String>();
            self.note("<", &text);
            self.event(event);
        }
    }

    fn event(&mut self, event: &str) {
        let (word, rest) = event.split_once(' ').unwrap_or((event, ""));
        let url = "wss://stream.example/multi".to_owned();
        match word {
            "" => {}
            "deadline" => self.feed(Input::Deadline),
            "open" => {
                let (took, ahead) = rest.split_once(' ').unwrap_or((rest, ""));
                let told = ahead.parse::<i64>().ok().map(|ahead| self.second().shifted(ahead * 1_000_000));
                let took = Duration::try_from_secs_f64(took.parse().unwrap_or(0.0)).unwrap();
                self.feed(Input::Opened { sent: self.now.before(took), told, shown: url });
                if self.ticks {
                    self.plan(30_000, "beat".to_owned());
                }
            }
            "beat" => {
                self.plan(30_000, "beat".to_owned());
                self.event("tick");
            }
            "failed" => self.feed(Input::DialFailed(failure(&self.protocol, rest))),
            "ack" => rest.split(' ').for_each(|name| {
                self.frame(&format!(
                    r#"{{"status":"success","message":"Successfully subscribed to hash {}"}}"#,
                    hash(name)
                ));
            }),
            "item" => self.item(rest),
            "tick" => {
                let offset: i64 = rest.parse().unwrap_or(0);
                let tick = self.second().micros() / 1_000_000 + offset;
                self.frame(&format!(r#"{{"tick":{tick},"status":"connected","message":"Waiting for data"}}"#));
            }
            "frame" => {
                let named = self.names.clone().into_iter();
                let frame =
                    named.fold(rest.to_owned(), |frame, name| frame.replace(&format!("<{name}>"), &hash(&name)));
                self.frame(&frame);
            }
            "part" => self.feed(Input::Part),
            "ping" => self.feed(Input::Frame(2)),
            "eof" => self.feed(Input::Lost(Fault::Broken("end of stream".to_owned()))),
            "closed" => self.feed(Input::Lost(Fault::Closed { code: Some(1001), reason: String::new() })),
            "oversize" => self.feed(Input::Lost(Fault::Oversize { limit: 100 })),
            "queue" => self.feed(Input::Queue(rest.parse().unwrap())),
            "unread" => self.feed(Input::Unread(true)),
            "read" => self.feed(Input::Unread(false)),
            "storage" => {
                let fault = StorageFault { full: rest == "full", detail: "no".to_owned() };
                self.feed(Input::Storage(Some(fault)));
            }
            "stored" => self.feed(Input::Storage(None)),
            "healing" => self.healing(rest),
            "reach" => self.reach(),
            "state" => self.feed(Input::State(serde_json::Value::Null)),
            "reload" => self.reload(rest),
            "refused-reload" => self.feed(Input::ReloadRefused("line 1".to_owned())),
            "stop" => self.feed(Input::Stop("SIGTERM".to_owned())),
            other => panic!("no such event: {other}"),
        }
    }

    /// The whole second that has begun.
    fn second(&self) -> Time {
        Time::from_seconds(self.now.micros() / 1_000_000)
    }

    fn item(&mut self, rest: &str) {
        let (name, age) = rest.split_once(' ').unwrap_or((rest, "0"));
        let made = self.now.shifted(age.parse::<i64>().unwrap() * 1_000_000);
        let made = jiff::Timestamp::from_microsecond(made.micros()).unwrap();
        let made = jiff::fmt::rfc2822::to_string(&made.to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
        self.items += 1;
        let id = self.items;
        let item = format!(r#"{{"interaction":{{"id":"i{id}","created_at":"{made}"}}}}"#);
        self.frame(&format!(r#"{{"hash":"{}","data":{item}}}"#, hash(name)));
    }

    fn healing(&mut self, words: &str) {
        let mut counts = words.split(' ').map(|word| word.parse::<u32>().unwrap());
        let (pending, running) = (counts.next().unwrap(), counts.next().unwrap());
        let (filled, failed) = (counts.next().unwrap().into(), counts.next().unwrap().into());
        let [pending, running] = [pending, running].map(|count| usize::try_from(count).unwrap());
        self.feed(Input::Healing(Tally { pending, running, filled, failed }));
    }

    /// Shows what is to be committed with what was done so far.
    fn reach(&mut self) {
        let text = self.session.reach().map_or_else(
            || "reach of no connection".to_owned(),
            |reach| {
                let tick = reach.last_tick.map_or_else(|| "none".to_owned(), shown);
                format!(
                    "reach of {} to {}, {}; {} frames, {} bytes, {} interactions; clock {:?}, last tick {tick}",
                    reach.connection.0,
                    shown(reach.covered_until),
                    proven(reach.proven_until),
                    reach.frames,
                    reach.bytes,
                    reach.interactions,
                    reach.clock_offset
                )
            },
        );
        self.note(">", &text);
    }

    fn reload(&mut self, words: &str) {
        let mut reload = Reload::default();
        for word in words.split(' ').filter(|word| !word.is_empty()) {
            if let Some(seconds) = word.strip_prefix("silence=") {
                let silence = Duration::from_secs(seconds.parse().unwrap());
                reload.policy = Some(Policy { silence, ..self.session.policy().clone() });
                continue;
            }
            let (sign, name) = word.split_at(1);
            if sign == "-" {
                reload.removed.push(hash(name));
                continue;
            }
            let id = StreamId(u32::try_from(self.names.len()).unwrap());
            self.names.push(name.to_owned());
            reload.added.push(Start { id, name: hash(name), wanted: self.now, standing: Standing::New });
        }
        self.feed(Input::Reload(reload));
    }

    /// Hands in a frame the way the driver does: that it came, then what it says.
    fn frame(&mut self, frame: &str) {
        self.feed(Input::Frame(frame.len()));
        let mut protocol = DataSift::new("", "", SecretString::from(""));
        std::mem::swap(&mut protocol, &mut self.protocol);
        protocol.decode(frame, &mut |signal| match signal {
            Signal::Unreadable(reason, text) => {
                let room = text.len() < self.session.policy().quarantine_max;
                self.feed(Input::Unreadable { reason: &reason, bytes: text.len(), room });
            }
            signal @ (Signal::Interaction(_) | Signal::Delete(_) | Signal::Tick(_) | Signal::Status(_)) => {
                self.feed(Input::Signal(signal));
            }
        });
        self.protocol = protocol;
    }

    fn feed(&mut self, input: Input<'_>) {
        let mut actions = Vec::new();
        self.session.handle(self.now, input, &mut actions);
        let mut asked = Vec::new();
        for action in actions {
            if let Action::Subscribe(name) = &action {
                asked.push(letter(name));
                if self.serves {
                    self.plan(10, format!("ack {}", letter(name)));
                }
                continue;
            }
            if action == Action::HangUp {
                self.agenda.clear();
            }
            if action == Action::Dial && self.opens {
                self.plan(100, "open".to_owned());
            }
            if let Some(text) = self.text(&action) {
                self.note(">", &text);
            }
        }
        if !asked.is_empty() {
            self.note(">", &format!("subscribe {}", asked.join(" ")));
        }
    }

    fn plan(&mut self, millis: u64, event: String) {
        self.agenda.insert((self.now.after(Duration::from_millis(millis)), self.agenda.len(), event));
    }

    fn note(&mut self, sign: &str, text: &str) {
        let word = text.split(' ').next().unwrap_or_default();
        let wanted = self.only.is_empty() || self.only.iter().any(|only| only == word);
        if sign == "<" || wanted {
            writeln!(self.out, "{} {sign} {text}", shown(self.now)).unwrap();
        }
    }

    fn name(&self, id: StreamId) -> &str {
        self.names.get(usize::try_from(id.0).unwrap()).map_or("?", String::as_str)
    }

    /// One action in a few words; `None` for what repeats another or is of no interest.
    fn text(&self, action: &Action) -> Option<String> {
        Some(match action {
            Action::Dial => "dial".to_owned(),
            Action::HangUp => "hang-up".to_owned(),
            Action::Farewell => "farewell".to_owned(),
            Action::Subscribe(name) => format!("subscribe {}", letter(name)),
            Action::Unsubscribe(name) => format!("unsubscribe {}", letter(name)),
            Action::Keep(id) => format!("keep {}", self.name(*id)),
            Action::Erase => "erase".to_owned(),
            Action::Quarantine => "quarantine".to_owned(),
            Action::Say(notice) if self.tells(notice.entry().name) => {
                let fields = self.by_letter(serde_json::to_string(notice).unwrap());
                format!("say {} {} {fields}", notice.entry().level.word(), notice.entry().name)
            }
            Action::Say(notice) if notice.entry().name == "summary" => return None,
            Action::Say(notice) => {
                format!("say {} {}", notice.entry().level.word(), self.short(&notice.to_string(), notice.entry().name))
            }
            Action::End(Ending::Stopped) => "end".to_owned(),
            Action::End(Ending::IdentityRefused) => "end identity-refused".to_owned(),
            Action::Record(record) => return self.record(record),
        })
    }

    /// A notice by its name, and by what it says where that is short.
    fn short(&self, message: &str, name: &str) -> String {
        let message = match name {
            "reconnecting" | "subscribed" | "too-many-subscriptions" | "stream-trouble" => {
                format!(": {}", self.by_letter(message.to_owned()))
            }
            _ => String::new(),
        };
        format!("{name}{message}")
    }

    fn tells(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field == name)
    }

    fn reason(&self, reason: Option<&String>) -> String {
        reason.map_or_else(String::new, |reason| format!(" ({})", self.by_letter(reason.clone())))
    }

    fn by_letter(&self, text: String) -> String {
        self.names.iter().fold(text, |text, name| text.replace(&hash(name), name))
    }

    fn record(&self, record: &Record) -> Option<String> {
        Some(match record {
            Record::Opened { connection, .. } => format!("opened {}", connection.0),
            Record::Closed { because, .. } => format!("closed {because}"),
            Record::Covered { stream, from, .. } => format!("cover {} from {}", self.name(*stream), shown(*from)),
            Record::Gap { stream, from, cause, detail } => {
                // What a refusal said is in its notice.
                let told = detail.as_ref().filter(|_| *cause == Cause::SlowConsumer || self.tells("gap"));
                format!("gap {} from {} {cause}{}", self.name(*stream), shown(*from), self.reason(told))
            }
            Record::Stands { stream, state, reason } => {
                let told = reason.as_ref().filter(|_| self.tells("stands"));
                format!("stands {} {state}{}", self.name(*stream), self.reason(told))
            }
            Record::Retired { stream, at, proven: until } => {
                format!("retired {} at {}, {}", self.name(*stream), shown(*at), proven(*until))
            }
            Record::Daemon { state, .. } => format!("state {state}"),
            Record::Drain(on) => format!("drain {}", if *on { "on" } else { "off" }),
            Record::Said { connection, notice, .. } if self.only.iter().any(|only| only == "said") => {
                let of = connection.map_or_else(|| "none".to_owned(), |connection| connection.0.to_string());
                format!("said {} of {of}", notice.entry().name)
            }
            Record::Said { .. } => return None,
        })
    }
}

/// A failed attempt: `network`, or a status code, perhaps `after SECONDS`, and perhaps a body.
fn failure(protocol: &DataSift, words: &str) -> Fault {
    let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
    let Ok(status) = first.parse() else { return Fault::Unreachable("refused".to_owned()) };
    let (retry_after, body) = match rest.strip_prefix("after ") {
        Some(rest) => {
            let (seconds, body) = rest.split_once(' ').unwrap_or((rest, ""));
            (Some(Duration::from_secs(seconds.parse().unwrap())), body)
        }
        None => (None, rest),
    };
    Fault::Refused { status, retry_after, class: protocol.class_of(body), text: body.to_owned() }
}
