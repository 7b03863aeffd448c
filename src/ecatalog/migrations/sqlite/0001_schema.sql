-- The whole schema of the catalog, SQLite dialect. Every instant is UTC text of fixed width, so that text order is time order.
-- Ids are UUIDv7 text; append-only tables count upwards. Secrets are never here, only their SHA-256.

-- accounts ------------------------------------------------------------------------------------------------------------
CREATE TABLE users (
  id TEXT PRIMARY KEY NOT NULL,
  email TEXT NOT NULL UNIQUE CHECK (email = lower(email) AND email LIKE '%_@_%'),
  password_hash TEXT,
  full_name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('admin', 'sales', 'viewer')),
  disabled_at TEXT CHECK (disabled_at GLOB '????-??-??T??:??:??.???Z'),
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z'),
  version INTEGER NOT NULL DEFAULT 1
) STRICT;

-- clients -------------------------------------------------------------------------------------------------------------
CREATE TABLE clients (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE CHECK (email = lower(email) AND email LIKE '%_@_%'),
  company TEXT NOT NULL,
  access_start_date TEXT NOT NULL,
  access_end_date TEXT NOT NULL,
  access_starts_at TEXT NOT NULL CHECK (access_starts_at GLOB '????-??-??T??:??:??.???Z'),
  access_ends_at TEXT NOT NULL CHECK (access_ends_at GLOB '????-??-??T??:??:??.???Z'),
  timezone TEXT NOT NULL DEFAULT 'UTC',
  owner_id TEXT REFERENCES users (id),
  locale TEXT NOT NULL DEFAULT 'en',
  notes TEXT NOT NULL DEFAULT '',
  revoked_at TEXT CHECK (revoked_at GLOB '????-??-??T??:??:??.???Z'),
  revoked_by TEXT REFERENCES users (id),
  revoke_reason TEXT,
  created_by TEXT REFERENCES users (id),
  search TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z'),
  version INTEGER NOT NULL DEFAULT 1,
  CHECK (access_starts_at < access_ends_at)
) STRICT;
CREATE INDEX clients_by_owner ON clients (owner_id, id);
CREATE INDEX clients_by_end ON clients (access_ends_at);

