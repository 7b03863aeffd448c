-- Who made a request when it was not the client, and whether the copies of a removed demo may go on to their end.
ALTER TABLE access_requests ADD COLUMN created_by text REFERENCES users (id);
ALTER TABLE demos ADD COLUMN drains integer NOT NULL DEFAULT 0 CHECK (drains IN (0, 1));

-- What filters by one field look at, folded as `search` is. Rows that are there already get the nearest that SQL can do.
ALTER TABLE clients ADD COLUMN name_folded text NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN company_folded text NOT NULL DEFAULT '';
ALTER TABLE demos ADD COLUMN name_folded text NOT NULL DEFAULT '';
ALTER TABLE demos ADD COLUMN keywords_folded text NOT NULL DEFAULT '';
UPDATE clients SET name_folded = lower(name), company_folded = lower(company), version = version + 1;
UPDATE demos SET name_folded = lower(name), version = version + 1, keywords_folded = coalesce(
  (SELECT ',' || string_agg(lower(word), ',') || ',' FROM jsonb_array_elements_text(keywords) AS word), '');

-- One open question of a kind per client; two that ask at once cannot both get through.
CREATE UNIQUE INDEX access_requests_one_pending ON access_requests (client_id, request_type) WHERE status = 'pending';
CREATE INDEX users_by_name ON users (full_name, id);
CREATE INDEX audit_log_by_kind ON audit_log (kind, position);
