-- min_compatible: 14
-- A job may want the pieces of its source kept.

ALTER TABLE jobs ADD COLUMN keep_work BIGINT NOT NULL DEFAULT 0;
