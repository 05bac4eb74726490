package schedulesql

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/schedule"
)

const (
	// maxPage is how many cuts a page has at most.
	maxPage = 1000
	// maxFrozen bounds a frozen asset, in bytes as it is stored.
	maxFrozen = 8 << 20
	// watchedStep is how exactly it is known when somebody watched last: many
	// engines may say so, and each time something has to reach the disk.
	watchedStep = time.Second
)

// Playout keeps the playout logs of a Store's channels. It implements
// [playlog.Log]; for a channel that does not exist the error is a
// *[schedule.NotFoundError]. A page has at most 1,000 cuts, and says so.
//
// The time of a page is one up to which all appends have been decided and can
// be read: a log that is read at r is complete for cuts that start before
// r + lead, however long another append takes to reach the disk.
type Playout struct {
	store *Store
	lead  time.Duration

	clock func() time.Time // instead of the database's, for tests; nil elsewhere

	mu       sync.Mutex            // guards what follows
	deciding map[string]*time.Time // SQLite: of the append that is under way, by channel
}

var _ playlog.Log = (*Playout)(nil)

// Playout returns the playout logs. Cuts must be appended lead before they start.
func (s *Store) Playout(lead time.Duration) *Playout {
	return &Playout{store: s, lead: lead, deciding: make(map[string]*time.Time)}
}

// isPostgres says which of the two databases this is. Replicas that share one
// take its clock, and its locks.
func (s *Store) isPostgres() bool { return s.path == "" }

