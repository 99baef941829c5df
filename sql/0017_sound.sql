-- min_compatible: 16
-- What a job asks of its sound, in the text form of core/sound_options.h.

ALTER TABLE jobs ADD COLUMN sound TEXT NOT NULL DEFAULT '';