CREATE TABLE client_credentials (
  client_id TEXT PRIMARY KEY NOT NULL REFERENCES clients (id),
  password_hash TEXT NOT NULL,
  changed_at TEXT NOT NULL CHECK (changed_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;

CREATE TABLE sessions (
  id TEXT PRIMARY KEY NOT NULL,
  user_id TEXT REFERENCES users (id),
  client_id TEXT REFERENCES clients (id),
  token_hash TEXT NOT NULL UNIQUE,
  expires_at TEXT NOT NULL CHECK (expires_at GLOB '????-??-??T??:??:??.???Z'),
  last_seen_at TEXT NOT NULL CHECK (last_seen_at GLOB '????-??-??T??:??:??.???Z'),
  address TEXT NOT NULL DEFAULT '',
  agent TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  CHECK ((user_id IS NULL) <> (client_id IS NULL))
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_client ON sessions (client_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE api_tokens (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  scopes TEXT NOT NULL CHECK (json_valid(scopes)),
  created_by TEXT REFERENCES users (id),
  expires_at TEXT CHECK (expires_at GLOB '????-??-??T??:??:??.???Z'),
  last_used_at TEXT CHECK (last_used_at GLOB '????-??-??T??:??:??.???Z'),
  revoked_at TEXT CHECK (revoked_at GLOB '????-??-??T??:??:??.???Z'),
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;

CREATE TABLE one_time_codes (
  id TEXT PRIMARY KEY NOT NULL,
  purpose TEXT NOT NULL CHECK (purpose IN ('setup', 'invitation', 'reset', 'entry')),
  code_hash TEXT NOT NULL UNIQUE,
  user_id TEXT REFERENCES users (id),
  client_id TEXT REFERENCES clients (id),
  session_id TEXT,
  launch_id TEXT,
  expires_at TEXT NOT NULL CHECK (expires_at GLOB '????-??-??T??:??:??.???Z'),
  used_at TEXT CHECK (used_at GLOB '????-??-??T??:??:??.???Z'),
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z')
) STRICT;
CREATE INDEX one_time_codes_by_expiry ON one_time_codes (expires_at);

-- demos ---------------------------------------------------------------------------------------------------------------
CREATE TABLE docker_images (
  id TEXT PRIMARY KEY NOT NULL,
  image_name TEXT NOT NULL,
  image_tag TEXT NOT NULL DEFAULT 'latest',
  registry_url TEXT NOT NULL DEFAULT '',
  digest TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z'),
  UNIQUE (image_name, image_tag, registry_url, digest)
) STRICT;

CREATE TABLE demos (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  slug TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL DEFAULT '',
  picture TEXT,
  docker_image_id TEXT REFERENCES docker_images (id),
  demo_url TEXT NOT NULL DEFAULT '/',
  status TEXT NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'maintenance', 'removed')),
  status_reason TEXT NOT NULL DEFAULT '',
  vertical TEXT NOT NULL DEFAULT '',
  horizontal TEXT NOT NULL DEFAULT '',
  keywords TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(keywords)),
  project_code TEXT NOT NULL DEFAULT '',
  contact_name TEXT NOT NULL DEFAULT '',
  contact_email TEXT NOT NULL DEFAULT '',
  contact_phone TEXT NOT NULL DEFAULT '',
  contact_photo TEXT,
  port INTEGER NOT NULL DEFAULT 8000 CHECK (port BETWEEN 1 AND 65535),
  environment TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(environment)),
  cpu REAL NOT NULL DEFAULT 1.0 CHECK (cpu > 0),
  memory_mb INTEGER NOT NULL DEFAULT 256 CHECK (memory_mb >= 16),
  idle_seconds INTEGER NOT NULL DEFAULT 900 CHECK (idle_seconds > 0),
  lifetime_seconds INTEGER NOT NULL DEFAULT 14400 CHECK (lifetime_seconds > 0),
  warm INTEGER NOT NULL DEFAULT 0 CHECK (warm >= 0),
  created_by TEXT REFERENCES users (id),
  search TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z'),
  version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX demos_by_status ON demos (status, name, id);

CREATE TABLE client_demo_access (
  client_id TEXT NOT NULL REFERENCES clients (id),
  demo_id TEXT NOT NULL REFERENCES demos (id),
  granted_by TEXT REFERENCES users (id),
  granted_at TEXT NOT NULL CHECK (granted_at GLOB '????-??-??T??:??:??.???Z'),
  revoked_at TEXT CHECK (revoked_at GLOB '????-??-??T??:??:??.???Z'),
  PRIMARY KEY (client_id, demo_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_demo_access_by_demo ON client_demo_access (demo_id, client_id);

-- launches ------------------------------------------------------------------------------------------------------------
CREATE TABLE launches (
  id TEXT PRIMARY KEY NOT NULL,
  demo_id TEXT NOT NULL REFERENCES demos (id),
  client_id TEXT REFERENCES clients (id),
  user_id TEXT REFERENCES users (id),
  kind TEXT NOT NULL CHECK (kind IN ('open', 'warm', 'trial', 'check')),
  wanted TEXT NOT NULL CHECK (wanted IN ('running', 'stopped')),
  state TEXT NOT NULL CHECK (state IN ('queued', 'starting', 'running', 'stopping', 'stopped', 'failed')),
  phase TEXT NOT NULL DEFAULT 'queued',
  reason TEXT NOT NULL DEFAULT '',
  attempt INTEGER NOT NULL DEFAULT 0,
  label TEXT NOT NULL UNIQUE,
  upstream TEXT,
  spec_hash TEXT NOT NULL,
  phases TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(phases)),
  idle_at TEXT CHECK (idle_at GLOB '????-??-??T??:??:??.???Z'),
  ends_at TEXT NOT NULL CHECK (ends_at GLOB '????-??-??T??:??:??.???Z'),
  last_bump TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z'),
  CHECK (client_id IS NULL OR user_id IS NULL)
) STRICT;
CREATE UNIQUE INDEX launches_one_per_client ON launches (client_id, demo_id)
  WHERE client_id IS NOT NULL AND kind = 'open' AND wanted = 'running' AND state IN ('queued', 'starting', 'running');
CREATE UNIQUE INDEX launches_one_per_user ON launches (user_id, demo_id)
  WHERE user_id IS NOT NULL AND kind = 'open' AND wanted = 'running' AND state IN ('queued', 'starting', 'running');
CREATE INDEX launches_live ON launches (state, ends_at) WHERE state IN ('queued', 'starting', 'running', 'stopping');
CREATE INDEX launches_by_client ON launches (client_id, id);
CREATE INDEX launches_by_demo ON launches (demo_id, id);
CREATE INDEX launches_by_update ON launches (updated_at);

CREATE TABLE edges (
  id TEXT PRIMARY KEY NOT NULL,
  acked_position INTEGER NOT NULL DEFAULT 0,
  lease_until TEXT NOT NULL CHECK (lease_until GLOB '????-??-??T??:??:??.???Z')
) STRICT;

CREATE TABLE launchers (
  id TEXT PRIMARY KEY NOT NULL,
  engine TEXT NOT NULL,
  capacity INTEGER NOT NULL DEFAULT 0,
  lease_until TEXT NOT NULL CHECK (lease_until GLOB '????-??-??T??:??:??.???Z')
) STRICT;

-- access --------------------------------------------------------------------------------------------------------------
CREATE TABLE access_requests (
  id TEXT PRIMARY KEY NOT NULL,
  client_id TEXT NOT NULL REFERENCES clients (id),
  request_type TEXT NOT NULL CHECK (request_type IN ('renewal', 'revocation')),
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'cancelled')),
  message TEXT NOT NULL DEFAULT '',
  requested_end_date TEXT,
  resolved_by TEXT REFERENCES users (id),
  resolved_at TEXT CHECK (resolved_at GLOB '????-??-??T??:??:??.???Z'),
  resolution TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z'),
  version INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX access_requests_by_client ON access_requests (client_id, id);
CREATE INDEX access_requests_pending ON access_requests (created_at) WHERE status = 'pending';

-- usage ---------------------------------------------------------------------------------------------------------------
CREATE TABLE usage_analytics (
  id INTEGER PRIMARY KEY NOT NULL,
  client_id TEXT NOT NULL REFERENCES clients (id),
  demo_id TEXT REFERENCES demos (id),
  event_type TEXT NOT NULL CHECK (event_type IN ('login', 'logout', 'demo_opened', 'demo_ready', 'demo_failed', 'demo_closed',
    'active', 'access_granted', 'access_revoked', 'access_renewed', 'request_created')),
  timestamp TEXT NOT NULL CHECK (timestamp GLOB '????-??-??T??:??:??.???Z'),
  launch_id TEXT,
  seconds INTEGER NOT NULL DEFAULT 0 CHECK (seconds >= 0),
  details TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(details))
) STRICT;
CREATE INDEX usage_analytics_by_client ON usage_analytics (client_id, timestamp);
CREATE INDEX usage_analytics_by_demo ON usage_analytics (demo_id, timestamp);

-- A day is a UTC day, as text. The empty demo_id stands for what belongs to no demo (logins, requests).
CREATE TABLE usage_daily (
  client_id TEXT NOT NULL REFERENCES clients (id),
  demo_id TEXT NOT NULL DEFAULT '',
  day TEXT NOT NULL CHECK (day GLOB '????-??-??'),
  opens INTEGER NOT NULL DEFAULT 0,
  active_seconds INTEGER NOT NULL DEFAULT 0,
  logins INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  first_at TEXT NOT NULL CHECK (first_at GLOB '????-??-??T??:??:??.???Z'),
  last_at TEXT NOT NULL CHECK (last_at GLOB '????-??-??T??:??:??.???Z'),
  PRIMARY KEY (client_id, demo_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_daily_by_demo ON usage_daily (demo_id, day);
CREATE INDEX usage_daily_by_day ON usage_daily (day);

-- facts, outbox, settings ---------------------------------------------------------------------------------------------
CREATE TABLE audit_log (
  position INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??.???Z'),
  actor TEXT NOT NULL,
  kind TEXT NOT NULL,
  client_id TEXT,
  demo_id TEXT,
  details TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(details))
) STRICT;
CREATE INDEX audit_log_by_client ON audit_log (client_id, position);
CREATE INDEX audit_log_by_demo ON audit_log (demo_id, position);

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY NOT NULL,
  position INTEGER NOT NULL,
  channel TEXT NOT NULL,
  recipient TEXT NOT NULL,
  message_id TEXT NOT NULL UNIQUE,
  payload TEXT NOT NULL CHECK (json_valid(payload)),
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'leased', 'sent', 'dead')),
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at TEXT NOT NULL CHECK (next_at GLOB '????-??-??T??:??:??.???Z'),
  sent_at TEXT CHECK (sent_at GLOB '????-??-??T??:??:??.???Z'),
  last_error TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  UNIQUE (position, channel, recipient)
) STRICT;
CREATE INDEX outbox_due ON outbox (next_at) WHERE state IN ('pending', 'leased');

