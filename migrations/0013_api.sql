-- What the control API keeps for its clients: answers to requests that make something, so that a retry makes nothing
-- twice, and the public keys by which somebody is known over SSH.
-- Forward only; never edited once released.

CREATE TABLE idempotency_keys (
  token_id     text NOT NULL REFERENCES tokens ON DELETE CASCADE,
  key          text NOT NULL,
  -- sha256 of the method, the path and the body.
  request      bytea NOT NULL,
  -- Which attempt carries it out, or did.
  attempt      text NOT NULL,
  -- Renewed while it is carried out: when it is over, its process has ended, and another attempt may take its place.
  leased_until timestamptz NOT NULL,
  -- Null until it is there. Encrypted with a key that only the text of the token gives, which no table has.
  answer       bytea,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (token_id, key)
);

CREATE INDEX idempotency_keys_oldest ON idempotency_keys (created_at);

CREATE TABLE ssh_keys (
  id          text PRIMARY KEY,
  token_id    text NOT NULL REFERENCES tokens ON DELETE CASCADE,
  name        text NOT NULL,
  algorithm   text NOT NULL,
  -- As authorized_keys has it: algorithm and base64.
  public_key  text NOT NULL,
  -- As ssh-keygen prints it: SHA256:… One key is one person's.
  fingerprint text NOT NULL UNIQUE,
  created_at  timestamptz(3) NOT NULL DEFAULT now()
);

CREATE INDEX ssh_keys_of_token ON ssh_keys (token_id, created_at, id);
