-- min_compatible: 8
-- What a job asks of its picture beyond CRF and preset: the text form of core/picture_options.h; '' = the defaults.

ALTER TABLE jobs ADD COLUMN picture TEXT NOT NULL DEFAULT '';
