-- min_compatible: 4
-- Temporary credentials of S3 have a third part, as secret as the second.

ALTER TABLE secrets ADD COLUMN session_token TEXT NOT NULL DEFAULT '';
