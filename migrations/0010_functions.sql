-- Functions get ids that stay, and apps a life that ends: whatever is an app's own goes with its row.

-- creating: made by the API, and gone again when its first build fails. deleting: nothing of it is served or found any
-- more; its name is free already.
ALTER TABLE apps ADD COLUMN state text NOT NULL DEFAULT 'ready'
  CHECK (state IN ('creating', 'ready', 'deleting'));

CREATE INDEX apps_unsettled ON apps (state) WHERE state <> 'ready';

-- What a bundle was built for, as its manifest has it.
ALTER TABLE bundles ADD COLUMN runtime text NOT NULL DEFAULT 'nodejs26';

-- Made when production first has the function. One that production has no more is kept: it may come back.
CREATE TABLE functions (
  id         text PRIMARY KEY,
  app_id     text NOT NULL REFERENCES apps ON DELETE CASCADE,
  name       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (app_id, name)
);

-- Those that production has already. The ids are as random as those that the platform makes; that they differ is what
-- matters, and nobody gets in by guessing one.
INSERT INTO functions (id, app_id, name, created_at)
SELECT
  'fn-' || (
    SELECT string_agg(substr('abcdefghijklmnopqrstuvwxyz234567', 1 + floor(random() * 32)::int, 1), '')
    -- The name makes it one draw for each function.
    FROM generate_series(1, 20 + 0 * length(f.value ->> 'name'))),
  d.app_id, f.value ->> 'name', COALESCE(d.live_at, now())
FROM routes r
JOIN deployments d ON d.id = r.deployment_id
JOIN bundles b ON b.app_id = d.app_id AND b.hash = d.bundle
CROSS JOIN LATERAL jsonb_array_elements(b.functions) f
WHERE r.kind = 'production';

ALTER TABLE bundles DROP CONSTRAINT bundles_app_id_fkey,
  ADD FOREIGN KEY (app_id) REFERENCES apps ON DELETE CASCADE;
ALTER TABLE builds DROP CONSTRAINT builds_app_id_fkey,
  ADD FOREIGN KEY (app_id) REFERENCES apps ON DELETE CASCADE;
ALTER TABLE deployments DROP CONSTRAINT deployments_app_id_fkey,
  ADD FOREIGN KEY (app_id) REFERENCES apps ON DELETE CASCADE;
ALTER TABLE ref_slugs DROP CONSTRAINT ref_slugs_app_id_fkey,
  ADD FOREIGN KEY (app_id) REFERENCES apps ON DELETE CASCADE;
ALTER TABLE routes DROP CONSTRAINT routes_app_id_fkey,
  ADD FOREIGN KEY (app_id) REFERENCES apps ON DELETE CASCADE;
ALTER TABLE recorded_refs DROP CONSTRAINT recorded_refs_app_id_fkey,
  ADD FOREIGN KEY (app_id) REFERENCES apps ON DELETE CASCADE;
ALTER TABLE data_keys DROP CONSTRAINT data_keys_app_id_fkey,
  ADD FOREIGN KEY (app_id) REFERENCES apps ON DELETE CASCADE;
ALTER TABLE environment_versions DROP CONSTRAINT environment_versions_app_id_fkey,
  ADD FOREIGN KEY (app_id) REFERENCES apps ON DELETE CASCADE;
ALTER TABLE environment_values
  DROP CONSTRAINT environment_values_app_id_since_version_fkey,
  ADD FOREIGN KEY (app_id, since_version) REFERENCES environment_versions (app_id, version) ON DELETE CASCADE;
ALTER TABLE certificates DROP CONSTRAINT certificates_app_id_fkey,
  ADD FOREIGN KEY (app_id) REFERENCES apps ON DELETE CASCADE;
ALTER TABLE certificate_schedule DROP CONSTRAINT certificate_schedule_app_id_fkey,
  ADD FOREIGN KEY (app_id) REFERENCES apps ON DELETE CASCADE;
-- A domain that was verified outlives its app: for a while nobody else may have the name.
ALTER TABLE domains DROP CONSTRAINT domains_app_id_fkey;
