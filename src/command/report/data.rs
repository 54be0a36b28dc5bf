//! What the page shows, added up by the archive itself and read at one moment.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::strips::{CELLS, Frame, Gap, Strips, cause_of};
use crate::archive::reading::{Holder, ReadError, Reading, holder};
use crate::command::figures;
use crate::coverage::Cause;
use crate::notice::{Level, TABLE};
use crate::time::Time;

/// An hour in microseconds.
const HOUR: i64 = 3_600_000_000;

/// The page's own document.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    made_us: Time,
    version: &'static str,
    archive: String,
    from_us: i64,
    until_us: i64,
    cells: usize,
    daemon: Option<Daemon>,
    totals: Totals,
    causes: Vec<CauseRow>,
    throughput: Vec<i64>,
    healed: Healed,
    incidents: Vec<Incident>,
    streams: Vec<Stream>,
}

#[derive(Debug, Serialize)]
struct Daemon {
    state: String,
    running: Option<bool>,
}

#[derive(Debug, Default, Serialize)]
struct Totals {
    listed: usize,
    active: usize,
    open: usize,
    interactions: i64,
    gaps: i64,
    gap_seconds: f64,
    covered_seconds: f64,
    wanted_seconds: f64,
}

#[derive(Debug, Serialize)]
struct CauseRow {
    cause: &'static str,
    family: &'static str,
    gaps: i64,
    streams: i64,
    seconds: f64,
    healed_seconds: f64,
}

#[derive(Debug, Default, Serialize)]
struct Healed {
    jobs: i64,
    complete: i64,
    rows: i64,
    credits: i64,
    milliunits: i64,
    gaps: i64,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Incident {
    notice: String,
    level: String,
    count: i64,
    last_us: i64,
    message: String,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the view's name for it")]
struct Stream {
    stream: String,
    label: Option<String>,
    state: String,
    reason: Option<String>,
    interactions: i64,
    pruned_us: Option<i64>,
    gaps: i64,
    gap_seconds: f64,
    open: bool,
    strip: String,
}

/// The gaps of a stream in sum.
#[derive(Debug, Default)]
struct Lost {
    gaps: i64,
    micros: i64,
    open: bool,
}

/// What is gathered while coverage and gaps are read.
struct Reader<'of> {
    archive: &'of Reading,
    frame: Frame,
    strips: Strips,
    lost: HashMap<i64, Lost>,
    totals: Totals,
    healed: Healed,
}

impl Data {
    pub(super) fn read(archive: &Reading, since: Option<Time>, now: Time) -> Result<Self, ReadError> {
        archive.hold_still()?;
        let frame = frame(archive, since, now)?;
        let mut reader = Reader {
            archive,
            frame,
            strips: Strips::default(),
            lost: HashMap::new(),
            totals: Totals::default(),
            healed: Healed::default(),
        };
        reader.covers()?;
        let causes = reader.gaps()?;
        reader.jobs()?;
        let streams = reader.streams()?;
        let Reader { totals, healed, .. } = reader;
        Ok(Self {
            made_us: now,
            version: env!("CARGO_PKG_VERSION"),
            archive: archive.path().display().to_string(),
            from_us: frame.from,
            until_us: frame.until,
            cells: CELLS,
            daemon: daemon(archive)?,
            totals,
            causes,
            throughput: throughput(archive, frame)?,
            healed,
            incidents: incidents(archive, frame)?,
            streams,
        })
    }

