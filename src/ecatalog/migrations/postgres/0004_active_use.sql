-- The active seconds of a launch by minute (since 1970, UTC), one bit each: what is told twice counts once. Kept for a week.
CREATE TABLE active_minutes (
  launch_id text NOT NULL REFERENCES launches (id),
  minute bigint NOT NULL,
  seconds bigint NOT NULL,
  PRIMARY KEY (launch_id, minute)
);
CREATE INDEX active_minutes_by_minute ON active_minutes (minute);

-- Why a launch will be stopped at `idle_at`, in words; and whether pages of a demo get the script that measures use.
ALTER TABLE launches ADD COLUMN idle_reason text NOT NULL DEFAULT '';
ALTER TABLE demos ADD COLUMN is_metered integer NOT NULL DEFAULT 1 CHECK (is_metered IN (0, 1));
