-- What a copy is started from, by its hash: a launch keeps what it was opened with when its demo is edited.
CREATE TABLE launch_specs (
  hash text PRIMARY KEY NOT NULL,
  spec jsonb NOT NULL,
  created_at timestamptz NOT NULL
);
-- What runs was started from what nobody wrote down: it ends with the upgrade, and is opened again.
UPDATE launches SET wanted = 'stopped', state = 'stopped', phase = 'stopped',
  reason = 'The catalog was upgraded. Open the demo again.'
  WHERE state IN ('queued', 'starting', 'running', 'stopping') AND NOT (attempt = 0 AND upstream IS NOT NULL);

-- A demo may be several containers, may write where it asks to, is told whose it is, and has bounds of its own.
ALTER TABLE demos ADD COLUMN compose text NOT NULL DEFAULT '';
ALTER TABLE demos ADD COLUMN public_service text NOT NULL DEFAULT '';
ALTER TABLE demos ADD COLUMN containers jsonb NOT NULL DEFAULT '[]';
ALTER TABLE demos ADD COLUMN tmpfs jsonb NOT NULL DEFAULT '{"/tmp":64}';
ALTER TABLE demos ADD COLUMN run_as text NOT NULL DEFAULT '65534:65534';
ALTER TABLE demos ADD COLUMN claim_path text NOT NULL DEFAULT '';
ALTER TABLE demos ADD COLUMN max_copies integer NOT NULL DEFAULT 0 CHECK (max_copies >= 0);
ALTER TABLE demos ADD COLUMN longest_seconds integer NOT NULL DEFAULT 0 CHECK (longest_seconds >= 0);
ALTER TABLE demos ADD COLUMN published_at timestamptz;

-- When a launch got its place, and was given to its person; what it takes of the engine, and how many were starting
-- with it; what it left when it failed.
ALTER TABLE launches ADD COLUMN admitted_at timestamptz;
ALTER TABLE launches ADD COLUMN opened_at timestamptz;
ALTER TABLE launches ADD COLUMN memory_mb integer NOT NULL DEFAULT 0;
ALTER TABLE launches ADD COLUMN starting_at_once INTEGER NOT NULL DEFAULT 1;
ALTER TABLE launches ADD COLUMN progress integer NOT NULL DEFAULT 0;
ALTER TABLE launches ADD COLUMN log_tail text NOT NULL DEFAULT '';
ALTER TABLE launches ADD COLUMN reserved_for text REFERENCES clients (id);
ALTER TABLE launches ADD COLUMN lifetime_seconds integer NOT NULL DEFAULT 0;
UPDATE launches SET opened_at = created_at,
  lifetime_seconds = (SELECT lifetime_seconds FROM demos WHERE demos.id = launches.demo_id);
CREATE INDEX launches_waiting ON launches (wanted, created_at) WHERE state = 'queued' AND admitted_at IS NULL;
CREATE INDEX launches_admitted ON launches (demo_id)
  WHERE admitted_at IS NOT NULL AND state IN ('queued', 'starting', 'running', 'stopping');
CREATE INDEX launches_warm ON launches (demo_id, state)
  WHERE kind = 'warm' AND wanted = 'running' AND state IN ('queued', 'starting', 'running');

-- What a launcher's engine has for copies.
ALTER TABLE launchers ADD COLUMN memory_mb integer NOT NULL DEFAULT 0;
ALTER TABLE launchers ADD COLUMN starts integer NOT NULL DEFAULT 0;

-- A change of a demo that is being tried: it is made once a copy with it answers.
CREATE TABLE trials (
  launch_id text PRIMARY KEY NOT NULL REFERENCES launches (id),
  demo_id text NOT NULL REFERENCES demos (id),
  changes jsonb NOT NULL,
  user_id text REFERENCES users (id),
  created_at timestamptz NOT NULL
);
CREATE INDEX trials_by_demo ON trials (demo_id);

-- What the last check of a demo found: whether a copy of it answers.
CREATE TABLE demo_checks (
  demo_id text PRIMARY KEY NOT NULL REFERENCES demos (id),
  launch_id text NOT NULL REFERENCES launches (id),
  is_fine integer NOT NULL CHECK (is_fine IN (0, 1)),
  result text NOT NULL,
  checked_at timestamptz NOT NULL
);

-- When copies are kept warm: every week on some days between two times of a zone, or once between two instants.
CREATE TABLE warm_plans (
  id text PRIMARY KEY NOT NULL,
  demo_id text NOT NULL REFERENCES demos (id),
  client_id text REFERENCES clients (id),
  copies integer NOT NULL DEFAULT 1 CHECK (copies BETWEEN 1 AND 20),
  weekdays jsonb NOT NULL DEFAULT '[]',
  from_time text NOT NULL DEFAULT '',
  until_time text NOT NULL DEFAULT '',
  timezone text NOT NULL DEFAULT 'UTC',
  starts_at timestamptz,
  ends_at timestamptz,
  created_by text REFERENCES users (id),
  created_at timestamptz NOT NULL
);
CREATE INDEX warm_plans_by_demo ON warm_plans (demo_id);

-- Registries that ask who pulls. The password is encrypted with a key that is not in here.
CREATE TABLE registries (
  registry_url text PRIMARY KEY NOT NULL,
  username text NOT NULL,
  password_encrypted text NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
