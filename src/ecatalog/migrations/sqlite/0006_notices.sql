-- What a message says and about whom, and who holds its lease: only the holder writes what became of it.
ALTER TABLE outbox ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN client_id TEXT;
ALTER TABLE outbox ADD COLUMN lease TEXT NOT NULL DEFAULT '';
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (channel, next_at) WHERE state IN ('pending', 'leased');
CREATE INDEX outbox_by_state ON outbox (state, id);
CREATE INDEX outbox_by_client ON outbox (client_id, id);

-- What time brought was told once: this client's window began or ended at that instant, that request has waited so long.
CREATE TABLE notice_marks (
  what TEXT NOT NULL,
  subject TEXT NOT NULL,
  at TEXT NOT NULL CHECK (at GLOB '????-??-??T??:??:??.???Z'),
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z'),
  PRIMARY KEY (what, subject, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_marks_by_age ON notice_marks (created_at);
CREATE INDEX clients_by_start ON clients (access_starts_at);

-- Which messages a person (`user:ID`, `client:ID`) does not want, and in which language the others come.
CREATE TABLE notice_choices (
  person TEXT PRIMARY KEY NOT NULL,
  turned_off TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(turned_off)),
  locale TEXT NOT NULL DEFAULT '',
  updated_at TEXT NOT NULL CHECK (updated_at GLOB '????-??-??T??:??:??.???Z')
) STRICT, WITHOUT ROWID;

-- The links by which an owner answers a request from a mail. The code itself is nowhere; it is made again for each try.
CREATE TABLE decision_codes (
  code_hash TEXT PRIMARY KEY NOT NULL,
  request_id TEXT NOT NULL REFERENCES access_requests (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  expires_at TEXT NOT NULL CHECK (expires_at GLOB '????-??-??T??:??:??.???Z'),
  used_at TEXT CHECK (used_at GLOB '????-??-??T??:??:??.???Z'),
  created_at TEXT NOT NULL CHECK (created_at GLOB '????-??-??T??:??:??.???Z')
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_codes_by_expiry ON decision_codes (expires_at);
