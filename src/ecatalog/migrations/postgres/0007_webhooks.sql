-- Who is told of facts by HTTP. The secrets are encrypted with a key that is not in here; `kinds` is "all" or a list;
-- `told_after` is the position of the fact by which it was added, or turned on again: older facts are not for it.
CREATE TABLE webhooks (
  id text PRIMARY KEY NOT NULL,
  url text NOT NULL,
  kinds jsonb NOT NULL,
  form text NOT NULL CHECK (form IN ('standard', 'slack')),
  secret_encrypted text NOT NULL,
  old_secret_encrypted text NOT NULL DEFAULT '',
  old_secret_until timestamptz,
  is_on integer NOT NULL DEFAULT 1 CHECK (is_on IN (0, 1)),
  paused_reason text NOT NULL DEFAULT '',
  told_after bigint NOT NULL,
  created_by text REFERENCES users (id),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  version integer NOT NULL DEFAULT 1
);

-- What one recipient got, and what waits for them, in order.
CREATE INDEX outbox_by_recipient ON outbox (channel, recipient, id);
CREATE INDEX outbox_waiting ON outbox (channel, recipient, id) WHERE state IN ('pending', 'leased');

-- The links of one person that nobody has followed.
CREATE INDEX one_time_codes_of_person ON one_time_codes ((coalesce(user_id, client_id)))
  WHERE used_at IS NULL AND purpose IN ('invitation', 'reset');
CREATE INDEX one_time_codes_pending ON one_time_codes (id) WHERE used_at IS NULL AND purpose = 'invitation';
