-- Two hours in the life of five streams, looked at on 2026-11-22 at 05:00:00 UTC. `ago(s)` is written as
-- 1795323600000000 - s * 1000000.

INSERT OR REPLACE INTO meta (name, value) VALUES ('bucket', 1);

INSERT INTO stream (id, name, label, state, reason, wanted, began, retired) VALUES
    (1, '4f3af38ad1c31646561bc814c3e69af5', 'coffee', 'active', NULL, 1795323600000000 - 7200000000, 1795323600000000 - 7200000000, NULL),
    (2, '6561bc814c3e69af54f3af38ad1c3164', 'tea', 'active', NULL, 1795323600000000 - 7200000000, 1795323600000000 - 7200000000, NULL),
    (3, '00000000000000000000000000000bad', 'typo', 'rejected', '00000000000000000000000000000bad is an invalid hash', 1795323600000000 - 7200000000, 1795323600000000 - 7200000000, NULL),
    (4, 'ad1c31646561bc814c3e69af54f3af38', NULL, 'disabled', 'The stream has been disabled', 1795323600000000 - 7200000000, 1795323600000000 - 7200000000, NULL),
    (5, 'c3e69af54f3af38ad1c31646561bc814', 'last year', 'retired', NULL, 1795323600000000 - 7200000000, 1795323600000000 - 7200000000, 1795323600000000 - 5400000000);

INSERT INTO connection (id, opened, closed, closed_because, url, covered, proven, frames, bytes, interactions) VALUES
    (1, 1795323600000000 - 7200000000, 1795323600000000 - 3660000000, 'crash', 'wss://stream.datasift.com/multi', 1795323600000000 - 3660000000, 1795323600000000 - 3662500000, 5000, 11000000, 4800),
    (2, 1795323600000000 - 3600000000, 1795323600000000 - 1202000000, 'maintenance', 'wss://stream.datasift.com/multi', 1795323600000000 - 1202000000, 1795323600000000 - 1204500000, 3000, 6600000, 2900),
    (3, 1795323600000000 - 1200000000, NULL, NULL, 'wss://stream.datasift.com/multi', 1795323600000000 - 500000, 1795323600000000 - 3000000, 1500, 3300000, 1450);

INSERT INTO cover (connection, stream, began, ended) VALUES
    (1, 1, 1795323600000000 - 7200000000, 1795323600000000 - 3662500000),
    (1, 2, 1795323600000000 - 7200000000, 1795323600000000 - 3662500000),
    (1, 5, 1795323600000000 - 7200000000, 1795323600000000 - 5400000000),
    (2, 1, 1795323600000000 - 3599000000, 1795323600000000 - 1204500000),
    (2, 2, 1795323600000000 - 3598500000, 1795323600000000 - 1204500000),
    (3, 1, 1795323600000000 - 1199500000, NULL),
    (3, 2, 1795323600000000 - 1199250000, NULL);

INSERT INTO gap (id, stream, started, ended, cause, state, deletes_unknown, detail) VALUES
    (1, 3, 1795323600000000 - 7200000000, NULL, 'rejected', 'open', 1, '00000000000000000000000000000bad is an invalid hash'),
    (2, 4, 1795323600000000 - 7200000000, NULL, 'disabled', 'open', 1, 'The stream has been disabled'),
    (3, 1, 1795323600000000 - 3662500000, 1795323600000000 - 3599000000, 'crash', 'closed', 1, NULL),
    (4, 2, 1795323600000000 - 3662500000, 1795323600000000 - 3598500000, 'crash', 'closed', 1, NULL),
    (5, 1, 1795323600000000 - 1204500000, 1795323600000000 - 1199500000, 'maintenance', 'closed', 1, NULL),
    (6, 2, 1795323600000000 - 1204500000, 1795323600000000 - 1199250000, 'maintenance', 'waived', 1, 'not worth its price');

