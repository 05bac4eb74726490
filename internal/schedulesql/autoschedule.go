package schedulesql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Lease takes or extends the lease of that name, unless somebody else holds it
// now. The clocks of the holders should agree to within a fraction of its length.
func (s *Store) Lease(ctx context.Context, name, holder string, now time.Time, length time.Duration) (held bool, err error) {
	result, err := s.write.ExecContext(ctx, `INSERT INTO leases (name, holder, until_ms) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
		WHERE leases.holder = excluded.holder OR leases.until_ms <= $4`,
		name, holder, now.Add(length).UnixMilli(), now.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("take the lease %s: %w", name, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("take the lease %s: %w", name, err)
	}
	return n > 0, nil
}

// Release gives a lease up, if it is held by holder.
func (s *Store) Release(ctx context.Context, name, holder string) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM leases WHERE name = $1 AND holder = $2`, name, holder); err != nil {
		return fmt.Errorf("release the lease %s: %w", name, err)
	}
	return nil
}

// PutReport stores what the auto-scheduler reports of a channel: JSON. Of a
// channel that is gone nothing is stored.
func (s *Store) PutReport(ctx context.Context, channelID, report string) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO autoschedule_reports (channel_id, report)
		SELECT id, $2 FROM channels WHERE id = $1
		ON CONFLICT (channel_id) DO UPDATE SET report = excluded.report`, channelID, report)
	if err != nil {
		return fmt.Errorf("store the report of channel %s: %w", channelID, err)
	}
	return nil
}

// Report is what PutReport has stored last, "" if nothing.
func (s *Store) Report(ctx context.Context, channelID string) (string, error) {
	if _, err := queryChannel(ctx, s.read, channelID); err != nil {
		return "", err
	}
	var report string
	err := s.read.QueryRowContext(ctx, `SELECT report FROM autoschedule_reports WHERE channel_id = $1`, channelID).Scan(&report)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the report of channel %s: %w", channelID, err)
	}
	return report, nil
}
