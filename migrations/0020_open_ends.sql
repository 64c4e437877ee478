-- What a crash leaves open at either end of a release.
-- Forward only; never edited once released.

-- Its workers have started and its release command has run: whoever settles its ref may make it live.
ALTER TABLE deployments ADD COLUMN is_ready boolean NOT NULL DEFAULT false;
-- For the deletion of a deployment, which looks for routes that lead to it.
CREATE INDEX routes_of_deployment ON routes (deployment_id);
-- Live in production, and nobody has looked yet whether its fn.json names domains.
ALTER TABLE deployments ADD COLUMN owes_domains boolean NOT NULL DEFAULT false;
CREATE INDEX deployments_owing_domains ON deployments (id) WHERE owes_domains AND state = 'live';
