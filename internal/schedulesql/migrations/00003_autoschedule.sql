-- +goose Up
-- Which replica does a piece of work that one is enough for, and until when.
CREATE TABLE leases (
    name     TEXT   NOT NULL PRIMARY KEY,
    holder   TEXT   NOT NULL,
    until_ms BIGINT NOT NULL -- milliseconds since 1970, UTC
);

-- What the auto-scheduler reports of a channel, for all replicas to show.
CREATE TABLE autoschedule_reports (
    channel_id TEXT NOT NULL PRIMARY KEY REFERENCES channels (id) ON DELETE CASCADE,
    report     TEXT NOT NULL -- JSON
);

-- +goose Down
DROP TABLE autoschedule_reports;
DROP TABLE leases;
