-- min_compatible: 18
-- Files of subtitles beside a job's source: records, one a line (core/sidecar.h), empty where there are none. Their credentials stand in `secrets`, under
-- the roles 16 and up.

ALTER TABLE jobs ADD COLUMN sidecars TEXT NOT NULL DEFAULT '';
