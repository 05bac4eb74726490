-- +goose Up
-- Above which numbers the log of a channel has to begin that is made anew with
-- the id of one that was deleted.
CREATE TABLE former_logs (
    channel_id             TEXT   NOT NULL PRIMARY KEY,
    media_sequence         BIGINT NOT NULL,
    discontinuity_sequence BIGINT NOT NULL
);

-- +goose Down
DROP TABLE former_logs;
