package schedulesql

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Statements that a connection keeps are good for another time, whatever became
// of them, and hold nothing meanwhile.
func TestStatementsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := openPool(sqliteDSN(path, true))
	must(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(query string, args ...any) error {
		_, err := db.ExecContext(t.Context(), query, args...)
		return err
	}
	must(t, exec(`CREATE TABLE numbers (n INTEGER PRIMARY KEY, text TEXT)`))
	const (
		insert = `INSERT INTO numbers (n, text) VALUES ($1, $2)`
		list   = `SELECT n, text FROM numbers WHERE n > $1 ORDER BY n`
		long   = `WITH RECURSIVE c(x) AS (SELECT $1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c LIMIT 1` // for ever
	)
	for n := range 10 {
		must(t, exec(insert, n, "a"))
		if exec(insert, n, "b") == nil {
			t.Error("a number twice")
		}
		if exec(insert, n) == nil {
			t.Error("an argument is missing")
		}
	}

	// A statement that is in use is not used once more.
	tx, err := db.BeginTx(t.Context(), nil)
	must(t, err)
	var pairs int
	outer, err := tx.QueryContext(t.Context(), list, 6)
	must(t, err)
	for outer.Next() {
		inner, err := tx.QueryContext(t.Context(), list, 7)
		must(t, err)
		for inner.Next() {
			pairs++
		}
		must(t, errors.Join(inner.Err(), inner.Close()))
	}
	must(t, errors.Join(outer.Err(), outer.Close(), tx.Commit()))
	if pairs != 3*2 {
		t.Errorf("%d pairs of rows", pairs)
	}

	// One that was left in the middle has neither a lock nor old rows.
	rows, err := db.QueryContext(t.Context(), list, 0)
	must(t, err)
	rows.Next()
	must(t, rows.Close())
	must(t, exec(`UPDATE numbers SET text = $1`, "c"))
	var busy, pages, moved int
	other, err := openPool(sqliteDSN(path, true))
	must(t, err)
	defer other.Close()
	must(t, other.QueryRowContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved))
	if busy != 0 || pages != 0 {
		t.Errorf("the log of the database stays: %d %d %d", busy, pages, moved)
	}
	var n int
	var text string
	must(t, db.QueryRowContext(t.Context(), list, 0).Scan(&n, &text))
	if n != 1 || text != "c" {
		t.Errorf("the first row is %d %q", n, text)
	}

	kept := func() (n int) {
		conn, err := db.Conn(t.Context())
		must(t, err)
		defer conn.Close()
		must(t, conn.Raw(func(c any) error { n = len(c.(*keepingConn).idle); return nil }))
		return n
	}
	if n := kept(); n != 4 { // CREATE, INSERT, SELECT, UPDATE
		t.Errorf("%d statements are kept", n)
	}

	// One that fails is good for another time as well.
	const absolute = `SELECT abs($1)`
	for range 2 {
		if err := db.QueryRowContext(t.Context(), absolute, int64(math.MinInt64)).Scan(&n); err == nil {
			t.Error("there is no such number")
		}
	}
	if n := kept(); n != 5 {
		t.Errorf("%d statements are kept after one has failed", n)
	}
	must(t, db.QueryRowContext(t.Context(), absolute, -3).Scan(&n))
	if n != 3 {
		t.Errorf("the next time it is %d", n)
	}

	// One that is interrupted ends, and the next is not.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := db.QueryRowContext(ctx, long, 1).Scan(&n); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("interrupted: %v", err)
	}
	must(t, exec(insert, 100, "d"))
	if err := db.QueryRowContext(t.Context(), list, 100).Scan(&n, &text); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("no rows: %v", err)
	}
}

// closing counts the statements that were closed.
type closing struct {
	fullStmt
	closed *int
}

func (c closing) Close() error { *c.closed++; return nil }

// What is not kept is closed: there is one of each text, and not any number.
func TestStatementsAreClosed(t *testing.T) {
	closed := 0
	c := &keepingConn{idle: make(map[string]fullStmt)}
	must(t, errors.Join(c.giveBack("a", closing{closed: &closed}), c.giveBack("a", closing{closed: &closed})))
	if closed != 1 || len(c.idle) != 1 {
		t.Errorf("of two of a text %d were closed", closed)
	}
	for i := range mostStatements {
		must(t, c.giveBack(strconv.Itoa(i), closing{closed: &closed}))
	}
	if closed != 2 || len(c.idle) != mostStatements {
		t.Errorf("%d are kept, %d were closed", len(c.idle), closed)
	}
}
