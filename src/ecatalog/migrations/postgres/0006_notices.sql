-- What a message says and about whom, and who holds its lease: only the holder writes what became of it.
ALTER TABLE outbox ADD COLUMN kind text NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN client_id text;
ALTER TABLE outbox ADD COLUMN lease text NOT NULL DEFAULT '';
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (channel, next_at) WHERE state IN ('pending', 'leased');
CREATE INDEX outbox_by_state ON outbox (state, id);
CREATE INDEX outbox_by_client ON outbox (client_id, id);

-- What time brought was told once: this client's window began or ended at that instant, that request has waited so long.
CREATE TABLE notice_marks (
  what text NOT NULL,
  subject text NOT NULL,
  at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (what, subject, at)
);
CREATE INDEX notice_marks_by_age ON notice_marks (created_at);
CREATE INDEX clients_by_start ON clients (access_starts_at);

-- Which messages a person (`user:ID`, `client:ID`) does not want, and in which language the others come.
CREATE TABLE notice_choices (
  person text PRIMARY KEY NOT NULL,
  turned_off jsonb NOT NULL DEFAULT '[]',
  locale text NOT NULL DEFAULT '',
  updated_at timestamptz NOT NULL
);

-- The links by which an owner answers a request from a mail. The code itself is nowhere; it is made again for each try.
CREATE TABLE decision_codes (
  code_hash text PRIMARY KEY NOT NULL,
  request_id text NOT NULL REFERENCES access_requests (id),
  user_id text NOT NULL REFERENCES users (id),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  created_at timestamptz NOT NULL
);
CREATE INDEX decision_codes_by_expiry ON decision_codes (expires_at);
