-- The first schema: apps, their tokens, what was built, what is deployed and which host serves it.
-- Forward only; never edited once released.

CREATE TABLE apps (
  id             text PRIMARY KEY,
  name           text NOT NULL UNIQUE,
  -- refs/heads/main, or refs/heads/master when that was pushed first; null before the first push.
  production_ref text,
  -- Versions are numbered per app; a failed deployment leaves a gap.
  next_version   integer NOT NULL DEFAULT 1,
  created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tokens (
  id           text PRIMARY KEY,
  name         text NOT NULL,
  role         text NOT NULL CHECK (role IN ('read', 'deploy', 'admin')),
  -- sha256 of the token: 200 random bits need no slow hash.
  hash         bytea NOT NULL UNIQUE,
  -- The token's first characters, so that people can tell which one it is.
  prefix       text NOT NULL,
  -- Ids of the apps that it is confined to; null for all.
  app_ids      text[],
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz
);

-- A bundle belongs to the app that built it, also where two apps would build the same bytes.
CREATE TABLE bundles (
  app_id     text NOT NULL REFERENCES apps,
  hash       text NOT NULL,
  functions  jsonb NOT NULL,
  bytes      bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (app_id, hash)
);

-- What a build key came out as, so that nothing is built twice.
CREATE TABLE builds (
  app_id     text NOT NULL REFERENCES apps,
  key        text NOT NULL,
  bundle     text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (app_id, key)
);

CREATE TABLE deployments (
  id             text PRIMARY KEY,
  app_id         text NOT NULL REFERENCES apps,
  -- Null for the sleeping deployments that commit hosts serve.
  version        integer,
  kind           text NOT NULL CHECK (kind IN ('production', 'branch', 'tag', 'commit')),
  ref            text NOT NULL,
  -- The host-name part that its ref had claimed; null in production and for commit hosts.
  slug           text,
  commit_sha     text NOT NULL,
  subject        text NOT NULL,
  author         text NOT NULL,
  bundle         text,
  state          text NOT NULL CHECK (
    state IN ('queued', 'building', 'warming', 'live', 'draining', 'retired', 'failed')),
  -- Why it failed.
  reason         text,
  trigger        text NOT NULL CHECK (trigger IN ('push', 'rollback', 'reconcile')),
  -- The version whose bundle a rollback deployed again.
  source_version integer,
  push_id        text,
  created_by     text,
  env_version    integer NOT NULL DEFAULT 0,
  build_ms       integer,
  created_at     timestamptz NOT NULL DEFAULT now(),
  live_at        timestamptz,
  ended_at       timestamptz,
  UNIQUE (app_id, version),
  FOREIGN KEY (app_id, bundle) REFERENCES bundles (app_id, hash)
);

CREATE INDEX deployments_newest ON deployments (app_id, created_at DESC, id);
CREATE INDEX deployments_unsettled ON deployments (state)
  WHERE state IN ('queued', 'building', 'warming', 'draining');

-- The host-name part of each branch and tag; the first owner keeps it as long as its ref lives.
CREATE TABLE ref_slugs (
  app_id text NOT NULL REFERENCES apps,
  ref    text NOT NULL,
  slug   text NOT NULL,
  PRIMARY KEY (app_id, ref),
  UNIQUE (app_id, slug)
);

-- Which deployment each host serves. target: 'production', a slug, or a full commit SHA.
CREATE TABLE routes (
  app_id        text NOT NULL REFERENCES apps,
  kind          text NOT NULL CHECK (kind IN ('production', 'ref', 'commit')),
  target        text NOT NULL,
  deployment_id text NOT NULL REFERENCES deployments,
  PRIMARY KEY (app_id, kind, target)
);

-- The last push of each ref that was released: what the reconciler compares with the repository.
CREATE TABLE recorded_refs (
  app_id      text NOT NULL REFERENCES apps,
  ref         text NOT NULL,
  sha         text NOT NULL,
  push_id     text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (app_id, ref)
);

-- Numbers the route snapshots; each is larger than every one that a data process has seen.
CREATE SEQUENCE snapshot_generation;
