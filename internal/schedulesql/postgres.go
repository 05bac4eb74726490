package schedulesql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// connections is how many a replica holds at most. A PostgreSQL allows 100 by
// default, of all its clients together.
const connections = 16

// migrationLock is the advisory lock that one replica holds while it migrates:
// "consuo" as a number.
const migrationLock = 0x636f6e73756f

// openPostgres opens a database that several replicas may share. Two edits of
// one channel exclude each other by the lock on the channel's row, which
// [Store.Edit] takes first; each of its later statements sees all that was
// committed before (READ COMMITTED), so that no edit has to be repeated.
func openPostgres(ctx context.Context, databaseURL string) (*Store, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errors.New("DATABASE_URL can't be read: want postgres://user:password@host:5432/database?sslmode=require, with special characters of the password escaped (%40 for @)")
	}
	config.ConnectTimeout = 10 * time.Second
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "consuo-schedule"
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		// A replica that the network has lost must not hold a channel's lock for long.
		_, err := c.Exec(ctx, `SET idle_in_transaction_session_timeout = '30s'`)
		return err
	}))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s := &Store{read: db, write: db, txOptions: &sql.TxOptions{Isolation: sql.LevelReadCommitted}}
	if err := s.migratePostgres(ctx); err != nil {
		_ = s.Close()
		return nil, postgresError(config, err)
	}
	return s, nil
}

// migratePostgres lets one replica migrate while others wait.
func (s *Store) migratePostgres(ctx context.Context) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // also gives up the lock, if unlocking fails
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(migrationLock)); err != nil {
		return fmt.Errorf("wait for other replicas to migrate: %w", err)
	}
	migration := s.migrate(ctx, goose.DialectPostgres)
	_, err = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(migrationLock))
	return errors.Join(migration, err)
}

// postgresError says where the database is without its password, and what to
// change if that can be told.
func postgresError(config *pgx.ConnConfig, err error) error {
	hint := ""
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "28P01", "28000": // invalid_password, invalid_authorization_specification
			hint = "; check user and password in DATABASE_URL (or the password in PGPASSWORD), and whether the server wants sslmode=require"
		case "3D000": // invalid_catalog_name
			hint = "; create the database first: createdb " + config.Database
		case "42501": // insufficient_privilege
			hint = "; let the user create tables: GRANT CREATE ON SCHEMA public TO " + config.User
		}
	} else if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		hint = "; is the server up, and reachable from here? DATABASE_URL names host and port"
	}
	return fmt.Errorf("open the PostgreSQL database %q at %s:%d: %w%s", config.Database, config.Host, config.Port, err, hint)
}
