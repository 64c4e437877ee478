-- Who changed what: a chain of entries of which each is authenticated together with the one before it
-- (src/audit/audit-chain.ts). Forward only; never edited once released.

-- What authenticates the entries; encrypted with the master key, as in 0006_certificates.sql.
CREATE TABLE audit_keys (
  id            text PRIMARY KEY,
  master_key_id text NOT NULL,
  sealed_key    bytea NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit_entries (
  -- From 1 on without gaps.
  sequence bigint PRIMARY KEY CHECK (sequence > 0),
  key_id   text NOT NULL REFERENCES audit_keys,
  -- The whole entry as canonical JSON: these very bytes are authenticated.
  content  text NOT NULL,
  -- HMAC-SHA-256 of the entry and of the mac before it.
  mac      bytea NOT NULL CHECK (length(mac) = 32),
  -- What lists are filtered by. Generated, so that they cannot say anything else than the content.
  app_id   text GENERATED ALWAYS AS (content::jsonb #>> '{app,id}') STORED,
  actor    text GENERATED ALWAYS AS (content::jsonb #>> '{actor,id}') STORED,
  action   text GENERATED ALWAYS AS (content::jsonb ->> 'action') STORED,
  at_ms    bigint GENERATED ALWAYS AS ((content::jsonb ->> 'atMs')::bigint) STORED
);

CREATE INDEX audit_entries_of_app ON audit_entries (app_id, sequence DESC) WHERE app_id IS NOT NULL;
CREATE INDEX audit_entries_of_actor ON audit_entries (actor, sequence DESC) WHERE actor IS NOT NULL;
CREATE INDEX audit_entries_of_action ON audit_entries (action, sequence DESC);

-- A second belt: whoever may change the schema can take it off, and the chain shows what they did then.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_entries_stay_all BEFORE TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
