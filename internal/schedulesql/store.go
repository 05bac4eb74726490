// Package schedulesql keeps the schedule in an SQL database. Its statements
// and migrations are written for SQLite and PostgreSQL alike.
package schedulesql

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"consuo/internal/schedule"
)

// Store implements [schedule.Store].
type Store struct {
	read  *sql.DB
	write *sql.DB // SQLite: one connection, so that writers queue in order instead of polling for the lock
	// PostgreSQL has one pool for both.

	txOptions *sql.TxOptions // of writing transactions; nil: the database's default

	path     string      // SQLite: the file
	file     fs.FileInfo // and what it was when it was opened
	warnings []string
}

var _ schedule.Store = (*Store)(nil)

// Warnings say what the operator should know of where the data lies.
func (s *Store) Warnings() []string { return s.warnings }

// Close waits for running statements and closes the database.
func (s *Store) Close() error {
	return errors.Join(s.read.Close(), s.write.Close())
}

// Ping implements [schedule.Store]. A file that was deleted or replaced works
// on for those who have it open, but nobody will find what they write.
func (s *Store) Ping(ctx context.Context) error {
	if s.path != "" {
		if now, err := os.Stat(s.path); err != nil || !os.SameFile(now, s.file) {
			return fmt.Errorf("the database file %s was deleted or replaced while it is in use: put it back and restart", s.path)
		}
	}
	var n int
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM channels LIMIT 1) AS one`).Scan(&n); err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	return nil
}

// Channels implements [schedule.Store].
func (s *Store) Channels(ctx context.Context) ([]schedule.Channel, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, name, config, revision FROM channels`)
	return scanChannels(rows, err, func(c *schedule.Channel, config *string) []any {
		return []any{&c.ID, &c.Name, config, &c.Revision}
	})
}

// Revisions implements [schedule.Store].
func (s *Store) Revisions(ctx context.Context) ([]schedule.Channel, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, revision FROM channels`)
	return scanChannels(rows, err, func(c *schedule.Channel, _ *string) []any {
		return []any{&c.ID, &c.Revision}
	})
}

func scanChannels(rows *sql.Rows, err error, fields func(*schedule.Channel, *string) []any) ([]schedule.Channel, error) {
	if err != nil {
		return nil, fmt.Errorf("list channels: %w", err)
	}
	defer rows.Close()
	channels := []schedule.Channel{}
	for rows.Next() {
		var c schedule.Channel
		var config string
		if err := rows.Scan(fields(&c, &config)...); err != nil {
			return nil, fmt.Errorf("list channels: %w", err)
		}
		c.Config = json.RawMessage(config)
		channels = append(channels, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list channels: %w", err)
	}
	// Not ORDER BY: databases differ in what order text has.
	slices.SortFunc(channels, func(a, b schedule.Channel) int { return strings.Compare(a.ID, b.ID) })
	return channels, nil
}

// Channel implements [schedule.Store].
func (s *Store) Channel(ctx context.Context, id string) (schedule.Channel, error) {
	return queryChannel(ctx, s.read, id)
}

// queryer is what *sql.DB and *sql.Tx have in common.
type queryer interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func queryChannel(ctx context.Context, q queryer, id string) (schedule.Channel, error) {
	c := schedule.Channel{ID: id}
	var config string
	err := q.QueryRowContext(ctx, `SELECT name, config, revision FROM channels WHERE id = $1`, id).Scan(&c.Name, &config, &c.Revision)
	c.Config = json.RawMessage(config)
	return c, notFound(err, "channel", id)
}

func notFound(err error, kind, id string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return &schedule.NotFoundError{Kind: kind, ID: id}
	}
	return fmt.Errorf("read %s %s: %w", kind, id, err)
}

// CreateChannel implements [schedule.Store].
func (s *Store) CreateChannel(ctx context.Context, c schedule.Channel) (schedule.Channel, error) {
	stored, _, err := s.PutChannel(ctx, c, func(stored *schedule.Channel) error {
		if stored != nil {
			return &schedule.ExistsError{ID: c.ID}
		}
		return nil
	})
	return stored, err
}

// PutChannel implements [schedule.Store].
func (s *Store) PutChannel(ctx context.Context, c schedule.Channel, only schedule.Condition) (stored schedule.Channel, created bool, err error) {
	if c.Config, err = schedule.CompactConfig(c.Config); err != nil {
		return c, false, err
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		c.Revision = time.Now().UnixMicro() // edits are slower than one a microsecond, see Channel.Revision
		before, err := insertOrLock(ctx, tx, c)
		if err != nil {
			return err
		}
		if before == nil {
			created = true
			return only.Check(nil)
		}
		if err := only.Check(before); err != nil {
			return err
		}
		if before.Name == c.Name && string(before.Config) == string(c.Config) {
			c = *before
			return errUnchanged
		}
		c.Revision = before.Revision + 1
		_, err = tx.ExecContext(ctx, `UPDATE channels SET name = $2, config = $3 WHERE id = $1`, c.ID, c.Name, string(c.Config))
		return err
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return c, false, fmt.Errorf("store channel %s: %w", c.ID, err)
	}
	return c, created, nil
}

// DeleteChannel implements [schedule.Store].
func (s *Store) DeleteChannel(ctx context.Context, id string, only schedule.Condition) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		now, err := s.lockLog(ctx, tx, id)
		if err != nil {
			return err
		}
		stored, err := lockChannel(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := only.Check(&stored); err != nil {
			return err
		}
		if err := rememberLog(ctx, tx, id, now); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM channels WHERE id = $1`, id)
		return err
	})
}

