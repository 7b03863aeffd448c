-- The whole schema of the catalog, PostgreSQL dialect: the twin of sqlite/0001_schema.sql, with the same names. Instants are timestamptz.
-- Ids are UUIDv7 text; append-only tables count upwards. Secrets are never here, only their SHA-256.

-- accounts ------------------------------------------------------------------------------------------------------------
CREATE TABLE users (
  id text PRIMARY KEY NOT NULL,
  email text NOT NULL UNIQUE CHECK (email = lower(email) AND email LIKE '%_@_%'),
  password_hash text,
  full_name text NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'sales', 'viewer')),
  disabled_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version integer NOT NULL DEFAULT 1
);

-- clients -------------------------------------------------------------------------------------------------------------
CREATE TABLE clients (
  id text PRIMARY KEY NOT NULL,
  name text NOT NULL,
  email text NOT NULL UNIQUE CHECK (email = lower(email) AND email LIKE '%_@_%'),
  company text NOT NULL,
  access_start_date text NOT NULL,
  access_end_date text NOT NULL,
  access_starts_at timestamptz NOT NULL,
  access_ends_at timestamptz NOT NULL,
  timezone text NOT NULL DEFAULT 'UTC',
  owner_id text REFERENCES users (id),
  locale text NOT NULL DEFAULT 'en',
  notes text NOT NULL DEFAULT '',
  revoked_at timestamptz,
  revoked_by text REFERENCES users (id),
  revoke_reason text,
  created_by text REFERENCES users (id),
  search text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version integer NOT NULL DEFAULT 1,
  CHECK (access_starts_at < access_ends_at)
);
CREATE INDEX clients_by_owner ON clients (owner_id, id);
CREATE INDEX clients_by_end ON clients (access_ends_at);

CREATE TABLE client_credentials (
  client_id text PRIMARY KEY NOT NULL REFERENCES clients (id),
  password_hash text NOT NULL,
  changed_at timestamptz NOT NULL
);

CREATE TABLE sessions (
  id text PRIMARY KEY NOT NULL,
  user_id text REFERENCES users (id),
  client_id text REFERENCES clients (id),
  token_hash text NOT NULL UNIQUE,
  expires_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  address text NOT NULL DEFAULT '',
  agent text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  CHECK ((user_id IS NULL) <> (client_id IS NULL))
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_client ON sessions (client_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE api_tokens (
  id text PRIMARY KEY NOT NULL,
  name text NOT NULL,
  token_hash text NOT NULL UNIQUE,
  scopes jsonb NOT NULL,
  created_by text REFERENCES users (id),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL
);

CREATE TABLE one_time_codes (
  id text PRIMARY KEY NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('setup', 'invitation', 'reset', 'entry')),
  code_hash text NOT NULL UNIQUE,
  user_id text REFERENCES users (id),
  client_id text REFERENCES clients (id),
  session_id text,
  launch_id text,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  created_at timestamptz NOT NULL
);
CREATE INDEX one_time_codes_by_expiry ON one_time_codes (expires_at);

-- demos ---------------------------------------------------------------------------------------------------------------
CREATE TABLE docker_images (
  id text PRIMARY KEY NOT NULL,
  image_name text NOT NULL,
  image_tag text NOT NULL DEFAULT 'latest',
  registry_url text NOT NULL DEFAULT '',
  digest text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (image_name, image_tag, registry_url, digest)
);

CREATE TABLE demos (
  id text PRIMARY KEY NOT NULL,
  name text NOT NULL,
  slug text NOT NULL UNIQUE,
  description text NOT NULL DEFAULT '',
  picture text,
  docker_image_id text REFERENCES docker_images (id),
  demo_url text NOT NULL DEFAULT '/',
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'maintenance', 'removed')),
  status_reason text NOT NULL DEFAULT '',
  vertical text NOT NULL DEFAULT '',
  horizontal text NOT NULL DEFAULT '',
  keywords jsonb NOT NULL DEFAULT '[]',
  project_code text NOT NULL DEFAULT '',
  contact_name text NOT NULL DEFAULT '',
  contact_email text NOT NULL DEFAULT '',
  contact_phone text NOT NULL DEFAULT '',
  contact_photo text,
  port integer NOT NULL DEFAULT 8000 CHECK (port BETWEEN 1 AND 65535),
  environment jsonb NOT NULL DEFAULT '{}',
  cpu double precision NOT NULL DEFAULT 1.0 CHECK (cpu > 0),
  memory_mb integer NOT NULL DEFAULT 256 CHECK (memory_mb >= 16),
  idle_seconds integer NOT NULL DEFAULT 900 CHECK (idle_seconds > 0),
  lifetime_seconds integer NOT NULL DEFAULT 14400 CHECK (lifetime_seconds > 0),
  warm integer NOT NULL DEFAULT 0 CHECK (warm >= 0),
  created_by text REFERENCES users (id),
  search text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version integer NOT NULL DEFAULT 1
);
CREATE INDEX demos_by_status ON demos (status, name, id);

