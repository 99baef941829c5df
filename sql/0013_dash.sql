-- min_compatible: 12
-- A job may want an MPD of MPEG-DASH beside its playlists.

ALTER TABLE jobs ADD COLUMN dash BIGINT NOT NULL DEFAULT 0;
