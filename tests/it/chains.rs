//! The other chains of docs/alert.md: Loki's rules asked of real lines, as far as they can be without Loki, and rsyslog.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use siftd::coverage::Cause;
use siftd::host::log::as_json;
use siftd::notice::Notice;
use siftd::peer_text::PeerText;
use siftd::record::{ConnectionId, DaemonState};
use siftd::time::Time;

use crate::archive_house::skipped;

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// A line, and when Loki got it.
type Line = (Time, String);

/// A rule of the one form that ours have: `WAY({job="siftd"} | json F="F", … | F="VALUE" [SPAN])`, and a bound.
struct Rule {
    alert: String,
    way: String,
    fields: BTreeSet<String>,
    filter: (String, String),
    span: Duration,
    /// Fires above; nothing for what fires where nothing is.
    above: Option<usize>,
}

/// `NAME="VALUE"`.
fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or_else(|| panic!("{text} is no pair"));
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    (name.to_owned(), value.unwrap_or_else(|| panic!("{text} has no quotes")).to_owned())
}

impl Rule {
    fn of(alert: &str, expression: &str) -> Self {
        let parts = || {
            let (way, rest) = expression.split_once("({job=\"siftd\"} | json ")?;
            let (fields, rest) = rest.split_once(" | ")?;
            let (filter, rest) = rest.split_once(" [")?;
            let (span, rest) = rest.split_once("m])")?;
            Some((way, fields, filter, span, rest))
        };
        let (way, fields, filter, span, rest) = parts().unwrap_or_else(|| panic!("{alert}: {expression}"));
        let fields = fields.split(", ").map(pair);
        let fields = fields.map(|(label, field)| if label == field { label } else { panic!("{label} is {field}") });
        let above = match way {
            "absent_over_time" => rest.is_empty().then_some(None),
            _ => rest.strip_prefix(") > ").map(|bound| Some(bound.parse().unwrap())),
        };
        Self {
            alert: alert.to_owned(),
            way: way.to_owned(),
            fields: fields.collect(),
            filter: pair(filter),
            span: Duration::from_mins(span.parse().unwrap()),
            above: above.unwrap_or_else(|| panic!("{alert}: what is {rest}")),
        }
    }

    /// What it fires for at this moment: the labels of the alert.
    fn fires(&self, lines: &[Line], now: Time) -> BTreeSet<String> {
        let (name, value) = &self.filter;
        assert!(self.fields.contains(name), "{}: {name} is no label", self.alert);
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for (at, line) in lines {
            let line: BTreeMap<String, Value> = serde_json::from_str(line).unwrap();
            let label = |name: &str| line[name].as_str().unwrap().to_owned();
            if label(name) == *value && *at > now.before(self.span) && *at <= now {
                let by = if self.way.starts_with("sum by (notice) (") { label("notice") } else { String::new() };
                *found.entry(by).or_default() += 1;
            }
        }
        match (self.way.as_str(), self.above) {
            ("absent_over_time", None) if found.is_empty() => [String::new()].into(),
            ("absent_over_time", None) => BTreeSet::new(),
            ("sum(count_over_time" | "sum by (notice) (count_over_time", Some(above)) => {
                found.into_iter().filter(|(_, count)| *count > above).map(|(by, _)| by).collect()
            }
            (way, _) => panic!("{}: what is {way}", self.alert),
        }
    }
}

/// Each alert that the rules raise at this moment, with what it is raised for.
fn raised(lines: &[Line], now: Time) -> BTreeSet<(String, String)> {
    let rules = file("systemd/alerts/loki.rules.yml");
    let rules = rules.split("- alert: ").skip(1).map(|part| {
        let (alert, rest) = part.split_once("\n        expr: ").unwrap();
        Rule::of(alert, rest.lines().next().unwrap())
    });
    let rules: Vec<Rule> = rules.collect();
    assert_eq!(rules.len(), 3, "the search has lost its way");
    rules.iter().flat_map(|rule| rule.fires(lines, now).into_iter().map(|by| (rule.alert.clone(), by))).collect()
}

fn minute(minutes: i64) -> Time {
    Time::from_seconds(1_795_323_000 + 60 * minutes)
}

fn line(at: Time, notice: &Notice) -> Line {
    (at, as_json(at, notice))
}

