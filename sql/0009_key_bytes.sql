-- min_compatible: 8
-- How much of a segment is its first frame: the playlists of I-frames list these ranges.

ALTER TABLE segments ADD COLUMN key_bytes BIGINT NOT NULL DEFAULT 0;
