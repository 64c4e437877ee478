-- What may go live, told from what is still on its way there.
-- Forward only; never edited once released.

-- Its workers have started and its release command has run: whoever settles its ref may make it live.
ALTER TABLE deployments ADD COLUMN is_ready boolean NOT NULL DEFAULT false;
-- For the deletion of a deployment, which looks for routes that lead to it.
CREATE INDEX routes_of_deployment ON routes (deployment_id);
