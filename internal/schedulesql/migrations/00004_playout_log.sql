-- +goose Up
-- What each channel really plays. Times are nanoseconds since 1970, UTC.
CREATE TABLE playout_logs (
    id         TEXT   NOT NULL PRIMARY KEY, -- random: a channel that is made anew has another log
    channel_id TEXT   NOT NULL UNIQUE REFERENCES channels (id) ON DELETE CASCADE,
    settings   BIGINT NOT NULL DEFAULT 0, -- number of the cut with the settings in force, 0 if there is none
    watched_ns BIGINT NOT NULL DEFAULT 0  -- when an engine last said that somebody watches, 0: never
);

CREATE TABLE cuts (
    log_id        TEXT   NOT NULL REFERENCES playout_logs (id) ON DELETE CASCADE,
    number        BIGINT NOT NULL,
    start_ns      BIGINT NOT NULL,
    asset_digest  TEXT   NOT NULL,
    filler_digest TEXT   NOT NULL,
    cut           TEXT   NOT NULL, -- the whole of it, JSON
    PRIMARY KEY (log_id, number)
);
CREATE INDEX cuts_by_start ON cuts (log_id, start_ns);
CREATE INDEX cuts_by_asset ON cuts (log_id, asset_digest);
CREATE INDEX cuts_by_filler ON cuts (log_id, filler_digest);

-- What assets consisted of when they were planned.
CREATE TABLE frozen_assets (
    log_id    TEXT   NOT NULL REFERENCES playout_logs (id) ON DELETE CASCADE,
    digest    TEXT   NOT NULL,
    stored_ns BIGINT NOT NULL,
    data      BYTEA  NOT NULL, -- as the engine made it; SQLite keeps it as a BLOB
    PRIMARY KEY (log_id, digest)
);

-- +goose Down
DROP TABLE frozen_assets;
DROP TABLE cuts;
DROP TABLE playout_logs;