CREATE TABLE client_demo_access (
  client_id text NOT NULL REFERENCES clients (id),
  demo_id text NOT NULL REFERENCES demos (id),
  granted_by text REFERENCES users (id),
  granted_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (client_id, demo_id)
);
CREATE INDEX client_demo_access_by_demo ON client_demo_access (demo_id, client_id);

-- launches ------------------------------------------------------------------------------------------------------------
CREATE TABLE launches (
  id text PRIMARY KEY NOT NULL,
  demo_id text NOT NULL REFERENCES demos (id),
  client_id text REFERENCES clients (id),
  user_id text REFERENCES users (id),
  kind text NOT NULL CHECK (kind IN ('open', 'warm', 'trial', 'check')),
  wanted text NOT NULL CHECK (wanted IN ('running', 'stopped')),
  state text NOT NULL CHECK (state IN ('queued', 'starting', 'running', 'stopping', 'stopped', 'failed')),
  phase text NOT NULL DEFAULT 'queued',
  reason text NOT NULL DEFAULT '',
  attempt integer NOT NULL DEFAULT 0,
  label text NOT NULL UNIQUE,
  upstream text,
  spec_hash text NOT NULL,
  phases jsonb NOT NULL DEFAULT '{}',
  idle_at timestamptz,
  ends_at timestamptz NOT NULL,
  last_bump text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CHECK (client_id IS NULL OR user_id IS NULL)
);
CREATE UNIQUE INDEX launches_one_per_client ON launches (client_id, demo_id)
  WHERE client_id IS NOT NULL AND kind = 'open' AND wanted = 'running' AND state IN ('queued', 'starting', 'running');
CREATE UNIQUE INDEX launches_one_per_user ON launches (user_id, demo_id)
  WHERE user_id IS NOT NULL AND kind = 'open' AND wanted = 'running' AND state IN ('queued', 'starting', 'running');
CREATE INDEX launches_live ON launches (state, ends_at) WHERE state IN ('queued', 'starting', 'running', 'stopping');
CREATE INDEX launches_by_client ON launches (client_id, id);
CREATE INDEX launches_by_demo ON launches (demo_id, id);
CREATE INDEX launches_by_update ON launches (updated_at);

CREATE TABLE edges (
  id text PRIMARY KEY NOT NULL,
  acked_position bigint NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL
);

CREATE TABLE launchers (
  id text PRIMARY KEY NOT NULL,
  engine text NOT NULL,
  capacity integer NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL
);

-- access --------------------------------------------------------------------------------------------------------------
CREATE TABLE access_requests (
  id text PRIMARY KEY NOT NULL,
  client_id text NOT NULL REFERENCES clients (id),
  request_type text NOT NULL CHECK (request_type IN ('renewal', 'revocation')),
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'cancelled')),
  message text NOT NULL DEFAULT '',
  requested_end_date text,
  resolved_by text REFERENCES users (id),
  resolved_at timestamptz,
  resolution text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version integer NOT NULL DEFAULT 1
);
CREATE INDEX access_requests_by_client ON access_requests (client_id, id);
CREATE INDEX access_requests_pending ON access_requests (created_at) WHERE status = 'pending';

-- usage ---------------------------------------------------------------------------------------------------------------
CREATE TABLE usage_analytics (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  client_id text NOT NULL REFERENCES clients (id),
  demo_id text REFERENCES demos (id),
  event_type text NOT NULL CHECK (event_type IN ('login', 'logout', 'demo_opened', 'demo_ready', 'demo_failed', 'demo_closed',
    'active', 'access_granted', 'access_revoked', 'access_renewed', 'request_created')),
  timestamp timestamptz NOT NULL,
  launch_id text,
  seconds integer NOT NULL DEFAULT 0 CHECK (seconds >= 0),
  details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX usage_analytics_by_client ON usage_analytics (client_id, timestamp);
CREATE INDEX usage_analytics_by_demo ON usage_analytics (demo_id, timestamp);

-- A day is a UTC day, as text. The empty demo_id stands for what belongs to no demo (logins, requests).
CREATE TABLE usage_daily (
  client_id text NOT NULL REFERENCES clients (id),
  demo_id text NOT NULL DEFAULT '',
  day text NOT NULL CHECK (day ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
  opens integer NOT NULL DEFAULT 0,
  active_seconds integer NOT NULL DEFAULT 0,
  logins integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  PRIMARY KEY (client_id, demo_id, day)
);
CREATE INDEX usage_daily_by_demo ON usage_daily (demo_id, day);
CREATE INDEX usage_daily_by_day ON usage_daily (day);

-- facts, outbox, settings ---------------------------------------------------------------------------------------------
CREATE TABLE audit_log (
  position bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  kind text NOT NULL,
  client_id text,
  demo_id text,
  details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_by_client ON audit_log (client_id, position);
CREATE INDEX audit_log_by_demo ON audit_log (demo_id, position);

CREATE TABLE outbox (
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  position bigint NOT NULL,
  channel text NOT NULL,
  recipient text NOT NULL,
  message_id text NOT NULL UNIQUE,
  payload jsonb NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'leased', 'sent', 'dead')),
  attempts integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL,
  sent_at timestamptz,
  last_error text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  UNIQUE (position, channel, recipient)
);
CREATE INDEX outbox_due ON outbox (next_at) WHERE state IN ('pending', 'leased');

CREATE TABLE idempotency_keys (
  actor text NOT NULL,
  key text NOT NULL,
  operation text NOT NULL,
  request_hash text NOT NULL,
  status integer NOT NULL,
  answer text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE settings (
  key text PRIMARY KEY NOT NULL,
  value text NOT NULL,
  updated_at timestamptz NOT NULL
);

-- Guards against edits by hand. Code sets `version` and `updated_at` itself, so these do nothing for it. ----------------
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'audit_log is append-only'; END $$;
CREATE TRIGGER audit_log_keeps_rows BEFORE DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_keeps_words BEFORE UPDATE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_client_email() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM clients WHERE email = NEW.email) THEN
    RAISE EXCEPTION 'this e-mail address belongs to one of the clients';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION refuse_user_email() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM users WHERE email = NEW.email) THEN
    RAISE EXCEPTION 'this e-mail address belongs to one of the users';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER users_email_is_free_on_insert BEFORE INSERT ON users
  FOR EACH ROW EXECUTE FUNCTION refuse_client_email();
