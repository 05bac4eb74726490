package schedulesql

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"consuo/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func openPostgresTest(t testing.TB) *Store {
	t.Helper()
	return openURL(t, pgtest.URL(t))
}

func openURL(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A URL without a password is completed by PGPASSWORD, which a container gets
// from a secret that nobody has to put into the URL (deploy/aws).
func TestPasswordFromEnvironment(t *testing.T) {
	url, password := pgtest.WithPassword(t)
	t.Setenv("PGPASSWORD", password+"x")
	if s, err := Open(t.Context(), url); err == nil {
		_ = s.Close()
		t.Error("the server lets in a wrong password, so this test proves nothing")
	} else if !strings.Contains(err.Error(), "PGPASSWORD") || strings.Contains(err.Error(), password) {
		t.Errorf("got %v", err)
	}
	t.Setenv("PGPASSWORD", password)
	makeChannel(t, openURL(t, url), "one")
}

// Replicas start at the same time on an empty database, and write over each
// other through stores of their own.
func TestReplicas(t *testing.T) {
	url := pgtest.URL(t)
	const replicas, edits = 5, 20
	stores := make([]*Store, replicas)
	var group sync.WaitGroup
	for i := range replicas {
		group.Go(func() {
			s, err := Open(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	before := makeChannel(t, stores[0], "one")
	for i, s := range stores {
		group.Go(func() {
			for n := range edits {
				at := (i*7 + n*13) % 31 * 10
				_ = insert(t, s, minutes(fmt.Sprintf("r%d-%d", i, n), at, at+10)) // most collide
			}
		})
	}
	group.Wait()
	events, revision, err := stores[replicas-1].Events(t.Context(), "one", slot(0, 1000))
	must(t, err)
	for i, e := range events {
		if i > 0 && e.Overlaps(events[i-1].Slot) {
			t.Errorf("%v overlaps %v", e, events[i-1])
		}
	}
	if len(events) != 31 || revision != before.Revision+31 {
		t.Errorf("%d events, %d edits, want 31", len(events), revision-before.Revision)
	}
	for _, s := range stores {
		must(t, s.Close())
	}
}

// A server may have another default, under which edits would fail with 40001.
func TestIsolationIsOurs(t *testing.T) {
	url := pgtest.URL(t)
	s := openURL(t, url+"&default_transaction_isolation=serializable")
	makeChannel(t, s, "one")
	var group sync.WaitGroup
	for i := range 10 {
		group.Go(func() {
			if err := insert(t, s, minutes(fmt.Sprint(i), i, i+1)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestPostgresErrors(t *testing.T) {
	url := pgtest.URL(t)
	for _, c := range []struct{ url, want string }{
		{strings.Replace(url, "@/", "@/no_such_", 1), "createdb no_such_"},
		{strings.Replace(url, "postgres@", "nobody:secret@", 1), "check user and password"},
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
