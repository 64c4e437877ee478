-- Environment values of apps, encrypted, in versions of which none is ever changed; and what they are encrypted with.
-- Forward only; never edited once released.

-- Which master key the data keys are wrapped with: a start with another one is refused before it does harm.
CREATE TABLE master_key (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  key_id  text NOT NULL
);

-- The key that an app's values are encrypted with, itself encrypted with the master key.
CREATE TABLE data_keys (
  app_id        text PRIMARY KEY REFERENCES apps,
  master_key_id text NOT NULL,
  wrapped       bytea NOT NULL
);

-- The newest environment version; 0 is the empty environment of an app that never had a value.
ALTER TABLE apps ADD COLUMN environment_version integer NOT NULL DEFAULT 0;

CREATE TABLE environment_versions (
  app_id        text NOT NULL REFERENCES apps,
  version       integer NOT NULL,
  -- The older version that this one brought back.
  restored_from integer,
  -- Id of the token that made the change.
  created_by    text,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (app_id, version)
);

-- A value holds from one version on, up to but without another; null: it still holds.
CREATE TABLE environment_values (
  app_id        text NOT NULL,
  name          text NOT NULL,
  -- 'all', 'production', 'preview' or 'branch:<name>'
  scope         text NOT NULL,
  since_version integer NOT NULL,
  until_version integer,
  kind          text NOT NULL CHECK (kind IN ('plain', 'secret')),
  -- Whether builds get it too.
  is_build      boolean NOT NULL,
  -- AES-256-GCM under the app's data key, plain values too: nonce, tag, ciphertext.
  sealed        bytea NOT NULL,
  PRIMARY KEY (app_id, name, scope, since_version),
  FOREIGN KEY (app_id, since_version) REFERENCES environment_versions (app_id, version)
);

CREATE INDEX environment_values_current ON environment_values (app_id)
  WHERE until_version IS NULL;

ALTER TABLE deployments DROP CONSTRAINT deployments_trigger_check;
ALTER TABLE deployments ADD CONSTRAINT deployments_trigger_check
  CHECK (trigger IN ('push', 'rollback', 'reconcile', 'environment'));
