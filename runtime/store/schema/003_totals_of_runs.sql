-- Only where there is data_run
-- What the runs that are there add up to; from now on the commit that ends a run adds to it.

WITH ended AS (
  SELECT (SELECT no FROM tn_catalog WHERE name = 'integration') AS tbl, i.team, i.id,
         lower(r.status) AS status, r.finished_at AS at
  FROM data_run AS r JOIN data_integration AS i
    ON i.team = r.team AND
       r.integration = lower(substr(hex(i.id), 1, 8) || '-' || substr(hex(i.id), 9, 4) || '-' ||
                             substr(hex(i.id), 13, 4) || '-' || substr(hex(i.id), 17, 4) || '-' ||
                             substr(hex(i.id), 21))
  WHERE r.status IN ('SUCCESS', 'PARTIAL', 'FAILURE')
)
INSERT INTO tn_total (tbl, team, id, name, value)
  SELECT tbl, team, id, status, count(*) FROM ended GROUP BY team, id, status
  UNION ALL
  SELECT tbl, team, id, status || '_at', max(at) FROM ended
  WHERE at IS NOT NULL GROUP BY team, id, status;
