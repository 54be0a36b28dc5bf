-- Backfill: the jobs that fill gaps, what they work on, what was spent, and what filled gaps prove.

PRAGMA user_version = 2;

-- A job asks the server's archive for one stream and one span. Its row is written before each request that must not be
-- made twice, so that a crash leaves nothing unknown.
CREATE TABLE backfill_job (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,            -- as the server knows it
    stream     INTEGER NOT NULL REFERENCES stream (id),
    asked_from INTEGER NOT NULL,                -- the span, in seconds by the server's clock: with the first,
    asked_till INTEGER NOT NULL,                -- without the last
    sources    TEXT NOT NULL,                   -- a list in JSON
    stage      TEXT NOT NULL CHECK (stage IN ('preparing', 'delivering', 'anchoring', 'starting', 'fetching', 'closing',
                   'closed')),
    query      TEXT,                            -- the server's names for what it does for us
    delivery   TEXT,
    cursor     TEXT,                            -- everything before this place is stored
    blind      INTEGER NOT NULL DEFAULT 0,      -- 1: the answer to a request without a cursor may have been lost
    begun      INTEGER NOT NULL,
    ended      INTEGER,
    outcome    TEXT CHECK (outcome IN ('complete', 'partial', 'unfillable', 'failed')),
    detail     TEXT,
    flaws      TEXT NOT NULL DEFAULT '[]',      -- why it cannot be complete; a list in JSON
    credits    INTEGER NOT NULL DEFAULT 0,      -- booked
    milliunits INTEGER NOT NULL DEFAULT 0,
    stored     INTEGER NOT NULL DEFAULT 0,      -- what became of its rows
    known      INTEGER NOT NULL DEFAULT 0,
    deleted    INTEGER NOT NULL DEFAULT 0,
    outside    INTEGER NOT NULL DEFAULT 0,
    early      INTEGER NOT NULL DEFAULT 0,
    strange    INTEGER NOT NULL DEFAULT 0,
    unreadable INTEGER NOT NULL DEFAULT 0,
    CHECK ((ended IS NULL) = (outcome IS NULL)),
    CHECK (asked_till > asked_from)
) STRICT;
CREATE INDEX backfill_job_open ON backfill_job (id) WHERE stage <> 'closed';
CREATE INDEX backfill_job_stream ON backfill_job (stream, begun);

-- What a job is to prove complete: a stretch of a gap, as it stood when the job began.
CREATE TABLE backfill_piece (
    gap     INTEGER NOT NULL REFERENCES gap (id),
    job     INTEGER NOT NULL REFERENCES backfill_job (id),
    started INTEGER NOT NULL,
    ended   INTEGER NOT NULL,
    PRIMARY KEY (gap, job, started)
) STRICT, WITHOUT ROWID;
CREATE INDEX backfill_piece_job ON backfill_piece (job);

-- What was spent, by day (UTC): its number since 1970.
CREATE TABLE backfill_spent (
    day        INTEGER PRIMARY KEY,
    credits    INTEGER NOT NULL,
    milliunits INTEGER NOT NULL
) STRICT;

-- When the server's archive may be asked again; one row at most.
CREATE TABLE backfill_gate (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    not_before INTEGER,
    paused     TEXT
) STRICT;

-- A filled gap is covered. Its row stays, and says how it came about.
DROP VIEW coverage;
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
          JOIN stream s ON s.id = c.stream
         UNION ALL
        SELECT s.name, g.started, g.ended, 'backfill', NULL
          FROM gap g
          JOIN stream s ON s.id = g.stream
         WHERE g.state = 'filled' AND g.ended > g.started) c;

CREATE VIEW backfills AS
SELECT j.id AS id,
       s.name AS stream,
       strftime('%Y-%m-%dT%H:%M:%S', j.begun / 1000000 - (j.begun % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (j.begun % 1000000 + 1000000) % 1000000) AS begun_at,
       j.begun AS begun_us,
       strftime('%Y-%m-%dT%H:%M:%S', j.ended / 1000000 - (j.ended % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (j.ended % 1000000 + 1000000) % 1000000) AS ended_at,
       j.ended AS ended_us,
       j.asked_from * 1000000 AS asked_from_us,
       j.asked_till * 1000000 AS asked_until_us,
       j.stage AS stage,
       j.outcome AS outcome,
       j.detail AS detail,
       (SELECT count(DISTINCT p.gap) FROM backfill_piece p WHERE p.job = j.id) AS gaps,
       j.stored AS stored,
       j.known AS known,
       j.deleted AS deleted,
       j.outside + j.early + j.strange AS refused,
       j.unreadable AS unreadable,
       j.credits AS credits,
       j.milliunits AS milliunits
  FROM backfill_job j
  JOIN stream s ON s.id = j.stream;

UPDATE column_meaning SET meaning = 'The connection that carried it; NULL for what a backfill proves.'
 WHERE view = 'coverage' AND column = 'connection_id';
INSERT INTO column_meaning (view, column, meaning) VALUES
    ('backfills', 'id', 'The job. Never used again.'),
    ('backfills', 'stream', 'The stream: its hash.'),
    ('backfills', 'begun_at', 'When it began.'),
    ('backfills', 'begun_us', 'The same in microseconds since 1970.'),
    ('backfills', 'ended_at', 'When it was known how it ends; NULL while it runs.'),
    ('backfills', 'ended_us', 'The same in microseconds since 1970.'),
    ('backfills', 'asked_from_us', 'From when on the server was asked, by its own clock, in microseconds since 1970,'),
    ('backfills', 'asked_until_us', 'up to this moment, without it.'),
    ('backfills', 'stage', 'How far it has come: preparing, delivering, anchoring, starting, fetching, closing or closed.'),
    ('backfills', 'outcome', 'complete, partial (something is missing), unfillable or failed; NULL while it runs.'),
    ('backfills', 'detail', 'What is missing, or why it failed.'),
    ('backfills', 'gaps', 'How many gaps it works on.'),
    ('backfills', 'stored', 'Rows that were new.'),
    ('backfills', 'known', 'Rows that were there already.'),
    ('backfills', 'deleted', 'Rows that were deleted by order, and so not stored.'),
    ('backfills', 'refused', 'Rows that were not stored: of another time or another stream.'),
    ('backfills', 'unreadable', 'Rows that could not be read and are in quarantine.'),
    ('backfills', 'credits', 'What its requests were booked with.'),
    ('backfills', 'milliunits', 'What its data was booked with, in thousandths of the server''s unit.');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('backfill_job', 'sqlite_autoindex_backfill_job_1', '10000 1'),
    ('backfill_job', 'backfill_job_open', '100 1'),
    ('backfill_job', 'backfill_job_stream', '10000 10 1'),
    ('backfill_piece', 'backfill_piece', '20000 2 1 1'),
    ('backfill_piece', 'backfill_piece_job', '20000 2'),
    ('backfill_spent', NULL, '1000'),
    ('backfill_gate', NULL, '1');
