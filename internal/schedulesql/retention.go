package schedulesql

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"
)

const (
	// retention is how long cuts are kept: the as-run record of a month.
	retention = 30 * 24 * time.Hour
	// keptCuts is how many of a log are kept however old they are: more than
	// any window or engine reads back.
	keptCuts = 500
	// frozenFor is how long an asset is kept that no cut names, or none yet.
	frozenFor = time.Hour

	sweepInterval = 10 * time.Minute
	// sweepStep is how many rows a statement deletes: appends wait for it.
	sweepStep = 200
)

// Sweep deletes what is old from time to time, until ctx ends.
func (p *Playout) Sweep(ctx context.Context, log *slog.Logger) {
	for ctx.Err() == nil {
		if err := p.sweep(ctx); err != nil && ctx.Err() == nil {
			log.Error("old cuts stay in the playout logs", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(sweepInterval):
		}
	}
}

// sweep deletes cuts that are older than 30 days, but for the last 500 of
// each log and the one with its settings, and then the frozen assets that no
// cut names and that are older than an hour, and what is known of logs that are
// no more. Each statement deletes few rows of
// one log: appends come in between.
func (p *Playout) sweep(ctx context.Context) error {
	rows, err := p.store.read.QueryContext(ctx, `SELECT id FROM playout_logs`)
	if err != nil {
		return fmt.Errorf("list playout logs: %w", err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("list playout logs: %w", err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("list playout logs: %w", err)
	}
	now := time.Now()
	for _, id := range ids {
		if err := p.sweepLog(ctx, id, now); err != nil {
			return fmt.Errorf("sweep playout log %s: %w", id, err)
		}
	}
	return p.store.forgetLogs(ctx, now)
}

func (p *Playout) sweepLog(ctx context.Context, id string, now time.Time) error {
	// What may be deleted is looked for first, where nobody waits for it.
	var last sql.NullInt64
	if err := p.store.read.QueryRowContext(ctx, `SELECT max(number) FROM cuts WHERE log_id = $1`, id).Scan(&last); err != nil {
		return err
	}
	err := p.deleteInSteps(ctx, id,
		`SELECT number FROM cuts WHERE log_id = $1 AND start_ns < $2 AND number <= $3
			AND number <> (SELECT settings FROM playout_logs WHERE id = $1) ORDER BY number LIMIT $4`,
		`DELETE FROM cuts WHERE log_id = $1 AND number = $2 AND start_ns < $3`,
		now.Add(-retention).UnixNano(), last.Int64-keptCuts, sweepStep)
	if err != nil {
		return err
	}
	const unnamed = `NOT EXISTS (SELECT 1 FROM cuts c WHERE c.log_id = f.log_id AND c.asset_digest = f.digest)
		AND NOT EXISTS (SELECT 1 FROM cuts c WHERE c.log_id = f.log_id AND c.filler_digest = f.digest)`
	return p.deleteInSteps(ctx, id,
		`SELECT digest FROM frozen_assets f WHERE log_id = $1 AND stored_ns < $2 AND `+unnamed+` LIMIT $3`,
		`DELETE FROM frozen_assets AS f WHERE log_id = $1 AND digest = $2 AND stored_ns < $3 AND `+unnamed,
		now.Add(-frozenFor).UnixNano(), sweepStep)
}

// deleteInSteps deletes the rows of a log that a query finds, some in each
// transaction, until it finds no more. The first of its arguments is before
// when a row must be to be deleted, the last is how many are deleted at a time.
func (p *Playout) deleteInSteps(ctx context.Context, id, query, statement string, args ...any) error {
	for {
		keys, err := p.keys(ctx, query, append([]any{id}, args...)...)
		if err != nil || len(keys) == 0 {
			return err
		}
		err = p.store.inTx(ctx, func(tx *sql.Tx) error {
			for _, key := range keys {
				if _, err := tx.ExecContext(ctx, statement, id, key, args[0]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(keys) < sweepStep {
			return err
		}
	}
}

func (p *Playout) keys(ctx context.Context, query string, args ...any) ([]any, error) {
	rows, err := p.store.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []any
	for rows.Next() {
		var key any
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}