/// A minute in which all is well.
pub(super) fn summary() -> Notice {
    Notice::Summary {
        state: DaemonState::Live,
        interactions: 60,
        per_second: 1.0,
        deletes: 0,
        active: 5,
        wanted: 5,
        open_gaps: 0,
        queue_bytes: 0,
        backfill_pending: 0,
        backfill_running: 0,
        backfill_filled: 0,
        backfill_failed: 0,
    }
}

fn alerts(found: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    found.iter().map(|(alert, by)| ((*alert).to_owned(), (*by).to_owned())).collect()
}

#[test]
fn lokis_rules_are_raised_by_what_the_daemon_says() {
    // Twenty minutes that are well, though a server says what would be an alarm if it were believed.
    let mut lines: Vec<Line> = (0..20).map(|at| line(minute(at), &summary())).collect();
    let text = PeerText::of("\",\"level\":\"error\",\"notice\":\"disconnected\",\"x\":\"");
    lines.extend((0..20).map(|at| line(minute(at), &Notice::Maintenance { text: text.clone() })));
    assert_eq!(raised(&lines, minute(20)), alerts(&[]));
    // The last was said in minute 19: silence is told five minutes later, and the rest is not made up for.
    assert_eq!(raised(&lines, minute(23)), alerts(&[]));
    assert_eq!(raised(&lines, minute(24)), alerts(&[("SiftdSilent", "")]));
    // What needs a person, by its name, for a quarter of an hour.
    let full = Notice::StorageFull { detail: "no space".into() };
    lines.push(line(minute(18), &full));
    assert_eq!(raised(&lines, minute(20)), alerts(&[("SiftdError", "storage-full")]));
    // The connection broke five times, and once more.
    let connection = ConnectionId(7);
    let broken = Notice::Disconnected { connection, cause: Cause::Network, detail: "reset".into(), seconds: 1.0 };
    lines.extend((0..5).map(|at| line(minute(10 + at), &broken)));
    assert_eq!(raised(&lines, minute(20)), alerts(&[("SiftdError", "storage-full")]));
    lines.push(line(minute(19), &broken));
    let both = alerts(&[("SiftdError", "storage-full"), ("SiftdFlapping", "")]);
    assert_eq!(raised(&lines, minute(20)), both);
}

/// A program that is ended with the test.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn rsyslog_keeps_what_needs_a_person() {
    if !Path::new("/usr/sbin/rsyslogd").exists() {
        return skipped("no rsyslog: apt-get install rsyslog");
    }
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (socket, errors, settings) = (place("socket"), place("errors"), place("rsyslog.conf"));
    let mut ours = file("systemd/alerts/rsyslog.conf");
    // A terminal of whoever runs the tests is left alone.
    for (shipped, here) in [("/var/log/siftd-errors.log", errors.as_str()), ("\"root\"", "\"nobody-of-this-name\"")] {
        assert!(ours.contains(shipped), "{shipped} is not in the rules");
        ours = ours.replace(shipped, here);
    }
    let input =
        format!("module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{socket}\")\n");
    fs::write(&settings, input + &ours).unwrap();
    let mut daemon = Command::new("/usr/sbin/rsyslogd");
    daemon.args(["-n", "-f", &settings, "-i", &place("pid")]).stdout(Stdio::null()).stderr(Stdio::null());
    let _daemon = Beside(daemon.spawn().unwrap());
    wait("rsyslog to listen", || Path::new(&socket).exists());
    for (tag, priority, text) in [
        ("siftd", "daemon.info", "subscribed: routine"),
        ("siftd", "daemon.warning", "gap-opened: heals by itself"),
        ("another", "daemon.err", "of somebody else"),
        ("siftd", "daemon.err", "storage-full: a person is needed"),
    ] {
        let sent = Command::new("logger").args(["-u", &socket, "-t", tag, "-p", priority, "--id=4711", text]).status();
        assert!(sent.unwrap().success());
    }
    wait("the error", || fs::read_to_string(&errors).is_ok_and(|text| text.ends_with('\n')));
    let kept = fs::read_to_string(&errors).unwrap();
    assert!(kept.lines().count() == 1 && kept.ends_with(" siftd[4711]: storage-full: a person is needed\n"), "{kept}");
}

fn wait(what: &str, until: impl Fn() -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let waited = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), async {
            while !until() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
    });
    assert!(waited.is_ok(), "waited in vain for {what}");
}
