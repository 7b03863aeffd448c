-- What a copy is started from, by its hash: a launch keeps what it was opened with when its demo is edited.
CREATE TABLE launch_specs (
  hash TEXT PRIMARY KEY NOT NULL,
  spec TEXT NOT NULL CHECK (json_valid(spec)),
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;
-- What runs was started from what nobody wrote down: it ends with the upgrade, and is opened again.
UPDATE launches SET wanted = 'stopped', state = 'stopped', phase = 'stopped',
  reason = 'The catalog was upgraded. Open the demo again.'
  WHERE state IN ('queued', 'starting', 'running', 'stopping') AND NOT (attempt = 0 AND upstream IS NOT NULL);

-- A demo may be several containers, may write where it asks to, is told whose it is, and has bounds of its own.
ALTER TABLE demos ADD COLUMN compose TEXT NOT NULL DEFAULT '';
ALTER TABLE demos ADD COLUMN public_service TEXT NOT NULL DEFAULT '';
ALTER TABLE demos ADD COLUMN containers TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(containers));
ALTER TABLE demos ADD COLUMN tmpfs TEXT NOT NULL DEFAULT '{"/tmp":64}' CHECK (json_valid(tmpfs));
ALTER TABLE demos ADD COLUMN run_as TEXT NOT NULL DEFAULT '65534:65534';
ALTER TABLE demos ADD COLUMN claim_path TEXT NOT NULL DEFAULT '';
ALTER TABLE demos ADD COLUMN max_copies INTEGER NOT NULL DEFAULT 0 CHECK (max_copies >= 0);
ALTER TABLE demos ADD COLUMN longest_seconds INTEGER NOT NULL DEFAULT 0 CHECK (longest_seconds >= 0);
ALTER TABLE demos ADD COLUMN published_at TEXT CHECK (published_at GLOB '????-??-??T??:??:??.???Z');

-- When a launch got its place, and was given to its person; what it takes of the engine, and how many were starting
-- with it; what it left when it failed.
ALTER TABLE launches ADD COLUMN admitted_at TEXT CHECK (admitted_at GLOB '????-??-??T??:??:??.???Z');
ALTER TABLE launches ADD COLUMN opened_at TEXT CHECK (opened_at GLOB '????-??-??T??:??:??.???Z');
ALTER TABLE launches ADD COLUMN memory_mb INTEGER NOT NULL DEFAULT 0;
ALTER TABLE launches ADD COLUMN starting_at_once INTEGER NOT NULL DEFAULT 1;
ALTER TABLE launches ADD COLUMN progress INTEGER NOT NULL DEFAULT 0;
ALTER TABLE launches ADD COLUMN log_tail TEXT NOT NULL DEFAULT '';
ALTER TABLE launches ADD COLUMN reserved_for TEXT REFERENCES clients (id);
ALTER TABLE launches ADD COLUMN lifetime_seconds INTEGER NOT NULL DEFAULT 0;
UPDATE launches SET opened_at = created_at,
  lifetime_seconds = (SELECT lifetime_seconds FROM demos WHERE demos.id = launches.demo_id);
CREATE INDEX launches_waiting ON launches (wanted, created_at) WHERE state = 'queued' AND admitted_at IS NULL;
CREATE INDEX launches_admitted ON launches (demo_id)
  WHERE admitted_at IS NOT NULL AND state IN ('queued', 'starting', 'running', 'stopping');
CREATE INDEX launches_warm ON launches (demo_id, state)
  WHERE kind = 'warm' AND wanted = 'running' AND state IN ('queued', 'starting', 'running');

-- What a launcher's engine has for copies.
ALTER TABLE launchers ADD COLUMN memory_mb INTEGER NOT NULL DEFAULT 0;
ALTER TABLE launchers ADD COLUMN starts INTEGER NOT NULL DEFAULT 0;

-- A change of a demo that is being tried: it is made once a copy with it answers.
CREATE TABLE trials (
  launch_id TEXT PRIMARY KEY NOT NULL REFERENCES launches (id),
  demo_id TEXT NOT NULL REFERENCES demos (id),
  changes TEXT NOT NULL CHECK (json_valid(changes)),
  user_id TEXT REFERENCES users (id),
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;
CREATE INDEX trials_by_demo ON trials (demo_id);

-- What the last check of a demo found: whether a copy of it answers.
CREATE TABLE demo_checks (
  demo_id TEXT PRIMARY KEY NOT NULL REFERENCES demos (id),
  launch_id TEXT NOT NULL REFERENCES launches (id),
  is_fine INTEGER NOT NULL CHECK (is_fine IN (0, 1)),
  result TEXT NOT NULL,
  checked_at TEXT NOT NULL CHECK (checked_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;

-- When copies are kept warm: every week on some days between two times of a zone, or once between two instants.
CREATE TABLE warm_plans (
  id TEXT PRIMARY KEY NOT NULL,
  demo_id TEXT NOT NULL REFERENCES demos (id),
  client_id TEXT REFERENCES clients (id),
  copies INTEGER NOT NULL DEFAULT 1 CHECK (copies BETWEEN 1 AND 20),
  weekdays TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(weekdays)),
  from_time TEXT NOT NULL DEFAULT '',
  until_time TEXT NOT NULL DEFAULT '',
  timezone TEXT NOT NULL DEFAULT 'UTC',
  starts_at TEXT CHECK (starts_at GLOB '????-??-??T??:??:??.???Z'),
  ends_at TEXT CHECK (ends_at GLOB '????-??-??T??:??:??.???Z'),
  created_by TEXT REFERENCES users (id),
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;
CREATE INDEX warm_plans_by_demo ON warm_plans (demo_id);

-- Registries that ask who pulls. The password is encrypted with a key that is not in here.
CREATE TABLE registries (
  registry_url TEXT PRIMARY KEY NOT NULL,
  username TEXT NOT NULL,
  password_encrypted TEXT NOT NULL,
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;
