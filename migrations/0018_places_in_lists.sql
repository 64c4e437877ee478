-- Lists that are read a page at a time, from a place on: by an index, however long they have become.
-- Forward only; never edited once released.

-- As clients name the place.
ALTER TABLE tokens ALTER COLUMN created_at TYPE timestamptz(3);
CREATE INDEX tokens_oldest ON tokens (created_at, id);
CREATE INDEX deployments_of_ref ON deployments (app_id, ref, version DESC) WHERE version IS NOT NULL;
-- What a release can go back to.
CREATE INDEX deployments_released ON deployments (app_id, live_at DESC, version DESC)
  WHERE kind = 'production' AND live_at IS NOT NULL;
CREATE INDEX idempotency_keys_of_token ON idempotency_keys (token_id, created_at DESC);
CREATE INDEX audit_entries_at ON audit_entries (at_ms);
