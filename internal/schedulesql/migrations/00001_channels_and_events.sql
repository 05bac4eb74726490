-- Runs on SQLite and on PostgreSQL. Times are milliseconds since 1970, UTC.

-- +goose Up
CREATE TABLE channels (
    id       TEXT   NOT NULL PRIMARY KEY,
    name     TEXT   NOT NULL,
    config   TEXT   NOT NULL, -- a JSON object
    revision BIGINT NOT NULL  -- raised by every edit of the channel or its events
);

CREATE TABLE events (
    channel_id TEXT   NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    id         TEXT   NOT NULL,
    title      TEXT   NOT NULL,
    uri        TEXT   NOT NULL,
    start_ms   BIGINT NOT NULL,
    end_ms     BIGINT NOT NULL,
    PRIMARY KEY (channel_id, id),
    CHECK (start_ms < end_ms)
);

-- A channel's events don't overlap, so ordered by end they are ordered by start.
CREATE INDEX events_by_end ON events (channel_id, end_ms);

-- +goose Down
DROP TABLE events;
DROP TABLE channels;