    /// What the page holds, for whoever made it.
    pub(super) fn told(&self) -> String {
        let streams = i64::try_from(self.streams.len()).unwrap_or(i64::MAX);
        let from = figures::moment(Time::from_micros(self.from_us));
        format!("{} from {from} to {}", figures::counted(streams, "stream"), figures::moment(self.made_us))
    }
}

/// From the first word on any stream, or from `since`, until now.
fn frame(archive: &Reading, since: Option<Time>, now: Time) -> Result<Frame, ReadError> {
    const FIRST: &str = "SELECT min(wanted) FROM (SELECT min(wanted) AS wanted FROM stream
                          UNION ALL SELECT min(opened) FROM connection UNION ALL SELECT min(started) FROM gap)";
    let first = archive.first(FIRST, [], |row| row.get::<_, Option<i64>>(0))?.flatten();
    let from = first.max(since.map(Time::micros)).unwrap_or_else(|| now.micros().saturating_sub(HOUR));
    Ok(Frame { from: from.min(now.micros().saturating_sub(1)), until: now.micros() })
}

impl Reader<'_> {
    /// Coverage that was proven live: as the view has it, without the words for each row.
    fn covers(&mut self) -> Result<(), ReadError> {
        const COVERS: &str = "
            SELECT c.stream, max(c.began, p.pruned), coalesce(c.ended, max(c.began, n.proven))
              FROM cover c
              JOIN connection n ON n.id = c.connection
              JOIN (SELECT id, max(pruned, (SELECT value FROM meta WHERE name = 'pruned'),
                                   CASE WHEN max_age IS NULL THEN (SELECT value FROM meta WHERE name = 'pruned_by_age')
                                   ELSE 0 END) AS pruned
                      FROM stream) p ON p.id = c.stream";
        let triple = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let Self { archive, frame, strips, totals, .. } = self;
        archive.each(COVERS, [], triple, |(stream, from, until)| {
            strips.covered(*frame, stream, from, until);
            let length = frame.within(from, until).map_or(0.0, |(from, until)| seconds(until.saturating_sub(from)));
            totals.covered_seconds += length;
            totals.wanted_seconds += length;
            Ok::<(), ReadError>(())
        })
    }

    fn gaps(&mut self) -> Result<Vec<CauseRow>, ReadError> {
        const GAPS: &str = "SELECT stream, started, ended, cause, state FROM gap WHERE ended IS NULL OR ended > ?1";
        let mut sums: BTreeMap<usize, (i64, i64, i64)> = BTreeMap::new();
        let mut concerned: HashSet<(usize, i64)> = HashSet::new();
        let read = |row: &rusqlite::Row<'_>| {
            let (cause, state): (String, String) = (row.get(3)?, row.get(4)?);
            let ended: Option<i64> = row.get(2)?;
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, ended, cause_of(&cause), state == "filled"))
        };
        let Self { archive, frame, strips, lost, totals, healed } = self;
        archive.each(GAPS, [frame.from], read, |(stream, started, ended, cause, filled)| {
            let until = ended.unwrap_or(i64::MAX);
            let length = frame.within(started, until).map_or(0, |(from, until)| until.saturating_sub(from));
            strips.gap(*frame, stream, started, until, if filled { Gap::Healed } else { Gap::Left(cause) });
            let (gaps, micros, filled_micros) = sums.entry(cause).or_default();
            *gaps += 1;
            concerned.insert((cause, stream));
            let own = lost.entry(stream).or_default();
            own.gaps += 1;
            own.open |= ended.is_none();
            totals.gaps += 1;
            totals.wanted_seconds += seconds(length);
            if filled {
                *filled_micros += length;
                healed.gaps += 1;
                healed.seconds += seconds(length);
                totals.covered_seconds += seconds(length);
            } else {
                *micros += length;
                own.micros += length;
                totals.gap_seconds += seconds(length);
            }
            Ok::<(), ReadError>(())
        })?;
        let rows = Cause::ALL.into_iter().enumerate().map(|(place, cause)| {
            let (gaps, micros, filled) = sums.get(&place).copied().unwrap_or_default();
            let streams = concerned.iter().filter(|(known, _)| *known == place).count();
            CauseRow {
                cause: cause.word(),
                family: family(cause),
                gaps,
                streams: i64::try_from(streams).unwrap_or(i64::MAX),
                seconds: seconds(micros),
                healed_seconds: seconds(filled),
            }
        });
        Ok(rows.collect())
    }

    fn jobs(&mut self) -> Result<(), ReadError> {
        const JOBS: &str = "SELECT count(*), coalesce(sum(outcome = 'complete'), 0), coalesce(sum(stored), 0),
                                   coalesce(sum(credits), 0), coalesce(sum(milliunits), 0) FROM backfills WHERE begun_us >= ?1";
        let read = |row: &rusqlite::Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]);
        if let Some([jobs, complete, rows, credits, milliunits]) = self.archive.first(JOBS, [self.frame.from], read)? {
            let Healed { gaps, seconds, .. } = self.healed;
            self.healed = Healed { jobs, complete, rows, credits, milliunits, gaps, seconds };
        }
        Ok(())
    }

    /// Every stream, what is worst first.
    fn streams(&mut self) -> Result<Vec<Stream>, ReadError> {
        const STREAMS: &str = "SELECT s.id, v.stream, v.label, v.state, v.reason, v.interactions, v.pruned_before_us
                                 FROM streams v JOIN stream s ON s.name = v.stream";
        let Self { archive, frame, strips, lost, totals, .. } = self;
        let nothing = Lost::default();
        let mut streams = archive.all(STREAMS, [], |row| {
            let id: i64 = row.get(0)?;
            let Lost { gaps, micros, open } = lost.get(&id).unwrap_or(&nothing);
            let pruned_us = row.get(6)?;
            Ok(Stream {
                stream: row.get(1)?,
                label: row.get(2)?,
                state: row.get(3)?,
                reason: row.get(4)?,
                interactions: row.get(5)?,
                pruned_us,
                gaps: *gaps,
                gap_seconds: seconds(*micros),
                open: *open,
                strip: strips.letters(*frame, id, pruned_us),
            })
        })?;
        streams.sort_by(|one, other| {
            let order = other.open.cmp(&one.open).then(other.gap_seconds.total_cmp(&one.gap_seconds));
            order.then_with(|| one.label.cmp(&other.label)).then_with(|| one.stream.cmp(&other.stream))
        });
        for stream in &streams {
            totals.listed += usize::from(stream.state != "retired");
            totals.active += usize::from(stream.state == "active");
            totals.open += usize::from(stream.open);
            totals.interactions += stream.interactions;
        }
        Ok(streams)
    }
}

