-- min_compatible: 3
-- No row is written by every worker: such a row makes them wait for each other's commits, and its dead versions pile up
-- under an old snapshot. So a job's version is the sum over its tasks' versions (and its own row's), its last fair key is
-- that of its newest piece, the virtual time is the highest key among the tasks that were ever handed out; and what a
-- heartbeat changes stands in no index.

ALTER TABLE tasks ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE jobs DROP COLUMN last_key;
DROP TABLE meta;
DROP INDEX tasks_lease;
CREATE INDEX tasks_dispatched ON tasks (fair_key) WHERE attempt > 0;
CREATE INDEX tasks_cleanup ON tasks (job_id) WHERE kind = 5 AND state IN (1, 2);
