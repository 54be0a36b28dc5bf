-- Retention: how long rows are kept, and from when on they are all there.

PRAGMA user_version = 3;

-- A stream's own limits, and the moment before which its rows are gone. What holds for all streams is in `meta`: `pruned`
-- for all of them (by size), `pruned_by_age` for those without a limit of age of their own. The three move in the same
-- transactions as the rows go.
ALTER TABLE stream ADD COLUMN max_age INTEGER;          -- in microseconds; NULL: as the settings say for all
ALTER TABLE stream ADD COLUMN max_size INTEGER;         -- of its payloads, in bytes
ALTER TABLE stream ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
INSERT INTO meta (name, value) VALUES ('pruned', 0), ('pruned_by_age', 0);

-- What the payloads of full buckets weigh. Of those from before this version it is not known: each row counts as much as
-- a row of this file does in the mean.
ALTER TABLE tally ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE tally
   SET bytes = CAST(interactions * (SELECT 1.0 * p.page_count * s.page_size FROM pragma_page_count p, pragma_page_size s)
                    / (SELECT sum(interactions) FROM tally) AS INTEGER);

-- Nothing is claimed for a time whose rows are gone: an arrival is never before the production.
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
  FROM (SELECT p.name AS stream,
               max(p.began, p.pruned) AS from_us,
               p.until AS until_us,
               p.how AS how,
               p.connection AS connection_id
          FROM (SELECT s.name AS name,
                       c.began AS began,
                       coalesce(c.ended, max(c.began, n.proven)) AS until,
                       'live' AS how,
                       c.connection AS connection,
                       max(s.pruned, (SELECT value FROM meta WHERE name = 'pruned'),
                           CASE WHEN s.max_age IS NULL THEN (SELECT value FROM meta WHERE name = 'pruned_by_age') ELSE 0 END)
                           AS pruned
                  FROM cover c
                  JOIN connection n ON n.id = c.connection
                  JOIN stream s ON s.id = c.stream
                 UNION ALL
                SELECT s.name, g.started, g.ended, 'backfill', NULL,
                       max(s.pruned, (SELECT value FROM meta WHERE name = 'pruned'),
                           CASE WHEN s.max_age IS NULL THEN (SELECT value FROM meta WHERE name = 'pruned_by_age') ELSE 0 END)
                  FROM gap g
                  JOIN stream s ON s.id = g.stream
                 WHERE g.state = 'filled' AND g.ended > g.started) p
         WHERE p.began >= p.pruned OR p.until > p.pruned) c;

DROP VIEW streams;
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
       s.open_gaps AS open_gaps,
       strftime('%Y-%m-%dT%H:%M:%S', s.pruned_before_us / 1000000 - (s.pruned_before_us % 1000000 < 0), 'unixepoch')
           || printf('.%06dZ', (s.pruned_before_us % 1000000 + 1000000) % 1000000) AS pruned_before_at,
       s.pruned_before_us AS pruned_before_us
  FROM (SELECT s.name AS stream,
               s.label AS label,
               s.state AS state,
               s.reason AS reason,
               s.wanted AS wanted_us,
               CASE WHEN c.stream IS NULL THEN s.covered ELSE max(c.began, n.proven) END AS covered_until_us,
               coalesce(t.interactions, 0) + coalesce(r.interactions, 0) AS interactions,
               coalesce(max(t.last, r.last), r.last, t.last) AS last_interaction_us,
               g.id IS NOT NULL AS open_gaps,
               nullif(max(s.pruned, (SELECT value FROM meta WHERE name = 'pruned'),
                          CASE WHEN s.max_age IS NULL THEN (SELECT value FROM meta WHERE name = 'pruned_by_age') ELSE 0 END),
                      0) AS pruned_before_us
          FROM stream s
          LEFT JOIN cover c ON c.stream = s.id AND c.ended IS NULL
          LEFT JOIN connection n ON n.id = c.connection
          LEFT JOIN tally t ON t.stream = s.id
          LEFT JOIN (SELECT stream, count(*) AS interactions, max(received) AS last
                       FROM interaction
                      WHERE bucket = (SELECT value FROM meta WHERE name = 'bucket')
                      GROUP BY stream) r ON r.stream = s.id
          LEFT JOIN gap g ON g.stream = s.id AND g.ended IS NULL) s;

UPDATE column_meaning SET meaning = 'Everything that the server produced for the stream from this moment on is stored, in microseconds since 1970. Never before the stream''s pruned_before_us.'
 WHERE view = 'coverage' AND column = 'from_us';
UPDATE column_meaning SET meaning = 'It is so up to this moment, in microseconds since 1970. A running coverage grows with its connection.'
 WHERE view = 'coverage' AND column = 'until_us';
INSERT INTO column_meaning (view, column, meaning) VALUES
    ('streams', 'pruned_before_at', 'Nothing that arrived before is kept, by the limits of retention; NULL if there never was one. That no row is there from before proves nothing, and no coverage claims it.'),
    ('streams', 'pruned_before_us', 'The same in microseconds since 1970.');
