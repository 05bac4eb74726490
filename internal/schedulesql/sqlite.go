package schedulesql

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite", without cgo
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is the number of SQLite connections that only read.
const readers = 4

// Open opens or creates the database that DATABASE_URL names and brings its
// tables up to date. A URL is never repeated in an error: it may hold a password.
func Open(ctx context.Context, databaseURL string) (*Store, error) {
	scheme, _, isURL := strings.Cut(databaseURL, "://")
	switch {
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		return openPostgres(ctx, databaseURL)
	case isURL:
		return nil, fmt.Errorf("DATABASE_URL: unknown scheme %q; want postgres://…, or a file for SQLite, for instance /data/schedule.db", scheme)
	case strings.TrimSpace(databaseURL) == "" || strings.ContainsAny(databaseURL, "\x00\n"):
		return nil, errors.New("DATABASE_URL must be postgres://… or name a file, for instance /data/schedule.db")
	}
	return openSQLite(ctx, databaseURL)
}

func openSQLite(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	write, err := openPool(sqliteDSN(path, true))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	read, err := openPool(sqliteDSN(path, false))
	if err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	s := &Store{read: read, write: write, path: path}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		s.warnings = storageWarnings(dir)
	}
	if err := s.migrate(ctx, goose.DialectSQLite3); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if s.file, err = os.Stat(path); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open: %w", err)
	}
	return s, nil
}

// sqliteDSN has every setting in it, so that each connection of the pool has
// them, whenever it is made. A commit is on disk before it is acknowledged
// (synchronous=FULL). Writers take their lock at once (immediate): a reader
// that turns into a writer would fail instead of waiting.
func sqliteDSN(path string, write bool) string {
	pragmas := []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "temp_store(MEMORY)"}
	query := url.Values{}
	if write {
		query.Set("_txlock", "immediate")
	} else {
		pragmas = append(pragmas, "query_only(ON)")
	}
	query["_pragma"] = pragmas
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// prepareFile makes the folder and the file, so that the usual mistakes get a
// better answer than SQLite's "unable to open database file (14)".
func prepareFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return unwritable(dir, err)
	}
	// SQLite keeps two more files beside the database, so the folder counts too.
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return unwritable(dir, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return unwritable(dir, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return unwritable(path, err)
	}
	return file.Close()
}

func unwritable(path string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	uid := os.Getuid()
	return fmt.Errorf("the database can't be written: %s: %w; this process runs as uid %d: "+
		"give it the right to write there (for a mounted folder: chown %d on the host) or set DATABASE_URL to a file elsewhere", path, err, uid, uid)
}

// migrate brings the tables up to date. Each migration is a transaction; where
// another process makes the same one at the same time, the later of the two
// fails and finds it done at its next attempt.
func (s *Store) migrate(ctx context.Context, dialect goose.Dialect) error {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	for range 5 {
		var provider *goose.Provider
		if provider, err = goose.NewProvider(dialect, s.write, folder); err != nil {
			return fmt.Errorf("read migrations: %w", err)
		}
		if _, err = provider.Up(ctx); err == nil {
			return nil
		}
	}
	return fmt.Errorf("migrate: %w", err)
}
