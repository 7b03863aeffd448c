-- Whether the client itself made a request. What a service asks for about a client is as little its own as what users ask.
ALTER TABLE access_requests ADD COLUMN by_client integer NOT NULL DEFAULT 0 CHECK (by_client IN (0, 1));
UPDATE access_requests SET by_client = 1, version = version + 1 WHERE created_by IS NULL;

-- What is asked about a client neither shows in what the client may ask itself, nor stands in its way.
DROP INDEX access_requests_one_pending;
CREATE UNIQUE INDEX access_requests_one_pending ON access_requests (client_id, request_type, by_client) WHERE status = 'pending';
