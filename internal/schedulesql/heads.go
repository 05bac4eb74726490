package schedulesql

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/schedule"
)

// appending is the key of an advisory lock that every append on PostgreSQL
// shares, so that it can be seen which are under way.
const appending = `hashtextextended('playout', 0)`

// headsTime returns an instant before which no append to any log has been
// decided that a later statement would not see. It waits for nobody: where
// appends are under way it is an instant before they were decided.
func (p *Playout) headsTime(ctx context.Context) (time.Time, error) {
	if p.store.isPostgres() {
		return p.postgresHeadsTime(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, decided := range p.deciding {
		if decided.Before(now) {
			now = *decided
		}
	}
	return now.Round(0).UTC(), nil
}

// postgresHeadsTime is the time of the statement, or the start of the oldest
// transaction that holds the lock of appends or waits for it: an append reads
// the clock after it has that lock, and what it stores can be read before it
// lets go. A transaction of which nothing is known may be as old as it likes.
func (p *Playout) postgresHeadsTime(ctx context.Context) (time.Time, error) {
	var microseconds int64
	err := p.store.read.QueryRowContext(ctx, `SELECT (extract(epoch FROM least(statement_timestamp(), (
		SELECT min(coalesce(a.xact_start, to_timestamp(0))) FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
			WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::bigint << 32) | l.objid::bigint = `+appending+`
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		))) * 1000000)::bigint`).Scan(&microseconds)
	if err != nil {
		return time.Time{}, fmt.Errorf("see which playout logs are appended to: %w", err)
	}
	if p.clock != nil {
		return p.clock(), nil
	}
	return time.UnixMicro(microseconds).UTC(), nil
}

// Heads implements [playlog.Log].
func (p *Playout) Heads(ctx context.Context) (playlog.Heads, error) {
	now, err := p.headsTime(ctx)
	if err != nil {
		return playlog.Heads{}, err
	}
	fail := func(err error) (playlog.Heads, error) {
		return playlog.Heads{}, fmt.Errorf("read how the playout logs end: %w", err)
	}
	rows, err := p.store.read.QueryContext(ctx, `SELECT channel_id, id, last, digest FROM playout_logs WHERE watched_ns > $1 AND last > 0`,
		now.Add(-playlog.Awake).UnixNano())
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	h := playlog.Heads{Now: now, Lead: p.lead, Logs: make(map[string]playlog.Head)}
	for rows.Next() {
		var channel string
		var head playlog.Head
		if err := rows.Scan(&channel, &head.ID, &head.Number, &head.Digest); err != nil {
			return fail(err)
		}
		h.Logs[channel] = head
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return h, nil
}

// Watch implements [playlog.Log]. It is one statement, however many channels there
// are and however far the database is, and it waits for no append: on PostgreSQL
// a log that is being appended to is passed over, as an append says the same.
func (p *Playout) Watch(ctx context.Context, ids map[string]string) error {
	ids = maps.Clone(ids)
	maps.DeleteFunc(ids, func(channel, id string) bool { return !schedule.ValidID(channel) || !schedule.ValidID(id) })
	if len(ids) == 0 {
		return nil
	}
	now, err := p.headsTime(ctx)
	if err != nil {
		return err
	}
	list, err := json.Marshal(ids)
	if err == nil {
		update := `UPDATE playout_logs SET watched_ns = $1 WHERE watched_ns < $1 AND (channel_id, id) IN (SELECT key, value FROM json_each($2))`
		if p.store.isPostgres() {
			update = `UPDATE playout_logs SET watched_ns = $1 WHERE id IN (SELECT id FROM playout_logs
				WHERE watched_ns < $1 AND (channel_id, id) IN (SELECT key, value FROM json_each_text($2::json)) FOR NO KEY UPDATE SKIP LOCKED)`
		}
		_, err = p.store.write.ExecContext(ctx, update, now.UnixNano(), string(list))
	}
	if err != nil {
		return fmt.Errorf("note which playout logs are watched: %w", err)
	}
	return nil
}