// insertOrLock stores a new channel, or locks and returns the one that is
// there, with the revision that it had.
func insertOrLock(ctx context.Context, tx *sql.Tx, c schedule.Channel) (before *schedule.Channel, err error) {
	for { // again only if the channel is deleted between the two statements
		// One statement, so that of two who create the same channel only one does, on any database.
		result, err := tx.ExecContext(ctx, `INSERT INTO channels (id, name, config, revision) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO NOTHING`, c.ID, c.Name, string(c.Config), c.Revision)
		if err != nil {
			return nil, err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return nil, err
		}
		stored, err := lockChannel(ctx, tx, c.ID)
		if _, deleted := errors.AsType[*schedule.NotFoundError](err); !deleted {
			return &stored, err
		}
	}
}

// lockChannel keeps all others from editing a channel until the transaction
// ends, and returns it as it was: this raises its revision.
func lockChannel(ctx context.Context, tx *sql.Tx, id string) (schedule.Channel, error) {
	c := schedule.Channel{ID: id}
	var config string
	err := tx.QueryRowContext(ctx, `UPDATE channels SET revision = revision + 1 WHERE id = $1 RETURNING name, config, revision - 1`,
		id).Scan(&c.Name, &config, &c.Revision)
	c.Config = json.RawMessage(config)
	return c, notFound(err, "channel", id)
}

