-- What builds were made from, so that the next one makes only what has changed; and which bundles hold files that the
-- door serves by itself. Forward only; never edited once released.

-- BuildInputs of src/protocol/builder.ts, and the builder's version that they hold for; null when there was too much to
-- record.
ALTER TABLE builds ADD COLUMN inputs jsonb, ADD COLUMN builder text;

CREATE INDEX builds_newest ON builds (app_id, created_at DESC);

ALTER TABLE bundles ADD COLUMN has_public_files boolean NOT NULL DEFAULT false;
