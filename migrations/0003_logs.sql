-- The log of each function: append-only, read by app in the order of ids, forgotten by age and size.
-- Forward only; never edited once released.

-- One row. Whoever stores entries takes their ids from here and holds the row until it commits, so ids become
-- visible in their order: who has read up to an id has missed nothing below it.
CREATE TABLE log_position (
  is_single boolean PRIMARY KEY DEFAULT true CHECK (is_single),
  last_id   bigint NOT NULL
);
INSERT INTO log_position (last_id) VALUES (0);

-- No foreign keys: they would cost a look-up for each line, and control knows the app by the deployment.
CREATE TABLE log_entries (
  app_id        text NOT NULL,
  id            bigint NOT NULL,
  -- By the clock of the data process.
  at            timestamptz NOT NULL,
  -- 0 debug, 1 info, 2 warn, 3 error.
  level         smallint NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('line', 'report', 'failure', 'notice')),
  deployment_id text NOT NULL,
  function_name text NOT NULL,
  request_id    text,
  text          text NOT NULL,
  -- A JSON object as text: it comes from functions, and nothing here looks into it.
  fields        text,
  PRIMARY KEY (app_id, id)
);

-- The last batch of each data process, so that one which is sent again is stored once.
CREATE TABLE log_sources (
  source     text PRIMARY KEY,
  sequence   bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- How much each app stored in each minute, and how far its ids went: what to forget, and where a time begins,
-- without a second index on the entries.
CREATE TABLE log_volumes (
  app_id  text NOT NULL,
  minute  timestamptz NOT NULL,
  last_id bigint NOT NULL,
  bytes   bigint NOT NULL,
  PRIMARY KEY (app_id, minute)
);