// oneRow is the error of a statement that must have changed one row.
func oneRow(result sql.Result, err error, kind, id string) error {
	if err != nil {
		return fmt.Errorf("change %s %s: %w", kind, id, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("change %s %s: %w", kind, id, err)
	}
	if n == 0 {
		return &schedule.NotFoundError{Kind: kind, ID: id}
	}
	return nil
}

// Events implements [schedule.Store].
func (s *Store) Events(ctx context.Context, channelID string, within schedule.Slot) ([]schedule.Event, int64, error) {
	// First the revision: if an edit comes between the two reads, the events
	// are newer than their revision says and will be read once more.
	c, err := queryChannel(ctx, s.read, channelID)
	if err != nil {
		return nil, 0, err
	}
	events, err := queryEvents(ctx, s.read, channelID, within)
	return events, c.Revision, err
}

const eventColumns = `id, title, uri, start_ms, end_ms, details`

func queryEvents(ctx context.Context, q queryer, channelID string, within schedule.Slot) ([]schedule.Event, error) {
	// The index finds the first event that ends late enough. An event that
	// begins before the slot's end has ended MaxDuration later.
	start, end := toMillis(within.Start), toMillis(within.End)
	return selectEvents(ctx, q, channelID, `end_ms > $2 AND end_ms < $3 AND start_ms < $4 ORDER BY end_ms`,
		start, end+schedule.MaxDuration.Milliseconds(), end)
}

// selectEvents reads those of a channel that fit a condition with the
// parameters $2 and so on.
func selectEvents(ctx context.Context, q queryer, channelID, condition string, args ...any) ([]schedule.Event, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+eventColumns+` FROM events WHERE channel_id = $1 AND `+condition,
		append([]any{channelID}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read events of channel %s: %w", channelID, err)
	}
	defer rows.Close()
	events := []schedule.Event{}
	for rows.Next() {
		e, err := scanEvent(rows.Scan, channelID)
		if err != nil {
			return nil, fmt.Errorf("read events of channel %s: %w", channelID, err)
		}
		events = append(events, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read events of channel %s: %w", channelID, err)
	}
	return events, nil
}

func scanEvent(scan func(...any) error, channelID string) (schedule.Event, error) {
	e := schedule.Event{ChannelID: channelID}
	var start, end int64
	var details string
	if err := scan(&e.ID, &e.Title, &e.URI, &start, &end, &details); err != nil {
		return e, err
	}
	e.Start, e.End = time.UnixMilli(start).UTC(), time.UnixMilli(end).UTC()
	if details != "" {
		if err := json.Unmarshal([]byte(details), &e.Details); err != nil {
			return e, fmt.Errorf("details of event %s: %w", e.ID, err)
		}
	}
	return e, nil
}

// detailsText is how details are stored.
func detailsText(d schedule.Details) (string, error) {
	if d.Empty() {
		return "", nil
	}
	raw, err := json.Marshal(d)
	return string(raw), err
}

// Upcoming implements [schedule.Store].
func (s *Store) Upcoming(ctx context.Context, channelID string, at time.Time, limit int) ([]schedule.Event, error) {
	if _, err := queryChannel(ctx, s.read, channelID); err != nil {
		return nil, err
	}
	return selectEvents(ctx, s.read, channelID, `end_ms > $2 ORDER BY end_ms LIMIT CAST($3 AS BIGINT)`, toMillis(at), limit)
}

// toMillis is t in milliseconds, moved to where events can be.
func toMillis(t time.Time) int64 {
	switch {
	case t.Before(schedule.MinTime):
		t = schedule.MinTime
	case t.After(schedule.MaxTime):
		t = schedule.MaxTime
	}
	return t.UnixMilli()
}

// Event implements [schedule.Store].
func (s *Store) Event(ctx context.Context, channelID, id string) (schedule.Event, error) {
	if _, err := queryChannel(ctx, s.read, channelID); err != nil {
		return schedule.Event{}, err
	}
	return queryEvent(ctx, s.read, channelID, id)
}

func queryEvent(ctx context.Context, q queryer, channelID, id string) (schedule.Event, error) {
	row := q.QueryRowContext(ctx, `SELECT `+eventColumns+` FROM events WHERE channel_id = $1 AND id = $2`, channelID, id)
	e, err := scanEvent(row.Scan, channelID)
	return e, notFound(err, "event", id)
}

// Edit implements [schedule.Store].
func (s *Store) Edit(ctx context.Context, channelID string, f func(schedule.Tx) error) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		// If nothing changes, the revision is lowered again by a rollback.
		if _, err := lockChannel(ctx, tx, channelID); err != nil {
			return err
		}
		edit := &edit{ctx: ctx, tx: tx, channelID: channelID}
		if err := f(edit); err != nil {
			return err
		}
		if !edit.changed {
			return errUnchanged
		}
		return nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("edit channel %s: %w", channelID, err)
	}
	return nil
}

// errUnchanged rolls an edit back that has changed nothing.
var errUnchanged = errors.New("unchanged")

// edit implements [schedule.Tx] for one transaction.
type edit struct {
	ctx       context.Context // of the transaction
	tx        *sql.Tx
	channelID string
	changed   bool
}

func (e *edit) Events(within schedule.Slot) ([]schedule.Event, error) {
	return queryEvents(e.ctx, e.tx, e.channelID, within)
}

func (e *edit) Event(id string) (schedule.Event, error) {
	return queryEvent(e.ctx, e.tx, e.channelID, id)
}

func (e *edit) Insert(v schedule.Event) error {
	return e.put(v, `INSERT INTO events (channel_id, id, title, uri, start_ms, end_ms, details) VALUES ($1, $2, $3, $4, $5, $6, $7)`)
}

func (e *edit) Update(v schedule.Event) error {
	return e.put(v, `UPDATE events SET title = $3, uri = $4, start_ms = $5, end_ms = $6, details = $7 WHERE channel_id = $1 AND id = $2`)
}

func (e *edit) put(v schedule.Event, statement string) error {
	details, err := detailsText(v.Details)
	if err != nil {
		return fmt.Errorf("write event %s: %w", v.ID, err)
	}
	return e.exec(v.ID, statement, e.channelID, v.ID, v.Title, v.URI, v.Start.UnixMilli(), v.End.UnixMilli(), details)
}

func (e *edit) Delete(id string) error {
	return e.exec(id, `DELETE FROM events WHERE channel_id = $1 AND id = $2`, e.channelID, id)
}

func (e *edit) exec(id, statement string, args ...any) error {
	result, err := e.tx.ExecContext(e.ctx, statement, args...)
	if err := oneRow(result, err, "event", id); err != nil {
		return err
	}
	e.changed = true
	return nil
}

func (s *Store) inTx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, s.txOptions)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}