CREATE TABLE idempotency_keys (
  actor TEXT NOT NULL,
  key TEXT NOT NULL,
  operation TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  status INTEGER NOT NULL,
  answer TEXT NOT NULL,
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE settings (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL,
  updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z')
) STRICT, WITHOUT ROWID;

-- Guards against edits by hand. Code sets `version` and `updated_at` itself, so these do nothing for it. ----------------
CREATE TRIGGER audit_log_keeps_rows BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
CREATE TRIGGER audit_log_keeps_words BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
CREATE TRIGGER users_email_is_free_on_insert BEFORE INSERT ON users
WHEN EXISTS (SELECT 1 FROM clients WHERE email = NEW.email)
BEGIN SELECT RAISE(ABORT, 'this e-mail address belongs to one of the clients'); END;
CREATE TRIGGER users_email_is_free_on_update BEFORE UPDATE OF email ON users
WHEN EXISTS (SELECT 1 FROM clients WHERE email = NEW.email)
BEGIN SELECT RAISE(ABORT, 'this e-mail address belongs to one of the clients'); END;
CREATE TRIGGER clients_email_is_free_on_insert BEFORE INSERT ON clients
WHEN EXISTS (SELECT 1 FROM users WHERE email = NEW.email)
BEGIN SELECT RAISE(ABORT, 'this e-mail address belongs to one of the users'); END;
CREATE TRIGGER clients_email_is_free_on_update BEFORE UPDATE OF email ON clients
WHEN EXISTS (SELECT 1 FROM users WHERE email = NEW.email)
BEGIN SELECT RAISE(ABORT, 'this e-mail address belongs to one of the users'); END;
CREATE TRIGGER users_edited_by_hand AFTER UPDATE ON users WHEN NEW.version = OLD.version
BEGIN UPDATE users SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = NEW.id; END;
CREATE TRIGGER clients_edited_by_hand AFTER UPDATE ON clients WHEN NEW.version = OLD.version
BEGIN UPDATE clients SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = NEW.id; END;
CREATE TRIGGER demos_edited_by_hand AFTER UPDATE ON demos WHEN NEW.version = OLD.version
BEGIN UPDATE demos SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = NEW.id; END;
CREATE TRIGGER access_requests_edited_by_hand AFTER UPDATE ON access_requests WHEN NEW.version = OLD.version
BEGIN UPDATE access_requests SET version = OLD.version + 1, updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = NEW.id; END;

-- Views are for people: no decision reads them. -----------------------------------------------------------------------
CREATE VIEW v_active_clients AS
SELECT c.id, c.name, c.email, c.company, c.access_start_date, c.access_end_date, c.access_starts_at, c.access_ends_at,
  c.timezone, u.full_name AS owner,
  CASE
    WHEN c.revoked_at IS NOT NULL THEN 'revoked'
    WHEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') < c.access_starts_at THEN 'pending'
    WHEN strftime('%Y-%m-%dT%H:%M:%fZ', 'now') < c.access_ends_at THEN 'active'
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
