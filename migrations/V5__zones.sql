-- Zones: where rows go whose ids have no order of time, so that they cost no more than those whose ids have.

PRAGMA user_version = 5;

-- `zone` leads the index by id. It is 0 for ids that begin with their time (src/protocol/datasift/mod.rs says which): they
-- come nearly in order and go to the end of that zone. All others that come at a time go into one zone of 8,192 ids, a few
-- pages, and not to as many pages as there are rows. All rows of one id are in one zone. 8 zones are a group; for a full
-- group `id_filter` tells in which of its zones an id can be, so that nobody has to look through all of them.
--
-- The table is made anew: the index that a UNIQUE in it made cannot be dropped. Views keep their words: they speak of the
-- table that has this name, and so do those that somebody made beside ours.
PRAGMA legacy_alter_table = ON;
ALTER TABLE interaction RENAME TO interaction_before;
PRAGMA legacy_alter_table = OFF;
DROP INDEX interaction_stream;
DROP INDEX interaction_created;

CREATE TABLE interaction (
    received INTEGER PRIMARY KEY,
    bucket   INTEGER NOT NULL,
    stream   INTEGER NOT NULL,
    zone     INTEGER NOT NULL,
    id       TEXT NOT NULL,
    created  INTEGER,
    kind     TEXT,
    origin   INTEGER NOT NULL,                  -- 0 live, 1 backfill, 2 replay
    payload  TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX interaction_id ON interaction (zone, id, stream);
CREATE INDEX interaction_stream ON interaction (bucket DESC, stream);
CREATE INDEX interaction_created ON interaction (created);

-- The indexes are there before the rows: made afterwards, each would be sorted in memory. Ids without order go into four
-- zones of a group, one for each bucket: that of the first row that an id has.
INSERT INTO interaction (received, bucket, stream, zone, id, created, kind, origin, payload)
SELECT b.received, b.bucket, b.stream,
       CASE WHEN octet_length(b.id) = 32 AND b.id GLOB '1[ef][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
            THEN 0
            ELSE 1 + 2 * (SELECT min(o.bucket) FROM interaction_before o WHERE o.id = b.id)
       END,
       b.id, b.created, b.kind, b.origin, b.payload
  FROM interaction_before b
 ORDER BY b.received;
-- Emptied first: what a DELETE of all rows overwrites is not kept for taking it back, what a DROP overwrites is, in memory.
DELETE FROM interaction_before;
DROP TABLE interaction_before;

-- One row for each full group. What is missing here is made out of the index.
CREATE TABLE id_filter (
    part   INTEGER PRIMARY KEY,                 -- zones 1 + 8 * part and the 7 behind it
    seed   INTEGER NOT NULL,
    digest BLOB NOT NULL,                       -- of all the others: a row that was torn is not believed
    cells  BLOB NOT NULL
) STRICT;

-- The key of the hashes in the filters: nobody outside can make ids that meet.
INSERT INTO meta (name, value) VALUES ('id_key', randomblob(32));

-- A question for an id looks into one zone after the other. Without this row it would read the whole table.
DELETE FROM sqlite_stat1 WHERE tbl = 'interaction';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('interaction', 'interaction_id', '5000000 8192 1 1'),
    ('interaction', 'interaction_stream', '5000000 2048 50'),
    ('interaction', 'interaction_created', '5000000 10'),
    ('id_filter', NULL, '100');
