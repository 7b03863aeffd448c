-- The use of all clients together, by day and demo: what charts of everything read. A day is a UTC day; the empty demo_id
-- stands for what belongs to no demo. Kept in the transaction that keeps `usage_daily`.
CREATE TABLE usage_days (
  day text NOT NULL CHECK (day ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
  demo_id text NOT NULL DEFAULT '',
  opens bigint NOT NULL DEFAULT 0,
  active_seconds bigint NOT NULL DEFAULT 0,
  logins bigint NOT NULL DEFAULT 0,
  failures bigint NOT NULL DEFAULT 0,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (day, demo_id)
);
INSERT INTO usage_days (day, demo_id, opens, active_seconds, logins, failures, first_at, last_at)
  SELECT day, demo_id, sum(opens), sum(active_seconds), sum(logins), sum(failures), min(first_at), max(last_at)
  FROM usage_daily GROUP BY day, demo_id;

-- Who used most in a span of days is answered from the index alone.
DROP INDEX usage_daily_by_day;
CREATE INDEX usage_daily_by_day ON usage_daily (day, demo_id, client_id, opens, active_seconds);
