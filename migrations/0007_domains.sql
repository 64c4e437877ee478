-- Host names of somebody's own at which apps answer. Forward only; never edited once released.

CREATE TABLE domains (
  app_id        text NOT NULL REFERENCES apps,
  -- In A-labels and lower case, `*.example.com` for all names one level below.
  name          text NOT NULL,
  -- One that was verified is kept when it is removed: for a while nobody else may have the name, and an alias is no
  -- proof for it any more.
  state         text NOT NULL CHECK (state IN ('pending', 'verified', 'removed')),
  -- Full ref of the branch or tag that it serves; null for production.
  target_ref    text,
  -- Another domain of the app, which answers in its place.
  redirect_to   text,
  -- What verified it.
  proof         text CHECK (proof IN ('txt', 'cname')),
  -- DomainReport of src/model/domain.ts: what the last look into DNS saw.
  report        jsonb,
  checked_at    timestamptz,
  -- Null when it is looked at only on request.
  next_check_at timestamptz,
  -- Looks in a row that did not find what they were for.
  failed_checks integer NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL,
  created_by    text,
  verified_at   timestamptz,
  -- Kept when the app adds it again, until it is verified.
  removed_at    timestamptz,
  PRIMARY KEY (app_id, name),
  CHECK (state <> 'removed' OR removed_at IS NOT NULL),
  CHECK (state <> 'verified' OR removed_at IS NULL),
  CHECK (state = 'pending' OR verified_at IS NOT NULL)
);

-- Several apps may wait for the same name; one has it.
CREATE UNIQUE INDEX domains_verified ON domains (name) WHERE state = 'verified';
CREATE INDEX domains_named ON domains (name);
CREATE INDEX domains_due ON domains (next_check_at) WHERE state <> 'removed';
