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
  -- Failed orders since the last that succeeded.
  attempts        integer NOT NULL DEFAULT 0,
  -- Null: by the plan of renewal. Also what an authority has asked for by Retry-After.
  not_before      timestamptz,
  -- { code, message, hint, directory, at }
  last_problem    jsonb,
  -- Of the order under way: made and stored before the order is, so that no certificate is lost with its key.
  directory       text,
  order_url       text,
  master_key_id   text,
  sealed_key      bytea,
  -- When the authority wants the newest certificate renewed (RFC 9773); asked again at renewal_info_at.
  renew_at        timestamptz,
  renewal_info_at timestamptz,
  renewal_info_of text
);

-- What answers the challenges of orders under way: AcmeChallenge of src/protocol/certificates.ts.
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
