-- What a token may do: a role for each app or for the whole platform, or single actions of one app; and whom it is
-- for. The roles get the names by which other platforms know them.

ALTER TABLE tokens
  ADD COLUMN kind text NOT NULL DEFAULT 'personal' CHECK (kind IN ('personal', 'ci', 'service')),
  -- Id of the token that made it; null for the first one.
  ADD COLUMN created_by text;

-- A token without a grant may do nothing: so it ends with the last of its apps.
CREATE TABLE token_grants (
  token_id text NOT NULL REFERENCES tokens ON DELETE CASCADE,
  -- Null for all apps and the platform itself.
  app_id   text REFERENCES apps ON DELETE CASCADE,
  role     text CHECK (role IN ('viewer', 'deployer', 'admin')),
  -- In place of a role, of one app.
  actions  text[],
  CHECK (num_nonnulls(role, actions) = 1),
  CHECK (actions IS NULL OR app_id IS NOT NULL)
);

CREATE UNIQUE INDEX token_grants_once ON token_grants (token_id, COALESCE(app_id, ''));
CREATE INDEX token_grants_of_app ON token_grants (app_id);

INSERT INTO token_grants (token_id, app_id, role)
SELECT tokens.id, apps.id,
  CASE tokens.role WHEN 'read' THEN 'viewer' WHEN 'deploy' THEN 'deployer' ELSE 'admin' END
FROM tokens LEFT JOIN apps ON apps.id = ANY (tokens.app_ids)
WHERE tokens.app_ids IS NULL OR apps.id IS NOT NULL;

ALTER TABLE tokens DROP COLUMN role, DROP COLUMN app_ids;
