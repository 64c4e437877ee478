-- A bundle that is live can be deployed again, with the environment of now.
-- Forward only; never edited once released.

ALTER TABLE deployments DROP CONSTRAINT deployments_trigger_check;
ALTER TABLE deployments ADD CONSTRAINT deployments_trigger_check
  CHECK (trigger IN ('push', 'rollback', 'reconcile', 'environment', 'redeploy'));
