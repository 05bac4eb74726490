package schedulesql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// mostStatements bounds the statements that a connection keeps. There are
// fewer.
const mostStatements = 100

// sqliteConnector makes connections to SQLite that keep the statements that they
// have compiled: for short ones that costs more than to run them, and database/sql
// can keep none for a transaction without a connection of its own.
type sqliteConnector struct {
	driver driver.Driver
	dsn    string
}

// openPool opens a pool of such connections.
func openPool(dsn string) (*sql.DB, error) {
	plain, err := sql.Open("sqlite", dsn) // connects to nothing
	if err != nil {
		return nil, err
	}
	defer plain.Close() //nolint:errcheck // it has no connection
	return sql.OpenDB(&sqliteConnector{plain.Driver(), dsn}), nil
}

// Driver implements driver.Connector.
func (c *sqliteConnector) Driver() driver.Driver { return c.driver }

// Connect implements driver.Connector.
func (c *sqliteConnector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	inner, ok := opened.(fullConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the SQLite driver's %T lacks methods", opened), opened.Close())
	}
	return &keepingConn{fullConn: inner, idle: make(map[string]fullStmt)}, nil
}

// fullConn and fullStmt are what database/sql knows to use of a connection and
// of a statement, but for legacy.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// keepingConn keeps statements by their text. As any driver.Conn it is used by
// one goroutine at a time.
type keepingConn struct {
	fullConn
	idle map[string]fullStmt
}

// take returns a statement that nobody uses until it is given back.
func (c *keepingConn) take(ctx context.Context, query string) (fullStmt, error) {
	if s := c.idle[query]; s != nil {
		delete(c.idle, query)
		return s, nil
	}
	s, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	full, ok := s.(fullStmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the SQLite driver's %T lacks methods", s), s.Close())
	}
	return full, nil
}

func (c *keepingConn) giveBack(query string, s fullStmt) error {
	if c.idle[query] != nil || len(c.idle) >= mostStatements {
		return s.Close()
	}
	c.idle[query] = s
	return nil
}

// ExecContext implements driver.ExecerContext.
func (c *keepingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := s.ExecContext(ctx, args)
	return result, errors.Join(err, c.giveBack(query, s))
}

// QueryContext implements driver.QueryerContext.
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, errors.Join(err, c.giveBack(query, s))
	}
	return &keptRows{Rows: rows, conn: c, query: query, stmt: s}, nil
}

// Close implements driver.Conn.
func (c *keepingConn) Close() error {
	var errs []error
	for _, s := range c.idle {
		errs = append(errs, s.Close())
	}
	clear(c.idle)
	return errors.Join(append(errs, c.fullConn.Close())...)
}

// keptRows give their statement back when they are closed. Until then
// another query of the same text has one of its own.
type keptRows struct {
	driver.Rows
	conn  *keepingConn
	query string
	stmt  fullStmt
}

// Close implements driver.Rows.
func (r *keptRows) Close() error {
	if r.stmt == nil {
		return nil
	}
	s := r.stmt
	r.stmt = nil
	if err := r.Rows.Close(); err != nil {
		return errors.Join(err, s.Close())
	}
	return r.conn.giveBack(r.query, s)
}
