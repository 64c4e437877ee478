-- What functions have had since their first invocation. Forward only; never edited once released.
-- Sums alone: a history would be a table with these columns and a minute, filled by the same statement.

CREATE TABLE function_metrics (
  app_id              text NOT NULL REFERENCES apps ON DELETE CASCADE,
  function_name       text NOT NULL,
  -- '' for all deployments together, so that reading a function is reading one row.
  deployment_id       text NOT NULL,
  invocations         bigint NOT NULL,
  throws              bigint NOT NULL,
  timeouts            bigint NOT NULL,
  crashes             bigint NOT NULL,
  out_of_memory       bigint NOT NULL,
  start_failures      bigint NOT NULL,
  -- Answered with 5xx by the function.
  server_errors       bigint NOT NULL,
  -- Sent away by the door: no invocations.
  refused             bigint NOT NULL,
  abandoned           bigint NOT NULL,
  cold_starts         bigint NOT NULL,
  -- Times are milliseconds.
  cold_start_ms       double precision NOT NULL,
  duration_ms         double precision NOT NULL,
  billed_ms           double precision NOT NULL,
  billed_mib_ms       double precision NOT NULL,
  request_bytes       double precision NOT NULL,
  response_bytes      double precision NOT NULL,
  max_duration_ms     double precision NOT NULL,
  max_memory_kib      double precision NOT NULL,
  -- Sketches of their distribution, see docs/decisions/0035.
  durations           bytea NOT NULL,
  cold_start_durations bytea NOT NULL,
  updated_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (app_id, function_name, deployment_id)
);

-- The last batch of each data process, so that one which is sent again is added once.
CREATE TABLE metric_sources (
  source     text PRIMARY KEY,
  sequence   bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
