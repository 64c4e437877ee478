-- Machines that wait for somebody to let them in (in the shape of RFC 8628). Few, and gone after minutes.

CREATE TABLE device_logins (
  -- sha256 of what the machine asks with.
  device_hash bytea PRIMARY KEY,
  -- What people type: XXXX-XXXX.
  user_code   text NOT NULL UNIQUE,
  -- Who asks: what the machine calls itself, and where it asks from.
  host_name   text NOT NULL,
  address     text NOT NULL,
  state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'denied')),
  -- The token that answered, and what token it allowed: made only when the machine fetches it.
  answered_by text,
  request     jsonb,
  interval_s  integer NOT NULL,
  polled_at   timestamptz,
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  CHECK (state <> 'approved' OR (answered_by IS NOT NULL AND request IS NOT NULL))
);
