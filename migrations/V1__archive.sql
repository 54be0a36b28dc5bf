-- The archive as it was born. Tables are private; the views are the interface (docs/archive.md explains each column,
-- and so does the table column_meaning).
-- Page size (32 KiB) and incremental vacuum are set before this file runs: they belong to an empty file only.
-- Moments are integers: microseconds since 1970, UTC.

PRAGMA application_id = 0x73696674;             -- "sift"
PRAGMA user_version = 1;

-- Facts about the file itself: the key of the tombstones, and the bucket that is being filled (all before it are in
-- the tallies).
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('tombstone_key', randomblob(32)), ('bucket', 0);

CREATE TABLE stream (
    id      INTEGER PRIMARY KEY,                -- never used again: gaps and rows keep it
    name    TEXT NOT NULL UNIQUE,
    label   TEXT,
    state   TEXT NOT NULL CHECK (state IN ('wanted', 'active', 'rejected', 'disabled', 'overflow', 'retired')),
    reason  TEXT,
    wanted  INTEGER NOT NULL,                   -- since when it is in the settings, the last time
    began   INTEGER,                            -- where its present history begins: first acknowledgement or first gap
    covered INTEGER,                            -- end of its newest coverage that has ended
    retired INTEGER
) STRICT;

CREATE TABLE connection (
    id             INTEGER PRIMARY KEY,
    opened         INTEGER NOT NULL,
    closed         INTEGER,
    closed_because TEXT,
    url            TEXT NOT NULL,               -- no secret
    covered        INTEGER NOT NULL,            -- arrival of the last frame such that it and all before it is committed
    proven         INTEGER NOT NULL,            -- production proven complete up to here, margin taken off
    frames         INTEGER NOT NULL DEFAULT 0,
    bytes          INTEGER NOT NULL DEFAULT 0,
    interactions   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX connection_open ON connection (id) WHERE closed IS NULL;

-- One row for each acknowledgement. The connection leads the key: 5,000 acknowledgements after a reconnect are one
-- stretch of pages, not 5,000 places. An end that is not told is the connection's own (`proven`), so that coverage
-- grows for 5,000 streams by writing one row.
CREATE TABLE cover (
    connection INTEGER NOT NULL REFERENCES connection (id),
    stream     INTEGER NOT NULL REFERENCES stream (id),
    began      INTEGER NOT NULL,
    ended      INTEGER,
    PRIMARY KEY (connection, stream, began),
    CHECK (ended > began)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX cover_running ON cover (stream) WHERE ended IS NULL;

CREATE TABLE gap (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    stream          INTEGER NOT NULL REFERENCES stream (id),
    started         INTEGER NOT NULL,
    ended           INTEGER,                    -- NULL while it grows
    cause           TEXT NOT NULL CHECK (cause IN ('network', 'server_closed', 'maintenance', 'silence', 'slow_consumer',
                        'capacity', 'billing', 'auth', 'rejected', 'disabled', 'over_limit', 'server_error',
                        'oversize_frame', 'local_storage', 'shutdown', 'crash', 'suspended', 'starting')),
    state           TEXT NOT NULL CHECK (state IN ('open', 'closed', 'filling', 'filled', 'partial', 'unfillable', 'waived')),
    deletes_unknown INTEGER NOT NULL DEFAULT 1,
    detail          TEXT,
    CHECK ((ended IS NULL) = (state = 'open')),
    CHECK (ended >= started)
) STRICT;
CREATE UNIQUE INDEX gap_open ON gap (stream) WHERE ended IS NULL;
CREATE INDEX gap_stream ON gap (stream, started);
CREATE INDEX gap_state ON gap (state, started);

-- The row's key is the moment of its arrival, made unique: new rows go to the end, a stretch of time is a stretch of
-- keys, and every index carries the time for nothing. `bucket` counts up every 16,384 rows and leads the index by
-- stream, so that 5,000 streams write to one small region of it at any time, however large the archive is. The newest
-- bucket comes first in that index: a search for the newest rows of a stream meets them first.
CREATE TABLE interaction (
    received INTEGER PRIMARY KEY,
    bucket   INTEGER NOT NULL,
    stream   INTEGER NOT NULL,
    id       TEXT NOT NULL,
    created  INTEGER,
    kind     TEXT,
    origin   INTEGER NOT NULL,                  -- 0 live, 1 backfill, 2 replay
    payload  TEXT NOT NULL,
    UNIQUE (id, stream)                         -- the id first: ids are nearly in the order of time
) STRICT;
CREATE INDEX interaction_stream ON interaction (bucket DESC, stream);
CREATE INDEX interaction_created ON interaction (created);

-- Rows of full buckets, counted per stream; the rows of the bucket that is being filled are counted when asked.
CREATE TABLE tally (
    stream       INTEGER PRIMARY KEY REFERENCES stream (id),
    interactions INTEGER NOT NULL,
    last         INTEGER NOT NULL               -- arrival of the newest of them
) STRICT;

-- The same per hour (its first moment). Beside the one before, so that neither question has to add up the other's rows.
CREATE TABLE tally_hour (
    hour         INTEGER NOT NULL,
    stream       INTEGER NOT NULL REFERENCES stream (id),
    interactions INTEGER NOT NULL,
    PRIMARY KEY (hour, stream)
) STRICT, WITHOUT ROWID;

-- What remains of a deleted interaction: a keyed digest of its id, until it expires.
CREATE TABLE tombstone (
    digest  BLOB PRIMARY KEY,
    written INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstone_written ON tombstone (written);

CREATE TABLE quarantined (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    connection INTEGER,
    reason     TEXT NOT NULL,
    frame      BLOB NOT NULL
) STRICT;

CREATE TABLE notice (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    level      TEXT NOT NULL CHECK (level IN ('error', 'warn', 'info', 'debug')),
    notice     TEXT NOT NULL,
    stream     TEXT,
    connection INTEGER,
    message    TEXT NOT NULL,
    detail     TEXT NOT NULL
) STRICT;
CREATE INDEX notice_name ON notice (notice, at);
CREATE INDEX notice_stream ON notice (stream, at) WHERE stream IS NOT NULL;

-- What the daemon is doing; one row.
CREATE TABLE state (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    state        TEXT NOT NULL CHECK (state IN ('starting', 'connecting', 'subscribing', 'live', 'draining', 'waiting',
                     'paused_billing', 'stopping', 'stopped')),
    since        INTEGER NOT NULL,
    version      TEXT NOT NULL,
    pid          INTEGER,
    queue_frames INTEGER NOT NULL DEFAULT 0,
    clock_offset INTEGER,                       -- the server's clock less ours
    last_tick    INTEGER,
    told         INTEGER NOT NULL               -- when this row was written
) STRICT;

CREATE VIEW interactions AS
SELECT i.received AS id,
       s.name AS stream,
       i.id AS interaction_id,
       i.kind AS type,
       strftime('%Y-%m-%dT%H:%M:%S', i.created / 1000000 - (i.created % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (i.created % 1000000 + 1000000) % 1000000) AS created_at,
       i.created AS created_us,
       strftime('%Y-%m-%dT%H:%M:%S', i.received / 1000000 - (i.received % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (i.received % 1000000 + 1000000) % 1000000) AS received_at,
       i.received AS received_us,
       CASE i.origin WHEN 0 THEN 'live' WHEN 1 THEN 'backfill' ELSE 'replay' END AS origin,
       i.payload AS payload,
       -- SQLite reads no JSON nested deeper than 1,000 levels: one such message must not fail the query of all others.
       CASE WHEN json_valid(i.payload) THEN
           coalesce(i.payload ->> '$.interaction.author.username', i.payload ->> '$.interaction.author.name')
       END AS author,
       CASE WHEN json_valid(i.payload) THEN i.payload ->> '$.interaction.title' END AS title,
       CASE WHEN json_valid(i.payload) THEN i.payload ->> '$.interaction.content' END AS content,
       CASE WHEN json_valid(i.payload) THEN i.payload ->> '$.interaction.link' END AS link,
       CASE WHEN json_valid(i.payload) THEN i.payload ->> '$.language.tag' END AS language
  FROM interaction i
  JOIN stream s ON s.id = i.stream;

CREATE VIEW coverage AS
SELECT c.stream AS stream,
       c.from_us AS from_us,
       c.until_us AS until_us,
       c.how AS how,
       c.connection_id AS connection_id,
       strftime('%Y-%m-%dT%H:%M:%S', c.from_us / 1000000 - (c.from_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (c.from_us % 1000000 + 1000000) % 1000000) AS from_at,
       strftime('%Y-%m-%dT%H:%M:%S', c.until_us / 1000000 - (c.until_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (c.until_us % 1000000 + 1000000) % 1000000) AS until_at
  FROM (SELECT s.name AS stream,
               c.began AS from_us,
               coalesce(c.ended, max(c.began, n.proven)) AS until_us,
               'live' AS how,
               c.connection AS connection_id
          FROM cover c
          JOIN connection n ON n.id = c.connection
          JOIN stream s ON s.id = c.stream) c;

CREATE VIEW gaps AS
SELECT g.id AS id,
       s.name AS stream,
       strftime('%Y-%m-%dT%H:%M:%S', g.started / 1000000 - (g.started % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (g.started % 1000000 + 1000000) % 1000000) AS started_at,
       g.started AS started_us,
       strftime('%Y-%m-%dT%H:%M:%S', g.ended / 1000000 - (g.ended % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (g.ended % 1000000 + 1000000) % 1000000) AS ended_at,
       g.ended AS ended_us,
       (g.ended - g.started) / 1e6 AS seconds,
       g.cause AS cause,
       g.state AS state,
       g.deletes_unknown AS deletes_unknown,
       g.detail AS detail
  FROM gap g
  JOIN stream s ON s.id = g.stream;

CREATE VIEW streams AS
SELECT s.stream AS stream,
       s.label AS label,
       s.state AS state,
       s.reason AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', s.wanted_us / 1000000 - (s.wanted_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (s.wanted_us % 1000000 + 1000000) % 1000000) AS wanted_at,
       s.wanted_us AS wanted_us,
       strftime('%Y-%m-%dT%H:%M:%S', s.covered_until_us / 1000000 - (s.covered_until_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (s.covered_until_us % 1000000 + 1000000) % 1000000) AS covered_until_at,
       s.covered_until_us AS covered_until_us,
       s.interactions AS interactions,
       strftime('%Y-%m-%dT%H:%M:%S', s.last_interaction_us / 1000000 - (s.last_interaction_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (s.last_interaction_us % 1000000 + 1000000) % 1000000) AS last_interaction_at,
       s.last_interaction_us AS last_interaction_us,
       s.open_gaps AS open_gaps
  FROM (SELECT s.name AS stream,
               s.label AS label,
               s.state AS state,
               s.reason AS reason,
               s.wanted AS wanted_us,
               CASE WHEN c.stream IS NULL THEN s.covered ELSE max(c.began, n.proven) END AS covered_until_us,
               coalesce(t.interactions, 0) + coalesce(r.interactions, 0) AS interactions,
               coalesce(max(t.last, r.last), r.last, t.last) AS last_interaction_us,
               g.id IS NOT NULL AS open_gaps
          FROM stream s
          LEFT JOIN cover c ON c.stream = s.id AND c.ended IS NULL
          LEFT JOIN connection n ON n.id = c.connection
          LEFT JOIN tally t ON t.stream = s.id
          LEFT JOIN (SELECT stream, count(*) AS interactions, max(received) AS last
                       FROM interaction
                      WHERE bucket = (SELECT value FROM meta WHERE name = 'bucket')
                      GROUP BY stream) r ON r.stream = s.id
          LEFT JOIN gap g ON g.stream = s.id AND g.ended IS NULL) s;

CREATE VIEW hours AS
WITH filling AS (
    SELECT stream, received / 3600000000 * 3600000000 AS hour, count(*) AS interactions
      FROM interaction
     WHERE bucket = (SELECT value FROM meta WHERE name = 'bucket')
     GROUP BY stream, hour)
SELECT h.stream AS stream,
       strftime('%Y-%m-%dT%H:%M:%S', h.hour_us / 1000000 - (h.hour_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (h.hour_us % 1000000 + 1000000) % 1000000) AS hour_at,
       h.hour_us AS hour_us,
       h.interactions AS interactions
  FROM (SELECT s.name AS stream, t.hour AS hour_us, t.interactions + coalesce(f.interactions, 0) AS interactions
          FROM tally_hour t
          JOIN stream s ON s.id = t.stream
          LEFT JOIN filling f ON f.stream = t.stream AND f.hour = t.hour
         UNION ALL
        SELECT s.name, f.hour, f.interactions
          FROM filling f
          JOIN stream s ON s.id = f.stream
         WHERE NOT EXISTS (SELECT 1 FROM tally_hour t WHERE t.hour = f.hour AND t.stream = f.stream)) h;

CREATE VIEW connections AS
SELECT n.id AS id,
       strftime('%Y-%m-%dT%H:%M:%S', n.opened / 1000000 - (n.opened % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (n.opened % 1000000 + 1000000) % 1000000) AS opened_at,
       n.opened AS opened_us,
       strftime('%Y-%m-%dT%H:%M:%S', n.closed / 1000000 - (n.closed % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (n.closed % 1000000 + 1000000) % 1000000) AS closed_at,
       n.closed AS closed_us,
       n.closed_because AS closed_because,
       n.url AS url,
       strftime('%Y-%m-%dT%H:%M:%S', n.covered / 1000000 - (n.covered % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (n.covered % 1000000 + 1000000) % 1000000) AS covered_until_at,
       n.covered AS covered_until_us,
       strftime('%Y-%m-%dT%H:%M:%S', n.proven / 1000000 - (n.proven % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (n.proven % 1000000 + 1000000) % 1000000) AS proven_until_at,
       n.proven AS proven_until_us,
       n.frames AS frames,
       n.bytes AS bytes,
       n.interactions AS interactions
  FROM connection n;

CREATE VIEW notices AS
SELECT n.id AS id,
       strftime('%Y-%m-%dT%H:%M:%S', n.at / 1000000 - (n.at % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (n.at % 1000000 + 1000000) % 1000000) AS at,
       n.at AS at_us,
       n.level AS level,
       n.notice AS notice,
       n.stream AS stream,
       n.connection AS connection_id,
       n.message AS message,
       n.detail AS detail
  FROM notice n;

CREATE VIEW daemon AS
SELECT d.state AS state,
       strftime('%Y-%m-%dT%H:%M:%S', d.since_us / 1000000 - (d.since_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (d.since_us % 1000000 + 1000000) % 1000000) AS since_at,
       d.since_us AS since_us,
       d.version AS version,
       d.pid AS pid,
       strftime('%Y-%m-%dT%H:%M:%S', d.watermark_us / 1000000 - (d.watermark_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (d.watermark_us % 1000000 + 1000000) % 1000000) AS watermark_at,
       d.watermark_us AS watermark_us,
       d.queue_frames AS queue_frames,
       d.clock_offset_us AS clock_offset_us,
       strftime('%Y-%m-%dT%H:%M:%S', d.last_tick_us / 1000000 - (d.last_tick_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (d.last_tick_us % 1000000 + 1000000) % 1000000) AS last_tick_at,
       d.last_tick_us AS last_tick_us,
       strftime('%Y-%m-%dT%H:%M:%S', d.told_us / 1000000 - (d.told_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (d.told_us % 1000000 + 1000000) % 1000000) AS told_at,
       d.told_us AS told_us
  FROM (SELECT d.state AS state,
               d.since AS since_us,
               d.version AS version,
               d.pid AS pid,
               (SELECT n.covered FROM connection n ORDER BY n.id DESC LIMIT 1) AS watermark_us,
               d.queue_frames AS queue_frames,
               d.clock_offset AS clock_offset_us,
               d.last_tick AS last_tick_us,
               d.told AS told_us
          FROM state d) d;

CREATE VIEW quarantine AS
SELECT q.id AS id,
       strftime('%Y-%m-%dT%H:%M:%S', q.at / 1000000 - (q.at % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (q.at % 1000000 + 1000000) % 1000000) AS at,
       q.at AS at_us,
       q.connection AS connection_id,
       q.reason AS reason,
       q.frame AS frame
  FROM quarantined q;

-- What each column of the views means.
CREATE TABLE column_meaning (
    view    TEXT NOT NULL,
    column  TEXT NOT NULL,
    meaning TEXT NOT NULL,
    PRIMARY KEY (view, column)
) STRICT, WITHOUT ROWID;
INSERT INTO column_meaning (view, column, meaning) VALUES
    ('interactions', 'id', 'The row: the moment of its arrival in microseconds, moved on by one where it was taken. Grows with time.'),
    ('interactions', 'stream', 'The stream that matched: its hash.'),
    ('interactions', 'interaction_id', 'The interaction, as the server names it; a digest of the payload where the server gave no name or one that is too long. With the stream, unique.'),
    ('interactions', 'type', 'The kind of source (twitter, blog, ...), empty if not said.'),
    ('interactions', 'created_at', 'When it was posted, by the server''s clock; NULL if not said or beyond the years 0 to 9999.'),
    ('interactions', 'created_us', 'The same in microseconds since 1970.'),
    ('interactions', 'received_at', 'When it arrived here.'),
    ('interactions', 'received_us', 'The same in microseconds since 1970.'),
    ('interactions', 'origin', 'How it came: live, backfill or replay.'),
    ('interactions', 'payload', 'The interaction as JSON, byte for byte as received.'),
    ('interactions', 'author', 'The author''s user name, else name, read out of the payload.'),
    ('interactions', 'title', 'The title, read out of the payload.'),
    ('interactions', 'content', 'The text, read out of the payload.'),
    ('interactions', 'link', 'The address, read out of the payload.'),
    ('interactions', 'language', 'The tag of the language, read out of the payload.'),
    ('coverage', 'stream', 'The stream: its hash.'),
    ('coverage', 'from_us', 'Everything that the server produced for the stream from this moment on is stored, in microseconds since 1970,'),
    ('coverage', 'until_us', 'up to this moment, in microseconds since 1970. A running coverage grows with its connection.'),
    ('coverage', 'how', 'What proves it: live, backfill or replay.'),
    ('coverage', 'connection_id', 'The connection that carried it.'),
    ('coverage', 'from_at', 'from_us as text.'),
    ('coverage', 'until_at', 'until_us as text.'),
    ('gaps', 'id', 'The gap. Never used again.'),
    ('gaps', 'stream', 'The stream: its hash.'),
    ('gaps', 'started_at', 'Where completeness is no longer proven.'),
    ('gaps', 'started_us', 'The same in microseconds since 1970.'),
    ('gaps', 'ended_at', 'Where it is proven again; NULL while the gap grows.'),
    ('gaps', 'ended_us', 'The same in microseconds since 1970.'),
    ('gaps', 'seconds', 'Its length; NULL while it grows.'),
    ('gaps', 'cause', 'Why: one of the closed list of causes.'),
    ('gaps', 'state', 'open (grows), closed (waits for backfill), filling, filled, partial, unfillable or waived.'),
    ('gaps', 'deletes_unknown', '1: deletions ordered during the gap are not known and cannot be learned any more.'),
    ('gaps', 'detail', 'What else is known: the server''s words, or what is missing.'),
    ('streams', 'stream', 'The stream: its hash.'),
    ('streams', 'label', 'Its label in the settings.'),
    ('streams', 'state', 'wanted (asked for), active (acknowledged), rejected, disabled, overflow (the connection is full) or retired (taken out of the settings).'),
    ('streams', 'reason', 'Why it is not active, in the server''s words.'),
    ('streams', 'wanted_at', 'Since when it is in the settings, the last time.'),
    ('streams', 'wanted_us', 'The same in microseconds since 1970.'),
    ('streams', 'covered_until_at', 'The end of its newest coverage; NULL if there never was any.'),
    ('streams', 'covered_until_us', 'The same in microseconds since 1970.'),
    ('streams', 'interactions', 'Its interactions in the archive.'),
    ('streams', 'last_interaction_at', 'When the newest of them arrived.'),
    ('streams', 'last_interaction_us', 'The same in microseconds since 1970.'),
    ('streams', 'open_gaps', 'Its growing gaps: 0 or 1.'),
    ('hours', 'stream', 'The stream: its hash.'),
    ('hours', 'hour_at', 'The first moment of the hour, UTC.'),
    ('hours', 'hour_us', 'The same in microseconds since 1970.'),
    ('hours', 'interactions', 'Interactions in the archive that arrived in this hour; no row where there are none.'),
    ('connections', 'id', 'The connection. Never used again.'),
    ('connections', 'opened_at', 'When it came up.'),
    ('connections', 'opened_us', 'The same in microseconds since 1970.'),
    ('connections', 'closed_at', 'When it ended; NULL while it lives, and after a crash until the daemon starts again.'),
    ('connections', 'closed_us', 'The same in microseconds since 1970.'),
    ('connections', 'closed_because', 'Why it ended.'),
    ('connections', 'url', 'Where it went; holds no secret.'),
    ('connections', 'covered_until_at', 'The arrival of the last frame such that it and everything before it is stored.'),
    ('connections', 'covered_until_us', 'The same in microseconds since 1970.'),
    ('connections', 'proven_until_at', 'Everything that the server produced before this moment has arrived and is stored.'),
    ('connections', 'proven_until_us', 'The same in microseconds since 1970.'),
    ('connections', 'frames', 'Frames received and stored.'),
    ('connections', 'bytes', 'Their bytes.'),
    ('connections', 'interactions', 'Interactions among them, those that were stored before included.'),
    ('notices', 'id', 'The notice. Never used again.'),
    ('notices', 'at', 'When it was said.'),
    ('notices', 'at_us', 'The same in microseconds since 1970.'),
    ('notices', 'level', 'error (data is being lost or a person is needed), warn (degraded, heals by itself), info or debug.'),
    ('notices', 'notice', 'Its name; siftd explain NAME says what it means and what to do.'),
    ('notices', 'stream', 'The stream that it speaks of, if of one.'),
    ('notices', 'connection_id', 'The connection at that time.'),
    ('notices', 'message', 'The sentence.'),
    ('notices', 'detail', 'Its fields, as JSON.'),
    ('daemon', 'state', 'What the daemon is doing: starting, connecting, subscribing, live, draining, waiting, paused_billing, stopping or stopped. What it last said, if it died.'),
    ('daemon', 'since_at', 'Since when.'),
    ('daemon', 'since_us', 'The same in microseconds since 1970.'),
    ('daemon', 'version', 'The version of the program.'),
    ('daemon', 'pid', 'Its process.'),
    ('daemon', 'watermark_at', 'The arrival of the last frame of the newest connection such that it and everything before it is stored.'),
    ('daemon', 'watermark_us', 'The same in microseconds since 1970.'),
    ('daemon', 'queue_frames', 'Frames that waited to be stored when this was written.'),
    ('daemon', 'clock_offset_us', 'The server''s clock less ours, in microseconds, where it is known.'),
    ('daemon', 'last_tick_at', 'The server''s clock at its last tick.'),
    ('daemon', 'last_tick_us', 'The same in microseconds since 1970.'),
    ('daemon', 'told_at', 'When this row was written: every few seconds while the daemon lives.'),
    ('daemon', 'told_us', 'The same in microseconds since 1970.'),
    ('quarantine', 'id', 'The frame. Never used again.'),
    ('quarantine', 'at', 'When it arrived.'),
    ('quarantine', 'at_us', 'The same in microseconds since 1970.'),
    ('quarantine', 'connection_id', 'The connection that brought it.'),
    ('quarantine', 'reason', 'Why it could not be read.'),
    ('quarantine', 'frame', 'The frame, byte for byte.');

-- What the planner is to believe from the first row on: a large archive. Without these rows it would read whole tables
-- where an index has (bucket, stream) or (connection, stream). ANALYZE on the empty tables makes sqlite_stat1.
ANALYZE;
DELETE FROM sqlite_stat1;
DROP TABLE IF EXISTS sqlite_stat4;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('stream', 'sqlite_autoindex_stream_1', '5000 1'),
    ('connection', 'connection_open', '1 1'),
    ('cover', 'cover', '5000000 5000 1 1'),
    ('cover', 'cover_running', '5000 1'),
    ('gap', 'gap_open', '1000 1'),
    ('gap', 'gap_stream', '500000 100 1'),
    ('gap', 'gap_state', '500000 100000 2'),
    ('interaction', 'sqlite_autoindex_interaction_1', '5000000 1 1'),
    ('interaction', 'interaction_stream', '5000000 2048 50'),
    ('interaction', 'interaction_created', '5000000 10'),
    ('notice', 'notice_name', '100000 2000 1'),
    ('notice', 'notice_stream', '10000 10 1'),
    ('tombstone', 'tombstone', '100000 1'),
    ('tombstone', 'tombstone_written', '100000 1'),
    ('tally', NULL, '5000'),
    ('tally_hour', 'tally_hour', '1000000 2000 1'),
    ('quarantined', NULL, '100'),
    ('state', NULL, '1'),
    ('meta', 'meta', '2 1');
