-- min_compatible: 1
-- Jobs, their tasks, and what these made. Plain SQL for SQLite and PostgreSQL alike: BIGINT and TEXT, no NULL ('' and 0
-- mean "none"). Times are microseconds since 1970 on the database's clock. Locations are records of core/record.h,
-- without credentials; those stand in `secrets` alone.
-- States and kinds are the numbers of core/model.h: jobs 1 running, 2 finished, 3 failed, 4 canceled; tasks 1 ready,
-- 2 running, 3 done, 4 failed, 5 canceled; kinds 1 split, 2 encode, 3 manifest, 4 audio, 5 cleanup.

CREATE TABLE meta (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
-- The highest fair key that was handed out: the virtual time of start-time fair queuing.
INSERT INTO meta (name, value) VALUES ('virtual_time', 0);

CREATE TABLE jobs (
    id              TEXT   NOT NULL PRIMARY KEY,
    state           BIGINT NOT NULL,
    flavour         BIGINT NOT NULL, -- who split it: 0 nobody yet, 1 a worker of ours, 2 a base worker
    priority        BIGINT NOT NULL, -- 0..9, more is sooner
    created_us      BIGINT NOT NULL,
    ended_us        BIGINT NOT NULL,
    version         BIGINT NOT NULL, -- grows with every change of the job or its tasks
    idempotency_key TEXT   NOT NULL,
    output_key      TEXT   NOT NULL, -- the output folder in one spelling
    input           TEXT   NOT NULL,
    work            TEXT   NOT NULL,
    output          TEXT   NOT NULL,
    segment_seconds BIGINT NOT NULL,
    crf             BIGINT NOT NULL,
    preset          BIGINT NOT NULL,
    overwrite       BIGINT NOT NULL,
    last_key        BIGINT NOT NULL, -- fair key of its newest task
    manifest        TEXT   NOT NULL,
    fail_code       TEXT   NOT NULL,
    fail_may_retry  BIGINT NOT NULL,
    fail_message    TEXT   NOT NULL,
    fail_log        TEXT   NOT NULL,
    frames_done     BIGINT NOT NULL, -- these four: the sums over its tasks, kept when it is over
    frames_total    BIGINT NOT NULL,
    tasks_done      BIGINT NOT NULL,
    n_tasks         BIGINT NOT NULL
);
-- Two jobs that are not over never share an output folder.
CREATE UNIQUE INDEX jobs_output ON jobs (output_key) WHERE state = 1;
CREATE UNIQUE INDEX jobs_idempotency ON jobs (idempotency_key) WHERE idempotency_key <> '';
CREATE INDEX jobs_created ON jobs (created_us, id);

-- Credentials, by the folder of the job that they open. Whatever lies in that folder inherits them.
CREATE TABLE secrets (
    job_id            TEXT   NOT NULL REFERENCES jobs (id),
    role              BIGINT NOT NULL, -- 1 input, 2 work, 3 output
    access_key_id     TEXT   NOT NULL,
    secret_access_key TEXT   NOT NULL, -- '' once nothing can need it any more
    PRIMARY KEY (job_id, role)
);

CREATE TABLE tasks (
    id             TEXT   NOT NULL PRIMARY KEY,
    job_id         TEXT   NOT NULL REFERENCES jobs (id),
    kind           BIGINT NOT NULL,
    track          BIGINT NOT NULL,
    idx            BIGINT NOT NULL,
    n_segments     BIGINT NOT NULL,
    pool           BIGINT NOT NULL, -- who may have it: 1 anybody, 2 workers of ours
    state          BIGINT NOT NULL,
    priority       BIGINT NOT NULL,
    fair_key       BIGINT NOT NULL,
    created_us     BIGINT NOT NULL,
    not_before_us  BIGINT NOT NULL, -- 0 = at once
    attempt        BIGINT NOT NULL, -- counts claims, never falls; with nonce the fence of the newest one
    nonce          BIGINT NOT NULL,
    spent          BIGINT NOT NULL, -- attempts that failed, or fell silent after they began
    claims         BIGINT NOT NULL, -- claims that were not handed back
    started        BIGINT NOT NULL, -- the newest claim sent a heartbeat
    own            BIGINT NOT NULL, -- the newest claim came from a worker of ours
    claim_id       TEXT   NOT NULL,
    worker_id      TEXT   NOT NULL,
    claimed_us     BIGINT NOT NULL,
    lease_until_us BIGINT NOT NULL,
    frames_done    BIGINT NOT NULL, -- progress, as last said
    frames_total   BIGINT NOT NULL,
    milli_fps      BIGINT NOT NULL,
    in_pts         BIGINT NOT NULL, -- the piece that it takes
    out_pts        BIGINT NOT NULL,
    tb_num         BIGINT NOT NULL,
    tb_den         BIGINT NOT NULL,
    frames         BIGINT NOT NULL,
    bytes          BIGINT NOT NULL,
    input          TEXT   NOT NULL,
    result         TEXT   NOT NULL, -- the file it made, where a base message names one
    UNIQUE (job_id, kind, track, idx)
);
-- A claim is one probe of this index for each pool, however many tasks wait.
CREATE INDEX tasks_ready ON tasks (pool, priority DESC, fair_key, idx, created_us, id)
    WHERE state = 1;
CREATE INDEX tasks_waiting ON tasks (not_before_us) WHERE state = 1 AND not_before_us > 0;
CREATE INDEX tasks_lease ON tasks (lease_until_us) WHERE state = 2;
CREATE INDEX tasks_claim ON tasks (claim_id) WHERE state = 2 AND claim_id <> '';
CREATE INDEX tasks_running ON tasks (job_id, kind, idx) WHERE state = 2;
-- "Is anything of this job unfinished?" without a walk over what is done.
CREATE INDEX tasks_open ON tasks (job_id) WHERE state IN (1, 2);

-- How each attempt ended.
CREATE TABLE attempts (
    task_id    TEXT   NOT NULL REFERENCES tasks (id),
    attempt    BIGINT NOT NULL,
    job_id     TEXT   NOT NULL REFERENCES jobs (id),
    worker_id  TEXT   NOT NULL,
    claimed_us BIGINT NOT NULL,
    ended_us   BIGINT NOT NULL,
    outcome    TEXT   NOT NULL, -- done, failed, lost, released, canceled
    code       TEXT   NOT NULL,
    message    TEXT   NOT NULL,
    log_tail   TEXT   NOT NULL,
    PRIMARY KEY (task_id, attempt)
);
CREATE INDEX attempts_job ON attempts (job_id, ended_us);

CREATE TABLE renditions (
    job_id         TEXT   NOT NULL REFERENCES jobs (id),
    name           TEXT   NOT NULL,
    kind           BIGINT NOT NULL, -- 1 video, 2 audio
    init_name      TEXT   NOT NULL,
    init_bytes     BIGINT NOT NULL,
    init_sha256    TEXT   NOT NULL,
    codecs         TEXT   NOT NULL,
    timescale      BIGINT NOT NULL,
    priming_ticks  BIGINT NOT NULL,
    width_px       BIGINT NOT NULL,
    height_px      BIGINT NOT NULL,
    frame_rate_num BIGINT NOT NULL,
    frame_rate_den BIGINT NOT NULL,
    video_range    TEXT   NOT NULL,
    channels       BIGINT NOT NULL,
    language       TEXT   NOT NULL,
    title          TEXT   NOT NULL,
    PRIMARY KEY (job_id, name)
);

CREATE TABLE segments (
    job_id         TEXT   NOT NULL,
    rendition      TEXT   NOT NULL,
    idx            BIGINT NOT NULL,
    name           TEXT   NOT NULL,
    start_ticks    BIGINT NOT NULL,
    duration_ticks BIGINT NOT NULL,
    frames         BIGINT NOT NULL,
    bytes          BIGINT NOT NULL,
    sha256         TEXT   NOT NULL,
    PRIMARY KEY (job_id, rendition, idx),
    FOREIGN KEY (job_id, rendition) REFERENCES renditions (job_id, name)
);

CREATE TABLE warnings (
    job_id TEXT   NOT NULL REFERENCES jobs (id),
    seq    BIGINT NOT NULL,
    text   TEXT   NOT NULL,
    PRIMARY KEY (job_id, text)
);
