-- The certificate authority of this machine (fn server --local-https). There is one at a time. Forward only; never edited once
-- released.
CREATE TABLE local_authorities (
  id            text PRIMARY KEY,
  -- Domains that its name constraints leave it.
  permitted     text[] NOT NULL,
  -- PEM.
  certificate   text NOT NULL,
  not_after     timestamptz NOT NULL,
  -- As in 0006_certificates.sql.
  master_key_id text NOT NULL,
  sealed_key    bytea NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now()
);
