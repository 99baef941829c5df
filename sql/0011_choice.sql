-- min_compatible: 11
-- Which tracks of the source a job wants: a record (core/choice.h), empty for the default.

ALTER TABLE jobs ADD COLUMN choice TEXT NOT NULL DEFAULT '';
