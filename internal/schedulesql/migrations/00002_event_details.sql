-- +goose Up
-- What a programme guide shows of an event: a JSON object, '' if there is nothing.
ALTER TABLE events ADD COLUMN details TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE events DROP COLUMN details;
