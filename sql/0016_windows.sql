-- min_compatible: 16
-- How far a job's window has moved, as facts that are added and never changed: its own row, which every claim and every finish
-- reads, changed once in 64 segments, and an old snapshot kept all its versions in their way. The highest one holds.

CREATE TABLE windows (
    job_id   TEXT   NOT NULL REFERENCES jobs (id),
    released BIGINT NOT NULL, -- encodes of segments below this are beyond the window no more
    PRIMARY KEY (job_id, released)
);
INSERT INTO windows (job_id, released) SELECT id, released FROM jobs WHERE released > 0;
ALTER TABLE jobs DROP COLUMN released;
