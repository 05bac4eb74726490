package schedulesql

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"consuo/internal/playlog"
)

// heldOn is how long a player may hold on to a channel that was deleted.
const heldOn = time.Hour

// lockLog excludes appends to a channel's log until the transaction ends, and
// returns the store's time. A transaction that locks the channel as well does
// that afterwards.
func (s *Store) lockLog(ctx context.Context, tx *sql.Tx, channel string) (time.Time, error) {
	if s.isPostgres() {
		return postgresTime(ctx, tx, channel, `pg_advisory_xact_lock`)
	}
	return time.Now().UTC(), nil // there is no other transaction
}

// rememberLog keeps, of a channel that is about to be deleted, above which
// numbers the log of one with the same id has to begin.
func rememberLog(ctx context.Context, tx *sql.Tx, channel string, now time.Time) error {
	var watched int64
	var text string
	err := tx.QueryRowContext(ctx, `SELECT l.watched_ns, c.cut FROM playout_logs l JOIN cuts c ON c.log_id = l.id
		WHERE l.channel_id = $1 ORDER BY c.number DESC LIMIT 1`, channel).Scan(&watched, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // nothing was on air since it was deleted the last time
	}
	if err != nil {
		return fmt.Errorf("read how the playout log of channel %s ends: %w", channel, err)
	}
	var last playlog.Cut
	if err := json.Unmarshal([]byte(text), &last); err != nil {
		return fmt.Errorf("read how the playout log of channel %s ends: %w", channel, err)
	}
	floor := playlog.Floor(&last, time.Unix(0, watched), now)
	_, err = tx.ExecContext(ctx, `INSERT INTO former_logs (channel_id, media_sequence, discontinuity_sequence) VALUES ($1, $2, $3)
		ON CONFLICT (channel_id) DO UPDATE SET media_sequence = $2, discontinuity_sequence = $3`,
		channel, floor.MediaSequence, floor.DiscontinuitySequence)
	if err != nil {
		return fmt.Errorf("keep how the playout log of channel %s ends: %w", channel, err)
	}
	return nil
}

// formerLog returns what rememberLog has kept; zero: nothing.
func formerLog(ctx context.Context, q queryer, channel string) (floor playlog.Numbers, err error) {
	err = q.QueryRowContext(ctx, `SELECT media_sequence, discontinuity_sequence FROM former_logs WHERE channel_id = $1`, channel).
		Scan(&floor.MediaSequence, &floor.DiscontinuitySequence)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return floor, fmt.Errorf("read how an earlier playout log of channel %s ended: %w", channel, err)
	}
	return floor, nil
}

// forgetLogs drops what nobody needs any more: the clock, with which logs
// begin, has been above it for some time.
func (s *Store) forgetLogs(ctx context.Context, now time.Time) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM former_logs WHERE media_sequence < $1`,
		playlog.FirstNumbers(now.Add(-heldOn)).MediaSequence)
	if err != nil {
		return fmt.Errorf("forget how logs of deleted channels ended: %w", err)
	}
	return nil
}
