-- Numbers that stand on a record and belong to no version of it, as how many of its runs failed.

CREATE TABLE tn_total (
  tbl   INTEGER NOT NULL,            -- tn_catalog.no
  team  INTEGER NOT NULL,
  id    BLOB NOT NULL,               -- the record's
  name  TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (tbl, id, team, name)
) WITHOUT ROWID;
