-- min_compatible: 12
-- Credentials are sealed (src/crypto/keyring.h): the two secret columns are base64 then, and this says by which key.

ALTER TABLE secrets ADD COLUMN key_id TEXT NOT NULL DEFAULT ''; -- '' = nothing is sealed
CREATE INDEX secrets_sealed ON secrets (key_id, job_id, role) WHERE key_id <> '';