/// Who can do something about it: the network and the server, this machine, or the account and the list of streams.
fn family(cause: Cause) -> &'static str {
    match cause {
        Cause::Network
        | Cause::ServerClosed
        | Cause::Maintenance
        | Cause::Silence
        | Cause::Capacity
        | Cause::ServerError => "outside",
        Cause::SlowConsumer
        | Cause::OversizeFrame
        | Cause::LocalStorage
        | Cause::Shutdown
        | Cause::Crash
        | Cause::Suspended
        | Cause::Starting => "own",
        Cause::Billing | Cause::Auth | Cause::Rejected | Cause::Disabled | Cause::OverLimit => "refused",
    }
}

fn daemon(archive: &Reading) -> Result<Option<Daemon>, ReadError> {
    let running = match holder(archive.path()) {
        Holder::Daemon { .. } => Some(true),
        Holder::Nobody => Some(false),
        Holder::Unknown(_) => None,
    };
    let state = archive.first("SELECT state FROM daemon", [], |row| row.get(0))?;
    Ok(state.map(|state| Daemon { state, running }))
}

/// Interactions by cell. Whole hours are counted where they begin.
fn throughput(archive: &Reading, frame: Frame) -> Result<Vec<i64>, ReadError> {
    const FULL: &str = "SELECT hour, sum(interactions) FROM tally_hour WHERE hour > ?1 GROUP BY hour";
    const FILLING: &str = "SELECT received / 3600000000 * 3600000000 AS hour, count(*) FROM interaction
                            WHERE bucket = (SELECT value FROM meta WHERE name = 'bucket') AND received >= ?1 GROUP BY hour";
    const FIRST: &str = "SELECT min(received) FROM interaction";
    let first = archive.first(FIRST, [], |row| row.get::<_, Option<i64>>(0))?.flatten().unwrap_or(i64::MIN);
    let mut cells = vec![0_i64; CELLS];
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let from = frame.from.saturating_sub(HOUR);
    for question in [FULL, FILLING] {
        archive.each(question, [from], pair, |(hour, rows)| {
            let end = hour.saturating_add(HOUR);
            let span = if (hour..end).contains(&first) { (first, end) } else { (hour, end) };
            spread(frame, &mut cells, span, rows);
            Ok::<(), ReadError>(())
        })?;
    }
    Ok(cells)
}