CREATE TRIGGER users_email_is_free_on_update BEFORE UPDATE OF email ON users
  FOR EACH ROW EXECUTE FUNCTION refuse_client_email();
CREATE TRIGGER clients_email_is_free_on_insert BEFORE INSERT ON clients
  FOR EACH ROW EXECUTE FUNCTION refuse_user_email();
CREATE TRIGGER clients_email_is_free_on_update BEFORE UPDATE OF email ON clients
  FOR EACH ROW EXECUTE FUNCTION refuse_user_email();

CREATE FUNCTION note_edit_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  NEW.updated_at := now();
  RETURN NEW;
END $$;
CREATE TRIGGER users_edited_by_hand BEFORE UPDATE ON users
  FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION note_edit_by_hand();
CREATE TRIGGER clients_edited_by_hand BEFORE UPDATE ON clients
  FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION note_edit_by_hand();
CREATE TRIGGER demos_edited_by_hand BEFORE UPDATE ON demos
  FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION note_edit_by_hand();
CREATE TRIGGER access_requests_edited_by_hand BEFORE UPDATE ON access_requests
  FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION note_edit_by_hand();

-- Views are for people: no decision reads them. -----------------------------------------------------------------------
CREATE VIEW v_active_clients AS
SELECT c.id, c.name, c.email, c.company, c.access_start_date, c.access_end_date, c.access_starts_at, c.access_ends_at,
  c.timezone, u.full_name AS owner,
  CASE
    WHEN c.revoked_at IS NOT NULL THEN 'revoked'
    WHEN now() < c.access_starts_at THEN 'pending'
    WHEN now() < c.access_ends_at THEN 'active'
    ELSE 'expired'
  END AS access_status,
  (SELECT count(*) FROM client_demo_access a WHERE a.client_id = c.id AND a.revoked_at IS NULL) AS granted_demos
FROM clients c LEFT JOIN users u ON u.id = c.owner_id;

CREATE VIEW v_active_demos AS
SELECT d.id, d.name, d.slug, d.description, d.demo_url, d.vertical, d.horizontal, d.keywords, d.project_code,
  i.image_name, i.image_tag, i.registry_url, u.full_name AS creator, d.created_at
FROM demos d LEFT JOIN docker_images i ON i.id = d.docker_image_id LEFT JOIN users u ON u.id = d.created_by
WHERE d.status = 'active';

CREATE VIEW v_pending_requests AS
SELECT r.id, r.request_type, r.message, r.requested_end_date, r.created_at, c.id AS client_id, c.name AS client_name,
  c.email AS client_email, c.company, c.access_end_date, u.full_name AS owner
FROM access_requests r JOIN clients c ON c.id = r.client_id LEFT JOIN users u ON u.id = c.owner_id
WHERE r.status = 'pending';

CREATE VIEW v_client_usage_stats AS
SELECT c.id AS client_id, c.name, c.company,
  coalesce(sum(d.opens), 0) AS opens, coalesce(sum(d.active_seconds), 0) AS active_seconds,
  coalesce(sum(d.logins), 0) AS logins,
  count(DISTINCT CASE WHEN d.opens > 0 THEN nullif(d.demo_id, '') END) AS distinct_demos,
  min(d.first_at) AS first_use, max(d.last_at) AS last_use
FROM clients c LEFT JOIN usage_daily d ON d.client_id = c.id
GROUP BY c.id, c.name, c.company;
