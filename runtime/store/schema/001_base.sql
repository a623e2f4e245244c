-- What every database has.  Records live in data_<table>, made from the catalog; a view of the
-- table's own name shows them readably.  Times are milliseconds since 1970 in UTC.

CREATE TABLE tn_catalog (            -- the tables there are, as declared
  no          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL UNIQUE,
  declaration TEXT NOT NULL
);

CREATE TABLE tn_rebuild (            -- tables that are being changed: copied so far, record by record
  no          INTEGER PRIMARY KEY REFERENCES tn_catalog(no),
  declaration TEXT NOT NULL,
  copied      INTEGER NOT NULL       -- up to this n
);

CREATE TABLE tn_tally (              -- counts that have to be at hand: rows, events, next numbers
  name  TEXT NOT NULL,
  team  INTEGER NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (name, team)
) WITHOUT ROWID;

CREATE TABLE tn_source (             -- one entity of one integration
  no          INTEGER PRIMARY KEY,
  team        INTEGER NOT NULL,
  integration BLOB NOT NULL,
  entity      TEXT NOT NULL,
  UNIQUE (team, integration, entity)
);

CREATE TABLE tn_link (               -- external id to record, and what both sides last agreed on
  source      INTEGER NOT NULL,
  external_id TEXT NOT NULL,
  tbl         INTEGER NOT NULL,      -- tn_catalog.no
  n           INTEGER NOT NULL,      -- the record's
  version     INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  hash        BLOB NOT NULL,
  agreed      TEXT,                  -- NULL: the record's body, which has not changed since
  PRIMARY KEY (source, external_id)
) WITHOUT ROWID;

CREATE TABLE tn_history (            -- former versions: what to put between the ends of the next one
  tbl     INTEGER NOT NULL,
  n       INTEGER NOT NULL,
  version INTEGER NOT NULL,
  at      INTEGER NOT NULL,          -- when it came to be
  head    INTEGER NOT NULL,          -- bytes shared with the next version's begin
  tail    INTEGER NOT NULL,          -- and end
  middle  BLOB NOT NULL,
  PRIMARY KEY (tbl, n, version)
) WITHOUT ROWID;

CREATE TABLE tn_gone (               -- the last state of deleted records of tables with history
  tbl     INTEGER NOT NULL,
  id      BLOB NOT NULL,
  n       INTEGER NOT NULL,
  team    INTEGER NOT NULL,
  version INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  gone    INTEGER NOT NULL,
  body    TEXT NOT NULL,
  PRIMARY KEY (tbl, id, n)
) WITHOUT ROWID;

CREATE TABLE tn_event (              -- the log; a row is one event or a run of like ones
  seq    INTEGER PRIMARY KEY,        -- of the first
  count  INTEGER NOT NULL,
  team   INTEGER NOT NULL,
  number INTEGER NOT NULL,           -- of the first, within the team
  at     INTEGER NOT NULL,
  type   TEXT NOT NULL,
  tbl    TEXT NOT NULL,
  origin BLOB,
  refs   BLOB NOT NULL,              -- 24 bytes each: record id, version
  data   TEXT NOT NULL
);
CREATE INDEX tn_event_team ON tn_event (team, seq);

CREATE TABLE tn_kv (
  team    INTEGER NOT NULL,
  space   TEXT NOT NULL,
  key     BLOB NOT NULL,
  version INTEGER NOT NULL,
  expires INTEGER NOT NULL,          -- 0: never
  value   BLOB NOT NULL,
  PRIMARY KEY (team, space, key)
) WITHOUT ROWID;
CREATE INDEX tn_kv_expires ON tn_kv (expires) WHERE expires > 0;

CREATE TABLE tn_queue (
  n        INTEGER PRIMARY KEY,
  id       BLOB NOT NULL,
  team     INTEGER NOT NULL,
  queue    TEXT NOT NULL,
  key      TEXT NOT NULL,
  due      INTEGER NOT NULL,         -- while leased: the end of the lease
  attempts INTEGER NOT NULL,         -- also the number of the latest lease
  holder   BLOB,                     -- NULL: not leased
  claim    INTEGER NOT NULL,         -- the request that claimed it
  payload  BLOB NOT NULL
);
CREATE INDEX tn_queue_due ON tn_queue (queue, due);
CREATE UNIQUE INDEX tn_queue_key ON tn_queue (queue, team, key) WHERE key <> '';
CREATE INDEX tn_queue_holder ON tn_queue (holder) WHERE holder IS NOT NULL;

CREATE TABLE tn_done (               -- answers of commits that the worker may not have received
  client BLOB NOT NULL,
  number INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  result BLOB NOT NULL,
  PRIMARY KEY (client, number)
) WITHOUT ROWID;
