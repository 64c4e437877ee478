-- Who may see what an app serves. Forward only; never edited once released.

ALTER TABLE apps
  ADD COLUMN production_access text NOT NULL DEFAULT 'public'
    CHECK (production_access IN ('public', 'private')),
  -- Of branches, tags and commits; null for what the operator's default says.
  ADD COLUMN preview_access text CHECK (preview_access IN ('public', 'private'));

-- What opens a private host for whoever has its secret.
CREATE TABLE share_links (
  id         text PRIMARY KEY,
  app_id     text NOT NULL REFERENCES apps ON DELETE CASCADE,
  -- 'production', the full ref of a branch or tag, or a full commit SHA.
  kind       text NOT NULL CHECK (kind IN ('production', 'ref', 'commit')),
  target     text NOT NULL,
  -- sha256 of the secret: 200 random bits need no slow hash.
  hash       bytea NOT NULL UNIQUE,
  -- Id of the token that made it.
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX share_links_newest ON share_links (app_id, created_at DESC, id);
