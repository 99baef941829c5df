-- min_compatible: 10
-- Who may ask: tokens (not themselves: a hash of each), and whose a job is.

CREATE TABLE tokens (
    id         TEXT   NOT NULL PRIMARY KEY,
    hash       TEXT   NOT NULL, -- SHA-256 of its secret half
    role       BIGINT NOT NULL, -- 1 client, 2 worker, 4 admin
    name       TEXT   NOT NULL, -- of the person or program; several tokens may have one
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL  -- 0 = never
);

ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT ''; -- the name that it was submitted under; '' = nobody in particular
CREATE INDEX jobs_owner ON jobs (owner, created_us, id);
-- One person's key tells nothing of another's job.
DROP INDEX jobs_idempotency;
CREATE UNIQUE INDEX jobs_idempotency ON jobs (owner, idempotency_key) WHERE idempotency_key <> '';
