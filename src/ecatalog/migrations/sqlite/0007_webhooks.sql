-- Who is told of facts by HTTP. The secrets are encrypted with a key that is not in here; `kinds` is "all" or a list;
-- `told_after` is the position of the fact by which it was added, or turned on again: older facts are not for it.
CREATE TABLE webhooks (
  id TEXT PRIMARY KEY NOT NULL,
  url TEXT NOT NULL,
  kinds TEXT NOT NULL CHECK (json_valid(kinds)),
  form TEXT NOT NULL CHECK (form IN ('standard', 'slack')),
  secret_encrypted TEXT NOT NULL,
  old_secret_encrypted TEXT NOT NULL DEFAULT '',
  old_secret_until TEXT CHECK (old_secret_until GLOB '????-??-??T??:??:??.???Z'),
  is_on INTEGER NOT NULL DEFAULT 1 CHECK (is_on IN (0, 1)),
  paused_reason TEXT NOT NULL DEFAULT '',
  told_after INTEGER NOT NULL,
  created_by TEXT REFERENCES users (id),
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z'),
  version INTEGER NOT NULL DEFAULT 1
) STRICT;

-- What one recipient got, and what waits for them, in order.
CREATE INDEX outbox_by_recipient ON outbox (channel, recipient, id);
CREATE INDEX outbox_waiting ON outbox (channel, recipient, id) WHERE state IN ('pending', 'leased');

-- The links of one person that nobody has followed.
CREATE INDEX one_time_codes_of_person ON one_time_codes ((coalesce(user_id, client_id)))
  WHERE used_at IS NULL AND purpose IN ('invitation', 'reset');
CREATE INDEX one_time_codes_pending ON one_time_codes (id) WHERE used_at IS NULL AND purpose = 'invitation';