// readTime returns an instant before which no append to a channel's log has
// been decided that a later statement would not see.
func (p *Playout) readTime(ctx context.Context, channel string) (time.Time, error) {
	if p.store.isPostgres() {
		return p.postgresTime(ctx, p.store.read, channel, `pg_advisory_xact_lock_shared`)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if decided := p.deciding[channel]; decided != nil && decided.Before(now) {
		now = *decided
	}
	return now.Round(0).UTC(), nil
}

// decide is called in the transaction of an append: it excludes all others to
// the same log and returns the instant by which they are judged. done must be
// called after the end of the transaction.
func (p *Playout) decide(ctx context.Context, tx *sql.Tx, channel string) (now time.Time, done func(), err error) {
	if p.store.isPostgres() {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock_shared(`+appending+`)`); err != nil {
			return now, func() {}, fmt.Errorf("say that the playout log of channel %s is appended to: %w", channel, err)
		}
		now, err = p.postgresTime(ctx, tx, channel, `pg_advisory_xact_lock`)
		return now, func() {}, err
	}
	// The transaction has had the lock since it began.
	p.mu.Lock()
	defer p.mu.Unlock()
	now = time.Now().Round(0).UTC()
	mine := &now
	p.deciding[channel] = mine
	return now, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.deciding[channel] == mine { // else the next append is under way
			delete(p.deciding, channel)
		}
	}, nil
}

func (p *Playout) postgresTime(ctx context.Context, q queryer, channel, lock string) (time.Time, error) {
	now, err := postgresTime(ctx, q, channel, lock)
	if err == nil && p.clock != nil {
		return p.clock(), nil
	}
	return now, err
}

// postgresTime waits for a lock on a channel's log and reads the clock while it
// has it. The lock ends with the transaction, or with the statement.
func postgresTime(ctx context.Context, q queryer, channel, lock string) (time.Time, error) {
	var microseconds int64
	err := q.QueryRowContext(ctx, `WITH held AS MATERIALIZED (SELECT `+lock+`(hashtextextended('playout/' || $1::text, 0)))
		SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM held`, channel).Scan(&microseconds)
	if err != nil {
		return time.Time{}, fmt.Errorf("lock the playout log of channel %s: %w", channel, err)
	}
	return time.UnixMicro(microseconds).UTC(), nil
}

// Read implements [playlog.Log].
func (p *Playout) Read(ctx context.Context, channel string, after int64) (playlog.Page, error) {
	now, err := p.readTime(ctx, channel)
	if err != nil {
		return playlog.Page{}, err
	}
	page, err := p.page(ctx, p.store.read, channel, after, now)
	if errors.Is(err, sql.ErrNoRows) {
		if err := p.create(ctx, channel); err != nil {
			return playlog.Page{}, err
		}
		page, err = p.page(ctx, p.store.read, channel, after, now)
	}
	if err != nil {
		return page, notFound(err, "channel", channel)
	}
	if page.Settings == nil { // it has no cut
		page.Floor, err = formerLog(ctx, p.store.read, channel)
	}
	return page, err
}

// create makes the log of a channel that has none yet.
func (p *Playout) create(ctx context.Context, channel string) error {
	if _, err := queryChannel(ctx, p.store.read, channel); err != nil {
		return err
	}
	_, err := p.store.write.ExecContext(ctx, `INSERT INTO playout_logs (id, channel_id) SELECT $1, id FROM channels WHERE id = $2
		ON CONFLICT (channel_id) DO NOTHING`, rand.Text(), channel)
	if err == nil {
		return nil
	}
	if _, gone := queryChannel(ctx, p.store.read, channel); gone != nil {
		return gone // it was deleted in the meantime
	}
	return fmt.Errorf("make the playout log of channel %s: %w", channel, err)
}

const pageQuery = `SELECT l.id, l.watched_ns, s.cut, c.cut FROM playout_logs l
	LEFT JOIN cuts s ON s.log_id = l.id AND s.number = l.settings
	LEFT JOIN cuts c ON c.log_id = l.id AND c.number > $2
	WHERE l.channel_id = $1 ORDER BY c.number `

// page reads a part of a log, in one statement, so that it is the log of one
// instant. The error is sql.ErrNoRows if there is no log.
func (p *Playout) page(ctx context.Context, q queryer, channel string, after int64, now time.Time) (playlog.Page, error) {
	page := playlog.Page{Now: now, Lead: p.lead}
	limit, order := int64(maxPage+1), ``
	if after < 0 {
		limit, after, order = min(-max(after, -maxPage), maxPage), 0, `DESC`
	}
	fail := func(err error) (playlog.Page, error) {
		return playlog.Page{}, fmt.Errorf("read the playout log of channel %s: %w", channel, err)
	}
	// The cast: SQLite compiles a statement anew for each value of a bare LIMIT $3.
	rows, err := q.QueryContext(ctx, pageQuery+order+` LIMIT CAST($3 AS BIGINT)`, channel, after, limit)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	var watched int64
	var settings, cut sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&page.ID, &watched, &settings, &cut); err != nil {
			return fail(err)
		}
		if page.Settings == nil && settings != nil {
			var c playlog.Cut
			if err := json.Unmarshal(settings, &c); err != nil {
				return fail(err)
			}
			page.Settings = c.Settings
		}
		if cut == nil {
			continue
		}
		var c playlog.Cut
		if err := json.Unmarshal(cut, &c); err != nil {
			return fail(err)
		}
		page.Cuts = append(page.Cuts, c)
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	if page.ID == "" {
		return fail(sql.ErrNoRows)
	}
	if watched != 0 {
		page.Watched = time.Unix(0, watched).UTC()
	}
	if order != `` {
		slices.Reverse(page.Cuts)
	} else if len(page.Cuts) > maxPage {
		page.Cuts, page.More = page.Cuts[:maxPage], true
	}
	return page, nil
}

// Cuts returns the cuts of a channel's log that are needed to tell what was on
// air within a slot, in order: from the one before its start, to a few after its
// end, which end the last. They are
// limit at most.
func (p *Playout) Cuts(ctx context.Context, channel string, within schedule.Slot, limit int) ([]playlog.Cut, error) {
	if _, err := queryChannel(ctx, p.store.read, channel); err != nil {
		return nil, err
	}
	fail := func(err error) ([]playlog.Cut, error) {
		return nil, fmt.Errorf("read the playout log of channel %s: %w", channel, err)
	}
	// A rebase starts before cuts with lower numbers: a part of a log is one by
	// numbers, found by times.
	const following = 10
	rows, err := p.store.read.QueryContext(ctx, `SELECT c.cut FROM playout_logs l JOIN cuts c ON c.log_id = l.id WHERE l.channel_id = $1
		AND c.number >= coalesce((SELECT b.number FROM cuts b WHERE b.log_id = l.id AND b.start_ns <= $2 ORDER BY b.start_ns DESC LIMIT 1), 0)
		AND c.number <= coalesce((SELECT max(e.number) FROM cuts e WHERE e.log_id = l.id AND e.start_ns < $3), 0) + $4
		ORDER BY c.number LIMIT $5`, channel, toNanos(within.Start), toNanos(within.End), following, limit)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	var cuts []playlog.Cut
	for rows.Next() {
		c, err := scanCut(rows)
		if err != nil {
			return fail(err)
		}
		cuts = append(cuts, c)
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return cuts, nil
}

// toNanos is t in nanoseconds, moved to where cuts can be.
func toNanos(t time.Time) int64 { return toMillis(t) * int64(time.Millisecond) }

// Append implements [playlog.Log].
func (p *Playout) Append(ctx context.Context, channel, id string, cuts []playlog.Cut) (playlog.Page, error) {
	if len(cuts) == 0 {
		page, err := p.Read(ctx, channel, -1)
		if err != nil {
			return playlog.Page{}, err
		}
		page.Cuts = nil
		if page.ID != id {
			return page, otherLog(page.ID, id)
		}
		return page, p.watch(ctx, p.store.write, page)
	}
	page, refusal, err := p.appendCuts(ctx, channel, id, cuts)
	if errors.Is(err, sql.ErrNoRows) {
		// This makes the log; then it will be found that another id was sent.
		if _, err := p.Read(ctx, channel, -1); err != nil {
			return playlog.Page{}, err
		}
		page, refusal, err = p.appendCuts(ctx, channel, id, cuts)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return playlog.Page{}, &schedule.NotFoundError{Kind: "channel", ID: channel}
	}
	if err != nil {
		return playlog.Page{}, fmt.Errorf("append to the playout log of channel %s: %w", channel, err)
	}
	return page, refusal
}

// appendCuts is a transaction that decides and stores, as append does. The error
// is sql.ErrNoRows if there is no log.
func (p *Playout) appendCuts(ctx context.Context, channel, id string, cuts []playlog.Cut) (page playlog.Page, refusal, err error) {
	done := func() {}
	err = p.store.inTx(ctx, func(tx *sql.Tx) error {
		var now time.Time
		if now, done, err = p.decide(ctx, tx, channel); err != nil {
			return err
		}
		page, refusal, err = p.append(ctx, tx, channel, id, cuts, now)
		return err
	})
	done()
	return page, refusal, err
}

// append decides and stores. An answer that refuses is the refusal; err is a
// failure of the storage.
func (p *Playout) append(ctx context.Context, tx *sql.Tx, channel, id string, cuts []playlog.Cut, now time.Time) (page playlog.Page, refusal, err error) {
	page, err = p.page(ctx, tx, channel, -1, now) // its last cut is the log's
	if err != nil {
		return page, nil, err
	}
	if page.ID != id {
		page.Cuts = nil
		return page, otherLog(page.ID, id), nil
	}
	watched := page.Watched
	if err := p.watch(ctx, tx, page); err != nil {
		return page, nil, err
	}
	stored, err := p.stored(ctx, tx, page, cuts)
	if err != nil {
		return page, nil, err
	}
	add, refusal := playlog.Decide(stored, cuts, now, p.lead)
	for i := range add {
		if err := insertCut(ctx, tx, id, &add[i]); err != nil {
			return page, nil, err
		}
	}
	if len(add) > 0 && add[0].Rebase { // above all that was given out, also at a time that is yet to come
		if _, err := tx.ExecContext(ctx, `UPDATE playout_logs SET watched_ns = $2 WHERE id = $1`, id, now.UnixNano()); err != nil {
			return page, nil, err
		}
	}
	page, err = p.page(ctx, tx, channel, max(cuts[0].Number-1, 0), now)
	page.Watched = watched
	return page, refusal, err
}

// stored returns what of a log a batch can repeat, and the log's last cut.
func (p *Playout) stored(ctx context.Context, tx *sql.Tx, page playlog.Page, batch []playlog.Cut) ([]playlog.Cut, error) {
	if len(page.Cuts) == 0 || batch[0].Number > page.Cuts[0].Number {
		return page.Cuts, nil
	}
	rows, err := tx.QueryContext(ctx, `SELECT cut FROM cuts WHERE log_id = $1 AND number >= $2 AND number < $3 ORDER BY number LIMIT $4`,
		page.ID, batch[0].Number, page.Cuts[0].Number, len(batch))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var cuts []playlog.Cut
	for rows.Next() {
		c, err := scanCut(rows)
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, c)
	}
	return append(cuts, page.Cuts...), rows.Err()
}

func scanCut(rows *sql.Rows) (playlog.Cut, error) {
	var text sql.RawBytes
	var c playlog.Cut
	if err := rows.Scan(&text); err != nil {
		return c, err
	}
	err := json.Unmarshal(text, &c)
	return c, err
}

func insertCut(ctx context.Context, tx *sql.Tx, id string, c *playlog.Cut) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	filler := c.Filler.Digest
	if c.Loop {
		filler = c.Asset.Digest // it has no other
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO cuts (log_id, number, start_ns, asset_digest, filler_digest, cut) VALUES ($1, $2, $3, $4, $5, $6)`,
		id, c.Number, c.Start.UnixNano(), columnText(c.Asset.Digest), columnText(filler), string(text))
	if err != nil {
		return err
	}
	last := `UPDATE playout_logs SET last = $2, digest = $3 WHERE id = $1`
	if c.Settings != nil {
		last = `UPDATE playout_logs SET last = $2, digest = $3, settings = $2 WHERE id = $1`
	}
	_, err = tx.ExecContext(ctx, last, id, c.Number, c.Digest())
	return err
}

// columnText is a text that PostgreSQL can hold; frozen assets have no other digests.
func columnText(s string) string {
	if !validDigest(s) {
		return ""
	}
	return s
}

// watch notes that somebody watches at the time of the page.
func (p *Playout) watch(ctx context.Context, on execer, page playlog.Page) error {
	if page.Now.Sub(page.Watched) < watchedStep {
		return nil
	}
	_, err := on.ExecContext(ctx, `UPDATE playout_logs SET watched_ns = $2 WHERE id = $1 AND watched_ns < $2`, page.ID, page.Now.UnixNano())
	return err
}

// execer is what *sql.DB and *sql.Tx have in common.
type execer interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

func otherLog(is, sent string) error {
	return fmt.Errorf("%w: %s, not %.64q", playlog.ErrOtherLog, is, sent)
}

// validDigest keeps texts out that databases and URLs treat differently. Ours
// are SHA-256 in hexadecimal.
func validDigest(digest string) bool { return schedule.ValidID(digest) }

// Freeze implements [playlog.Log].
func (p *Playout) Freeze(ctx context.Context, channel, id, digest string, data []byte) error {
	if !validDigest(digest) {
		return fmt.Errorf("%w: the digest %.64q has other characters than A-Z a-z 0-9 _ - or more than 64", playlog.ErrImplausible, digest)
	}
	if len(data) > maxFrozen {
		return fmt.Errorf("%w: a frozen asset may have %d bytes, this one has %d", playlog.ErrImplausible, maxFrozen, len(data))
	}
	now, err := p.readTime(ctx, channel)
	if err != nil {
		return err
	}
	if data == nil {
		data = []byte{} // not NULL
	}
	stored := int64(0)
	result, err := p.store.write.ExecContext(ctx, `INSERT INTO frozen_assets (log_id, digest, stored_ns, data)
		SELECT id, $3, $4, $5 FROM playout_logs WHERE channel_id = $1 AND id = $2
		ON CONFLICT (log_id, digest) DO UPDATE SET stored_ns = excluded.stored_ns, data = excluded.data`,
		channel, id, digest, now.UnixNano(), data)
	if err == nil {
		stored, err = result.RowsAffected()
	}
	if err != nil {
		return fmt.Errorf("freeze %s beside the playout log of channel %s: %w", digest, channel, err)
	}
	if stored > 0 {
		return nil
	}
	page, err := p.Read(ctx, channel, -1)
	if err != nil {
		return err
	}
	return otherLog(page.ID, id)
}

// Frozen implements [playlog.Log].
func (p *Playout) Frozen(ctx context.Context, channel, id, digest string) ([]byte, error) {
	if !validDigest(digest) {
		return nil, fmt.Errorf("%w: %.64q", playlog.ErrNotFrozen, digest)
	}
	var data []byte
	err := p.store.read.QueryRowContext(ctx, `SELECT f.data FROM frozen_assets f JOIN playout_logs l ON l.id = f.log_id
		WHERE l.channel_id = $1 AND l.id = $2 AND f.digest = $3`, channel, id, digest).Scan(&data)
	switch {
	case err == nil:
		return data, nil
	case !errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("read the frozen asset %s of channel %s: %w", digest, channel, err)
	}
	page, err := p.Read(ctx, channel, -1)
	switch {
	case err != nil:
		return nil, err
	case page.ID != id:
		return nil, otherLog(page.ID, id)
	}
	return nil, fmt.Errorf("%w: %s", playlog.ErrNotFrozen, digest)
}
