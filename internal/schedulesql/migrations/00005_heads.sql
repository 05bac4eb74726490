-- +goose Up
-- How each log ends, so that engines can ask for all at once. A log from before
-- this has 0 until its next cut: engines read it by itself.
ALTER TABLE playout_logs ADD COLUMN last BIGINT NOT NULL DEFAULT 0;
ALTER TABLE playout_logs ADD COLUMN digest TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE playout_logs DROP COLUMN digest;
ALTER TABLE playout_logs DROP COLUMN last;
