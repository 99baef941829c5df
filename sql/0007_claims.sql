-- min_compatible: 6
-- What an old snapshot keeps is not walked over: whether anything of a job is open is asked from the end opposite to that where
-- claims begin, which splits run has an index of its own, and so has who is to drain.

DROP INDEX tasks_open;
CREATE INDEX tasks_open ON tasks (job_id, kind, idx) WHERE state IN (1, 2);
CREATE INDEX tasks_splitting ON tasks (id) WHERE kind = 1 AND state = 2;
CREATE INDEX workers_drain ON workers (id) WHERE drain = 1;