/// The rows of a span over the cells that it touches, as if they had come evenly: those of the part that is shown.
fn spread(frame: Frame, cells: &mut [i64], (from, until): (i64, i64), rows: i64) {
    let whole = until.min(frame.until).saturating_sub(from);
    let Some((from, until)) = frame.within(from, until) else { return };
    let shown = i128::from(rows) * i128::from(until.saturating_sub(from)) / i128::from(whole.max(1));
    let length = i128::from(until.saturating_sub(from)).max(1);
    let (mut passed, mut given) = (0, 0);
    frame.each(from, until, |place, micros| {
        passed += i128::from(micros);
        let due = shown * passed / length;
        let share = i64::try_from(due - given).unwrap_or(i64::MAX);
        if let Some(cell) = cells.get_mut(place) {
            *cell = cell.saturating_add(share);
        }
        given = due;
    });
}

/// What was warned of: how often, when last, and in which words.
fn incidents(archive: &Reading, frame: Frame) -> Result<Vec<Incident>, ReadError> {
    const INCIDENTS: &str = "
        SELECT n.notice, n.level, found.number, n.at, n.message
          FROM (SELECT max(id) AS newest, count(*) AS number FROM notice
                 WHERE notice IN (SELECT value FROM json_each(?1)) AND at >= ?2 GROUP BY notice) AS found
          JOIN notice AS n ON n.id = found.newest
         ORDER BY n.level = 'error' DESC, n.at DESC";
    let warns = TABLE.iter().filter(|entry| matches!(entry.level, Level::Error | Level::Warn));
    let names = serde_json::Value::from(warns.map(|entry| entry.name).collect::<Vec<_>>()).to_string();
    archive.all(INCIDENTS, (names, frame.from), |row| {
        Ok(Incident {
            notice: row.get(0)?,
            level: row.get(1)?,
            count: row.get(2)?,
            last_us: row.get(3)?,
            message: row.get(4)?,
        })
    })
}

/// Microseconds in seconds, for a person to read.
fn seconds(micros: i64) -> f64 {
    std::time::Duration::from_micros(micros.unsigned_abs()).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_hour_that_began_before_the_report_only_a_part_is_shown() {
        let shown = |since: i64, first: i64, now: i64| {
            let mut cells = vec![0; CELLS];
            spread(Frame { from: since, until: now }, &mut cells, (first, HOUR), 6000);
            cells.iter().sum::<i64>()
        };
        assert_eq!(shown(0, 0, HOUR), 6000);
        assert_eq!(shown(HOUR / 2, 0, HOUR), 3000);
        // The hour has not ended: all of it that there is came in its first half.
        assert_eq!(shown(HOUR / 4, 0, HOUR / 2), 3000);
        // Two hours meet in a cell: it is no higher than the others.
        let mut cells = vec![0; CELLS];
        let frame = Frame { from: 1, until: 2 * HOUR - 1 };
        for hour in [0, HOUR] {
            spread(frame, &mut cells, (hour, hour + HOUR), 600_000);
        }
        let most = cells.iter().max().unwrap();
        assert!(cells.iter().all(|rows| most.abs_diff(*rows) <= 1), "{cells:?}");
        // Nothing came before its last quarter.
        assert_eq!(shown(HOUR / 2, HOUR / 4 * 3, HOUR), 6000);
    }
}