-- Stream 1: one each 30 s. Stream 2: one each 10 min. Some were posted long before they came.
INSERT INTO interaction (received, bucket, stream, zone, id, created, kind, origin, payload)
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 230)
SELECT 1795323600000000 - n * 30000000 + 250000, 1, 1, 0, printf('1e0b%028x', 1000 - n),
       1795323600000000 - n * 30000000 - CASE WHEN n % 50 = 0 THEN 864000000000 ELSE 0 END, 'twitter', 0,
       printf('{"interaction":{"author":{"username":"anna%d"},"content":"caf\u00e9 no. %d","id":"1e0b%028x","link":"http:\/\/example.com\/%d"},"language":{"tag":"fr","confidence":1.0}}',
              n % 7, n, 1000 - n, n)
  FROM n;
INSERT INTO interaction (received, bucket, stream, zone, id, created, kind, origin, payload)
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 11)
SELECT 1795323600000000 - n * 600000000 + 500000, 1, 2, 1, printf('2e0b%028x', 1000 - n),
       1795323600000000 - n * 600000000, 'blog', 0,
       printf('{"interaction":{"author":{"name":"Ben"},"title":"Tea %d","content":"a long story","id":"2e0b%028x"},"language":{"tag":"en"}}', n, 1000 - n)
  FROM n;
-- The last but one of stream 1 also matches stream 2.
INSERT INTO interaction (received, bucket, stream, zone, id, created, kind, origin, payload)
SELECT received + 1, bucket, 2, zone, id, created, kind, origin, payload FROM interaction
 WHERE id = printf('1e0b%028x', 998) AND stream = 1;

INSERT INTO notice (at, level, notice, stream, connection, message, detail) VALUES
    (1795323600000000 - 7201000000, 'info', 'started', NULL, NULL, 'siftd 0.1.0 runs as process 4000: 5 streams into archive.db', '{}'),
    (1795323600000000 - 7199000000, 'error', 'stream-rejected', '00000000000000000000000000000bad', 1, 'stream 00000000000000000000000000000bad rejected: 00000000000000000000000000000bad is an invalid hash', '{"stream":"00000000000000000000000000000bad","text":"00000000000000000000000000000bad is an invalid hash"}'),
    (1795323600000000 - 3605000000, 'warn', 'crash-found', NULL, NULL, 'the daemon died: 2 streams have a gap since 2026-11-22T03:58:57.500000Z or later', '{"streams":2,"since_us":1795319937500000}'),
    (1795323600000000 - 1203000000, 'info', 'maintenance', NULL, 2, 'the server''s node closes, reconnecting at once: The server is undergoing maintenance', '{"text":"The server is undergoing maintenance"}'),
    (1795323600000000 - 1202000000, 'warn', 'disconnected', NULL, 2, 'connection 2 ended after 2398.0 s (maintenance): closed by us', '{"connection":2,"cause":"maintenance","detail":"closed by us","seconds":2398.0}'),
    (1795323600000000 - 1201000000, 'warn', 'gap-opened', NULL, 2, 'gap in 2 streams since 2026-11-22T04:39:55.500000Z (maintenance)', '{"streams":2,"cause":"maintenance","since_us":1795322395500000}'),
    (1795323600000000 - 600000000, 'warn', 'unknown-status', NULL, 3, 'unknown warning message: brown out', '{"status":"warning","text":"brown out"}'),
    (1795323600000000 - 540000000, 'warn', 'unknown-status', NULL, 3, 'unknown warning message: brown out again', '{"status":"warning","text":"brown out again"}'),
    (1795323600000000 - 30000000, 'info', 'summary', NULL, 3, 'live: 0.0 interactions/s, 2 of 4 streams active, 2 gaps open', '{}');

INSERT INTO state (one, state, since, version, pid, queue_frames, clock_offset, last_tick, told) VALUES
    (1, 'live', 1795323600000000 - 1199000000, '0.1.0', 4001, 3, 120000, 1795323600000000 - 20000000, 1795323600000000 - 400000);

INSERT INTO quarantined (at, connection, reason, frame) VALUES
    (1795323600000000 - 2000000000, 2, 'not JSON: expected value at line 1 column 1', x'003c68746d6c3e');
