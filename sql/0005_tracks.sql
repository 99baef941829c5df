-- min_compatible: 5
-- Every track of the source: what a track is for (bits of avsp_purpose in core/model.h).

ALTER TABLE renditions ADD COLUMN purposes BIGINT NOT NULL DEFAULT 0;
