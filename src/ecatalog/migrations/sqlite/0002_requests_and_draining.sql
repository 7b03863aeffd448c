-- Who made a request when it was not the client, and whether the copies of a removed demo may go on to their end.
ALTER TABLE access_requests ADD COLUMN created_by TEXT REFERENCES users (id);
ALTER TABLE demos ADD COLUMN drains INTEGER NOT NULL DEFAULT 0 CHECK (drains IN (0, 1));

-- One open question of a kind per client; two that ask at once cannot both get through.
CREATE UNIQUE INDEX access_requests_one_pending ON access_requests (client_id, request_type) WHERE status = 'pending';
CREATE INDEX users_by_name ON users (full_name, id);
CREATE INDEX audit_log_by_kind ON audit_log (kind, position);
