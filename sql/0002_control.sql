-- min_compatible: 2
-- Jobs that pause, are tried again or deleted; labels; the workers that there are.
-- New states: jobs 5 paused, 6 deleted (its rows are being removed); tasks 6 held.
-- A task is held while its job is paused, and while it lies beyond the job's window: only the next few hundred of a job's
-- encodes are ready at once, so that pause, resume and another priority touch no more rows than that.

ALTER TABLE jobs ADD COLUMN released BIGINT NOT NULL DEFAULT 0; -- encodes of segments below this are beyond the window no more

DROP INDEX jobs_output;
CREATE UNIQUE INDEX jobs_output ON jobs (output_key) WHERE state IN (1, 5);
CREATE INDEX jobs_running ON jobs (id) WHERE state = 1;
CREATE INDEX jobs_deleted ON jobs (id) WHERE state = 6;
CREATE INDEX tasks_held ON tasks (job_id, kind, track, idx) WHERE state = 6;

CREATE TABLE labels (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (job_id, name)
);

-- Written when a worker was not heard of for some seconds, not at every call.
CREATE TABLE workers (
    id       TEXT   NOT NULL PRIMARY KEY,
    host     TEXT   NOT NULL, -- '' for a base worker, like the next two
    version  TEXT   NOT NULL,
    slots    BIGINT NOT NULL,
    first_us BIGINT NOT NULL, -- first heard of
    seen_us  BIGINT NOT NULL, -- last heard of, give or take some seconds
    drain    BIGINT NOT NULL  -- 1: it takes no new task, and ends
);
