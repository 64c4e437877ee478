-- Certificates, and the schedule by which they are ordered and renewed. Keys are encrypted with the master key (AES-256-GCM;
-- nonce, tag, ciphertext), whose id stands beside each. Forward only; never edited once released.

-- One account at each certificate authority.
CREATE TABLE acme_accounts (
  directory     text PRIMARY KEY,
  master_key_id text NOT NULL,
  sealed_key    bytea NOT NULL,
  -- Null until the authority has answered: the key is stored before it is asked.
  account_url   text,
  created_at    timestamptz NOT NULL DEFAULT now()
);

-- All that may be served; of several for one name the best is.
CREATE TABLE certificates (
  id            text PRIMARY KEY,
  -- A-labels in lower case, '*.example.com', or an IP address.
  names         text[] NOT NULL CHECK (cardinality(names) > 0),
  -- Null: the platform's own.
  app_id        text REFERENCES apps,
  source        text NOT NULL CHECK (source IN ('acme', 'local', 'upload')),
  -- PEM, leaf first.
  chain         text NOT NULL,
  master_key_id text NOT NULL,
  sealed_key    bytea NOT NULL,
  not_before    timestamptz NOT NULL,
  not_after     timestamptz NOT NULL,
  -- Of the authority that issued it, where source is 'acme'.
  directory     text,
  created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX certificates_names ON certificates USING gin (names);

-- What is under way, and when it is looked at again, for each certificate that shall exist.
CREATE TABLE certificate_schedule (
  -- The first of its names.
  name            text PRIMARY KEY,
  names           text[] NOT NULL,
  app_id          text REFERENCES apps,
  -- In a row, since an order succeeded; and those of them that an authority had a part in.
  failures        integer NOT NULL DEFAULT 0,
  ca_failures     integer NOT NULL DEFAULT 0,
  -- Null: by the plan of renewal.
  not_before      timestamptz,
  -- CertificateProblem of src/certs/certificate-status.ts.
  last_problem    jsonb,
  -- What authorities asked for by Retry-After: their URL to milliseconds since 1970.
  waits           jsonb NOT NULL DEFAULT '{}',
  -- Of the order under way: the key is made and stored before the order is, so that no certificate is lost with its key.
  directory       text,
  order_url       text,
  master_key_id   text,
  sealed_key      bytea,
  -- When the authority wants the newest certificate renewed (RFC 9773), of which one it said so, when to ask again.
  renew_at        timestamptz,
  renew_at_of     text,
  renew_check_at  timestamptz
);

-- What answers the challenges of orders under way: AcmeChallenge of src/protocol/certificates.ts, or { kind: 'dns-01', name,
-- value } of a TXT record that was set.
CREATE TABLE acme_challenges (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- The row of certificate_schedule.
  name       text NOT NULL REFERENCES certificate_schedule ON DELETE CASCADE,
  challenge  jsonb NOT NULL
);

-- Orders of the last weeks, for the budget of each registered domain.
CREATE TABLE acme_issuances (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  directory         text NOT NULL,
  registered_domain text NOT NULL,
  ordered_at        timestamptz NOT NULL
);

CREATE INDEX acme_issuances_recent ON acme_issuances (registered_domain, ordered_at);

-- Grows with each index that is published to the data processes.
CREATE SEQUENCE certificate_generation;
