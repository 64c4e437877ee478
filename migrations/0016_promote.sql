-- A preview's bundle can be deployed to production as it is.
-- Forward only; never edited once released.

ALTER TABLE deployments DROP CONSTRAINT deployments_trigger_check;
ALTER TABLE deployments ADD CONSTRAINT deployments_trigger_check
  CHECK (trigger IN ('push', 'rollback', 'reconcile', 'environment', 'redeploy', 'promote'));
