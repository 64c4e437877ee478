-- Repositories elsewhere whose pushes are deployed here, and what their hosts have told (src/git-hosts).
-- Forward only; never edited once released.

CREATE TABLE git_connections (
  id            text PRIMARY KEY,
  app_id        text NOT NULL REFERENCES apps ON DELETE CASCADE,
  kind          text NOT NULL CHECK (kind IN ('github', 'gitlab', 'gitea')),
  -- https, without credentials.
  url           text NOT NULL,
  -- The secret of its webhook and the access token, as JSON; encrypted as in 0006_certificates.sql.
  master_key_id text NOT NULL,
  sealed_key    bytea NOT NULL,
  created_by    text,
  created_at    timestamptz NOT NULL DEFAULT now(),
  -- When the host was last heard, and what it last answered wrongly; null when all is well.
  heard_at      timestamptz,
  problem       text,
  hint          text,
  UNIQUE (app_id, url)
);

-- A delivery is worked on once, however often it is sent, and until it has succeeded or was given up.
CREATE TABLE git_deliveries (
  connection_id text NOT NULL REFERENCES git_connections ON DELETE CASCADE,
  -- As the host names it.
  delivery      text NOT NULL,
  event         jsonb NOT NULL,
  state         text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
  attempts      integer NOT NULL DEFAULT 0,
  due_at        timestamptz NOT NULL,
  received_at   timestamptz NOT NULL,
  PRIMARY KEY (connection_id, delivery)
);

CREATE INDEX git_deliveries_due ON git_deliveries (due_at) WHERE state IN ('queued', 'running');

-- The one comment on each pull or merge request.
CREATE TABLE git_comments (
  connection_id text NOT NULL REFERENCES git_connections ON DELETE CASCADE,
  request       integer NOT NULL,
  comment       text NOT NULL,
  PRIMARY KEY (connection_id, request)
);
