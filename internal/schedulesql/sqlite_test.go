package schedulesql

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Each connection of the pools must have the settings, not only the first: a
// PRAGMA that is executed reaches one.
func TestEveryConnectionIsDurable(t *testing.T) {
	s := openTest(t)
	for name, pool := range map[string]struct {
		db *sql.DB
		n  int
	}{"write": {s.write, 1}, "read": {s.read, readers}} {
		for i := range pool.n { // all are held at once, so these are different ones
			conn, err := pool.db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for pragma, want := range map[string]string{
				"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000",
			} {
				var got string
				if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
					t.Errorf("%s connection %d: %s is %s, %v, want %s", name, i, pragma, got, err, want)
				}
			}
		}
	}
	if stats := s.read.Stats(); stats.OpenConnections != readers {
		t.Errorf("%d connections to read, want %d", stats.OpenConnections, readers)
	}
}

// Reopening keeps the data; two processes may have the file open.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "schedule.db")
	first, err := Open(t.Context(), path)
	must(t, err)
	makeChannel(t, first, "one")
	second, err := Open(t.Context(), path)
	must(t, err)
	must(t, insert(t, second, minutes("a", 0, 1)))
	must(t, insert(t, first, minutes("b", 1, 2)))
	must(t, first.Close())
	must(t, second.Ping(t.Context()))
	must(t, second.Close())
	third, err := Open(t.Context(), path)
	must(t, err)
	defer third.Close()
	if events, _, err := third.Events(t.Context(), "one", slot(0, 9)); err != nil || ids(events) != "a b" {
		t.Errorf("after opening again: %q, %v", ids(events), err)
	}
}

func TestPingFindsLostFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "schedule.db")
	s, err := Open(t.Context(), path)
	must(t, err)
	defer s.Close()
	must(t, s.Ping(t.Context()))
	must(t, os.Rename(path, path+".moved"))
	if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("moved away: %v", err)
	}
	must(t, os.WriteFile(path, nil, 0o600))
	if err := s.Ping(t.Context()); err == nil {
		t.Error("replaced: no error")
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, []byte("this is no database, but long enough to be read as one"), 0o600))
	for _, c := range []struct{ url, want string }{
		{"", "name a file"},
		{"postgres://user:secret@host:port/db", "DATABASE_URL can't be read"},
		{"postgresql://user:secret@127.0.0.1:1/db", "is the server up"},
		{"mysql://user:secret@host/db", `unknown scheme "mysql"`},
		{filepath.Join(file, "schedule.db"), "not a directory"},
		{dir, dir},
		{file, "not a database"},
	} {
		s, err := Open(t.Context(), c.url)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q): %v, want %q", c.url, err, c.want)
		}
	}
}

func TestUnwritable(t *testing.T) {
	err := unwritable("/data", &os.PathError{Op: "open", Path: "/data/.writable-123", Err: os.ErrPermission})
	for _, want := range []string{"/data", "permission denied", fmt.Sprint("uid ", os.Getuid()), "chown", "DATABASE_URL"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if os.Getuid() == 0 {
		return // root may write anywhere
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o500))
	if _, err := Open(t.Context(), filepath.Join(dir, "schedule.db")); err == nil || !strings.Contains(err.Error(), "chown") {
		t.Errorf("got %v", err)
	}
}

func TestStorageWarning(t *testing.T) {
	const (
		dockerRoot = "801 700 0:52 / / rw,relatime master:300 - overlay overlay rw,lowerdir=/x\n"
		proc       = "802 801 0:55 / /proc rw,nosuid - proc proc rw\n"
		tmp        = "803 801 0:57 / /tmp rw - tmpfs tmpfs rw\n"
		named      = "810 801 259:1 /var/lib/docker/volumes/schedule/_data /data rw,relatime - ext4 /dev/nvme0n1p1 rw\n"
		anonymous  = "810 801 259:1 /var/lib/docker/volumes/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/_data /data rw - ext4 /dev/nvme0n1p1 rw\n"
		bind       = "811 801 259:1 /home/me/my\\040data /my\\040data rw - btrfs /dev/sda1 rw\n"
		efs        = "812 801 0:60 / /data rw - nfs4 127.0.0.1:/ rw\n"
		laptopRoot = "28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n"
		btrfsRoot  = "28 1 0:25 /@ / rw,relatime shared:1 - btrfs /dev/nvme0n1p2 rw\n"
	)
	for _, c := range []struct {
		name, mounts, dir  string
		container, fargate bool
		want               string // part of the warning, "" for none
	}{
		{"laptop", laptopRoot + tmp, "/home/me/data", false, false, ""},
		{"laptop, btrfs", btrfsRoot, "/home/me/data", false, false, ""},
		{"laptop, in memory", laptopRoot + tmp, "/tmp/x", false, false, "in memory"},
		{"container without a volume", dockerRoot + proc, "/data", true, false, "not on a mounted volume"},
		{"container that hides what it is", dockerRoot + proc, "/data", false, false, "not on a mounted volume"},
		{"container on btrfs", btrfsRoot, "/data", true, false, "not on a mounted volume"},
		{"volume", dockerRoot + proc + named, "/data", true, false, ""},
		{"folder in a volume", dockerRoot + named, "/data/db", true, false, ""},
		{"beside the volume", dockerRoot + named, "/database", true, false, "not on a mounted volume"},
		{"anonymous volume", dockerRoot + anonymous, "/data", true, false, "anonymous"},
		{"blank in the name", dockerRoot + bind, "/my data", true, false, ""},
		{"mounted twice", dockerRoot + tmp + "804 803 8:1 / /tmp rw - ext4 /dev/sda rw\n", "/tmp", true, false, ""},
		{"Fargate", dockerRoot + named, "/data", true, true, "EFS"},
		{"Fargate with EFS", dockerRoot + efs, "/data", true, true, ""},
		{"no such file", "", "/data", true, false, ""},
		{"nonsense", "a b\n - \n1 2 3 - x\n", "/data", true, false, ""},
	} {
		got := storageWarning(c.mounts, c.dir, c.container, c.fargate)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Replicas on one volume, or an old and a new task during a deployment, may
// start at the same time.
func TestOpenAtTheSameTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "schedule.db")
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			s, err := Open(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
