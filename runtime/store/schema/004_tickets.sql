-- Entries of one order are worked off one after the other: one that is not the first of its queue,
-- team and order is due at 9223372036854775807 until all before it are gone.
ALTER TABLE tn_queue ADD COLUMN ord TEXT NOT NULL DEFAULT '';
CREATE INDEX tn_queue_ord ON tn_queue (queue, team, ord, n) WHERE ord <> '';

-- How many runs of rules in a row led to the events.  Until now a rule's events had an origin that
-- is no integration: a UUID of version 8 whose last byte was that number.
ALTER TABLE tn_event ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
UPDATE tn_event SET origin = NULL, depth = 1 WHERE hex(substr(origin, 7, 1)) GLOB '8*';

-- Rules have 16 positions in the log now instead of one; each begins where that one was.  The queue
-- "rules" holds runs that are tried again; until now its only entry said who ran the rules.
WITH RECURSIVE part (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM part WHERE i < 15)
INSERT INTO tn_kv (team, space, key, version, expires, value)
SELECT team, 'consumer', CAST('rules/' || i AS BLOB), 1, 0, value
FROM tn_kv, part WHERE team = 0 AND space = 'rules' AND key = CAST('cursor' AS BLOB);
DELETE FROM tn_kv WHERE team = 0 AND space = 'rules' AND key = CAST('cursor' AS BLOB);
DELETE FROM tn_queue WHERE queue = 'rules';
