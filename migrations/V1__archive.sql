-- The archive as it was born. Tables are private; the views are the interface (docs/archive.md explains each column).
-- Page size (32 KiB) and incremental vacuum are set before this file runs: they belong to an empty file only.
-- Moments are integers: microseconds since 1970, UTC.

PRAGMA application_id = 0x73696674;             -- "sift"

-- Facts about the file itself: the key of the tombstones.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stream (
    id      INTEGER PRIMARY KEY,                -- never used again: gaps and rows keep it
    name    TEXT NOT NULL UNIQUE,
    label   TEXT,
    state   TEXT NOT NULL CHECK (state IN ('wanted', 'active', 'rejected', 'disabled', 'overflow', 'retired')),
    reason  TEXT,
    wanted  INTEGER NOT NULL,                   -- since when it is in the settings, the last time
    began   INTEGER,                            -- where its present history begins: first acknowledgement or first gap
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

-- One row for each acknowledgement. The connection leads the key: 5,000 acknowledgements after a reconnect are one
-- stretch of pages, not 5,000 places. An end that is not told is the connection's own (`proven`), so that coverage
-- grows for 5,000 streams by writing one row.
CREATE TABLE cover (
    connection INTEGER NOT NULL REFERENCES connection (id),
    stream     INTEGER NOT NULL REFERENCES stream (id),
    began      INTEGER NOT NULL,
    ended      INTEGER,
    PRIMARY KEY (connection, stream, began)
) STRICT, WITHOUT ROWID;

CREATE TABLE gap (
    id              INTEGER PRIMARY KEY,
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
    CHECK (ended IS NULL OR ended >= started)
) STRICT;
CREATE UNIQUE INDEX gap_open ON gap (stream) WHERE ended IS NULL;
CREATE INDEX gap_stream ON gap (stream, started);
CREATE INDEX gap_state ON gap (state, ended);

-- The row's key is the moment of its arrival, made unique: new rows go to the end, a stretch of time is a stretch of
-- keys, and every index carries the time for nothing. `bucket` counts up every 16,384 rows and leads the index by
-- stream, so that 5,000 streams write to one small region of it at any time, however large the archive is.
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
CREATE INDEX interaction_stream ON interaction (bucket, stream);
CREATE INDEX interaction_created ON interaction (created);

-- Rows of full buckets, counted per stream; the rows of the last bucket are counted when asked.
CREATE TABLE tally (
    stream       INTEGER PRIMARY KEY REFERENCES stream (id),
    interactions INTEGER NOT NULL,
    last         INTEGER NOT NULL
) STRICT;

-- What remains of a deleted interaction: a keyed digest of its id, until it expires.
CREATE TABLE tombstone (
    digest  BLOB PRIMARY KEY,
    written INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstone_written ON tombstone (written);

CREATE TABLE quarantined (
    id         INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    connection INTEGER,
    reason     TEXT NOT NULL,
    frame      BLOB NOT NULL
) STRICT;

CREATE TABLE notice (
    id         INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    level      TEXT NOT NULL CHECK (level IN ('error', 'warn', 'info', 'debug')),
    notice     TEXT NOT NULL,
    stream     TEXT,
    connection INTEGER,
    message    TEXT NOT NULL,
    detail     TEXT NOT NULL
) STRICT;
CREATE INDEX notice_name ON notice (notice, at);

CREATE TABLE state (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    state        TEXT NOT NULL,
    since        INTEGER NOT NULL,
    version      TEXT NOT NULL,
    pid          INTEGER,
    connection   INTEGER,
    queue_frames INTEGER NOT NULL DEFAULT 0,
    clock_offset INTEGER,
    last_tick    INTEGER,
    told         INTEGER NOT NULL               -- when this row was written
) STRICT;

CREATE VIEW interactions AS
SELECT i.received AS id,
       s.name AS stream,
       i.id AS interaction_id,
       i.kind AS type,
       strftime('%Y-%m-%dT%H:%M:%S', i.created / 1000000, 'unixepoch') || printf('.%06dZ', i.created % 1000000) AS created_at,
       i.created AS created_us,
       strftime('%Y-%m-%dT%H:%M:%S', i.received / 1000000, 'unixepoch') || printf('.%06dZ', i.received % 1000000) AS received_at,
       i.received AS received_us,
       CASE i.origin WHEN 0 THEN 'live' WHEN 1 THEN 'backfill' ELSE 'replay' END AS origin,
       i.payload AS payload,
       coalesce(i.payload ->> '$.interaction.author.username', i.payload ->> '$.interaction.author.name') AS author,
       i.payload ->> '$.interaction.title' AS title,
       i.payload ->> '$.interaction.content' AS content,
       i.payload ->> '$.interaction.link' AS link,
       i.payload ->> '$.language.tag' AS language,
       i.bucket AS bucket
  FROM interaction i
  JOIN stream s ON s.id = i.stream;

CREATE VIEW coverage AS
SELECT s.name AS stream,
       c.began AS from_us,
       max(c.began, coalesce(c.ended, n.proven)) AS until_us,
       'live' AS how,
       c.connection AS connection_id,
       strftime('%Y-%m-%dT%H:%M:%S', c.began / 1000000, 'unixepoch') || printf('.%06dZ', c.began % 1000000) AS from_at,
       strftime('%Y-%m-%dT%H:%M:%S', max(c.began, coalesce(c.ended, n.proven)) / 1000000, 'unixepoch')
           || printf('.%06dZ', max(c.began, coalesce(c.ended, n.proven)) % 1000000) AS until_at
  FROM cover c
  JOIN connection n ON n.id = c.connection
  JOIN stream s ON s.id = c.stream;

CREATE VIEW gaps AS
SELECT g.id AS id,
       s.name AS stream,
       strftime('%Y-%m-%dT%H:%M:%S', g.started / 1000000, 'unixepoch') || printf('.%06dZ', g.started % 1000000) AS started_at,
       g.started AS started_us,
       strftime('%Y-%m-%dT%H:%M:%S', g.ended / 1000000, 'unixepoch') || printf('.%06dZ', g.ended % 1000000) AS ended_at,
       g.ended AS ended_us,
       (g.ended - g.started) / 1e6 AS seconds,
       g.cause AS cause,
       g.state AS state,
       g.deletes_unknown AS deletes_unknown,
       g.detail AS detail
  FROM gap g
  JOIN stream s ON s.id = g.stream;
