-- min_compatible: 6
-- The changes of jobs, numbered for those who follow all of them.
-- A number is given after the commit of a change, under a lock, so that numbers come to light in their order: whoever has read
-- up to one misses nothing below it. 0: changed, and not numbered yet.

ALTER TABLE jobs ADD COLUMN change BIGINT NOT NULL DEFAULT 0;
CREATE INDEX jobs_change ON jobs (change, id);
