-- Combined jobs: one job of backfill may ask for several streams.

PRAGMA user_version = 4;

-- The streams that a job asks for, and how it ended for each. `apart`: the server refused to combine them, which was no
-- try. `backfill_job.stream` is the first of them.
CREATE TABLE backfill_stream (
    stream  INTEGER NOT NULL REFERENCES stream (id),
    job     INTEGER NOT NULL REFERENCES backfill_job (id),
    outcome TEXT CHECK (outcome IN ('complete', 'partial', 'unfillable', 'failed', 'apart')),
    PRIMARY KEY (stream, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX backfill_stream_job ON backfill_stream (job);
INSERT INTO backfill_stream (stream, job, outcome) SELECT stream, id, outcome FROM backfill_job;
DROP INDEX backfill_job_stream;

-- When it showed that a stream cannot be asked for together with others: for a day it is asked for alone.
ALTER TABLE stream ADD COLUMN apart INTEGER;

DROP VIEW backfills;
CREATE VIEW backfills AS
SELECT j.id AS id,
       CASE WHEN j.streams = 1 THEN s.name END AS stream,
       j.streams AS streams,
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
  FROM (SELECT b.*, (SELECT count(*) FROM backfill_stream o WHERE o.job = b.id) AS streams FROM backfill_job b) j
  JOIN stream s ON s.id = j.stream;

UPDATE column_meaning SET meaning = 'The stream: its hash; NULL if the job asks for several.'
 WHERE view = 'backfills' AND column = 'stream';
UPDATE column_meaning SET meaning = 'Rows that were not stored: of another time, or of another stream or none that can be told.'
 WHERE view = 'backfills' AND column = 'refused';
INSERT INTO column_meaning (view, column, meaning) VALUES
    ('backfills', 'streams', 'How many streams the job asks for.');

DELETE FROM sqlite_stat1 WHERE idx = 'backfill_job_stream';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('backfill_stream', 'backfill_stream', '100000 20 1'),
    ('backfill_stream', 'backfill_stream_job', '100000 10');
