// Package pgtest gives tests a PostgreSQL of their own: a server that is
// reached through a socket in a temporary folder and ends with the test binary.
// A package that uses it has
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
package pgtest

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"consuo/internal/testneeds"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Main runs the tests and then stops the server, if any test has started it.
func Main(m *testing.M) int {
	code := m.Run()
	if running != nil {
		running.stop()
	}
	return code
}

// A server belongs to the test binary.
type server struct {
	dir  string // its data, and its socket
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

var (
	once    sync.Once // guards the start
	running *server   // nil: not started, or failed
	failure error     // why it could not be started
)

// URL creates an empty database and returns its DATABASE_URL. It is dropped at
// the end of the test. Where no server is installed the test is skipped, or
// fails if the environment has CI=true.
func URL(t testing.TB) string {
	t.Helper()
	name := strings.ToLower("t" + rand.Text()[:12])
	create(t, name, "CREATE DATABASE "+name)
	return running.url("postgres", name)
}

// WithPassword creates an empty database that belongs to a user of its own, as
// on a server that one rents, and returns its DATABASE_URL, which lacks the
// password that the server asks for.
func WithPassword(t testing.TB) (databaseURL, password string) {
	t.Helper()
	name := strings.ToLower("t" + rand.Text()[:12])
	password = rand.Text()
	create(t, name,
		"DO $$ BEGIN CREATE ROLE "+withPassword+"; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$",
		"CREATE ROLE "+name+" LOGIN PASSWORD '"+password+"' IN ROLE "+withPassword,
		"CREATE DATABASE "+name+" OWNER "+name)
	return running.url(name, name), password
}

// create makes a database by statements, and drops it and the role of that name
// at the end of the test.
func create(t testing.TB, name string, statements ...string) {
	t.Helper()
	bin := binaries()
	if bin == "" {
		testneeds.Tool(t, "initdb") // is not there: says so
	}
	once.Do(func() { running, failure = start(bin) })
	if failure != nil {
		t.Fatal(failure)
	}
	admin, err := sql.Open("pgx", running.url("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := admin.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		if _, err := admin.ExecContext(context.Background(), "DROP ROLE IF EXISTS "+name); err != nil {
			t.Error(err)
		}
		_ = admin.Close()
	})
}

func (s *server) url(user, database string) string {
	return "postgres://" + user + "@/" + database + "?host=" + url.QueryEscape(s.dir)
}

// withPassword is the role of those who have to show a password; everybody
// else is let in.
const withPassword = "with_password"

// binaries is the folder of initdb and postgres, "" if they are not installed.
// Debian keeps them out of PATH.
func binaries() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is right
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

// start makes a cluster and waits until it accepts connections. The server
// refuses to run as root, so root hands it to another user.
func start(bin string) (*server, error) {
	dir, err := os.MkdirTemp("", "pg") // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, done: make(chan struct{})}
	as := attributes()
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
		}
		uid, _ := strconv.Atoi(u.Uid) // they are numbers on systems that have setuid
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	initdb.Dir = dir
	initdb.SysProcAttr = as
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	rules := "local all +" + withPassword + " scram-sha-256\nlocal all all trust\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(rules), 0o644); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "max_connections=300", "-c", "shared_buffers=32MB", "-c", "timezone=Asia/Kathmandu")
	s.cmd.Dir = dir
	s.cmd.SysProcAttr = as
	log, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // Pdeathsig is sent when this thread ends, not the process
		if err := s.cmd.Start(); err != nil {
			started <- err
			return
		}
		ready := awaitReady(log)
		started <- ready
		_, _ = io.Copy(io.Discard, log) // a full pipe would stop the server
		_ = s.cmd.Wait()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return s, nil
}

// awaitReady reads the server's log up to the line that says so.
func awaitReady(log io.Reader) error {
	var seen strings.Builder
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), "ready to accept connections") {
			return nil
		}
		seen.WriteString(lines.Text() + "\n")
	}
	return errors.New("it ended: " + seen.String())
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT) // immediate: the data is thrown away
	<-s.done
	os.RemoveAll(s.dir)
}
