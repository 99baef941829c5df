-- min_compatible: 14
-- One job, one set of encoders: what its first encode ran on. Workers with other ones are given other jobs' work.
-- A set stands in tasks.pool (3 and up), so that a claim finds what it may take by a probe for its own set, however much waits
-- for others.

CREATE TABLE encoders (
    id   BIGINT NOT NULL PRIMARY KEY, -- 3 and up
    text TEXT   NOT NULL UNIQUE       -- libraries with their versions, as the worker says; '' = it does not say
);
ALTER TABLE jobs ADD COLUMN encoders BIGINT NOT NULL DEFAULT 0; -- 0 = none of its encodes was handed out yet
ALTER TABLE workers ADD COLUMN encoders BIGINT NOT NULL DEFAULT 0; -- 0 = not known, or a base worker
CREATE INDEX workers_encoders ON workers (encoders);
