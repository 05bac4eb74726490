package schedulesql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"consuo/internal/schedule"
)

func openTest(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "a b?c#d%41", "schedule.db"))
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

// stores are all implementations of schedule.Store; every test of the contract
// runs on each.
var stores = map[string]func(testing.TB) schedule.Store{
	"sqlite":   func(t testing.TB) schedule.Store { return openTest(t) },
	"postgres": func(t testing.TB) schedule.Store { return openPostgresTest(t) },
}

func each(t *testing.T, f func(*testing.T, schedule.Store)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// minutes is an event on channel "one" from..to minutes after noon.
func minutes(id string, from, to int) schedule.Event {
	return schedule.Event{
		ID: id, ChannelID: "one", Title: "Title of " + id, URI: "https://vod.example/" + id + ".m3u8",
		Slot:    slot(from, to),
		Details: schedule.Details{Description: "Two\nlines", Categories: []string{"News", "Ü"}, Episode: "S1E2", Rating: "MPAA:PG", Language: "sv"},
	}
}

func slot(from, to int) schedule.Slot {
	return schedule.Slot{Start: noon.Add(time.Duration(from) * time.Minute), End: noon.Add(time.Duration(to) * time.Minute)}
}

func ids(events []schedule.Event) string {
	var ids []string
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

func makeChannel(t testing.TB, s schedule.Store, id string) schedule.Channel {
	t.Helper()
	c, err := s.CreateChannel(t.Context(), schedule.Channel{ID: id, Name: "Name of " + id})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func insert(t testing.TB, s schedule.Store, events ...schedule.Event) error {
	t.Helper()
	return s.Edit(t.Context(), "one", func(tx schedule.Tx) error { return schedule.Insert(tx, events) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantNotFound(t testing.TB, err error, kind string) {
	t.Helper()
	if e, ok := errors.AsType[*schedule.NotFoundError](err); !ok || e.Kind != kind {
		t.Errorf("got error %v, want that a %s is not found", err, kind)
	}
}

func TestChannels(t *testing.T) {
	each(t, func(t *testing.T, s schedule.Store) {
		ctx := t.Context()
		list, err := s.Channels(ctx)
		if err != nil || list == nil || len(list) != 0 {
			t.Fatalf("an empty store lists %v, %v", list, err)
		}
		one := makeChannel(t, s, "one")
		if string(one.Config) != "{}" || one.Revision < noon.AddDate(-2, 0, 0).UnixMicro() {
			t.Errorf("created %+v", one)
		}
		makeChannel(t, s, "B")
		makeChannel(t, s, "a")
		_, err = s.CreateChannel(ctx, schedule.Channel{ID: "one"})
		if _, ok := errors.AsType[*schedule.ExistsError](err); !ok {
			t.Errorf("created twice: %v", err)
		}

		changed, created, err := s.PutChannel(ctx, schedule.Channel{ID: "one", Name: "new", Config: json.RawMessage(`{ "x": [1] }`)}, nil)
		if err != nil || created || changed.Revision != one.Revision+1 || string(changed.Config) != `{"x":[1]}` {
			t.Errorf("put %+v, %v, %v", changed, created, err)
		}
		again, _, err := s.PutChannel(ctx, changed, nil)
		if err != nil || again.Revision != changed.Revision {
			t.Errorf("an equal put raised the revision: %+v, %v", again, err)
		}
		if _, created, err := s.PutChannel(ctx, schedule.Channel{ID: "two"}, nil); !created || err != nil {
			t.Errorf("put of a new channel: created %v, %v", created, err)
		}

		list, err = s.Channels(ctx)
		must(t, err)
		revisions, err := s.Revisions(ctx)
		must(t, err)
		var names []string
		for i, c := range list {
			names = append(names, c.ID)
			if revisions[i].ID != c.ID || revisions[i].Revision != c.Revision {
				t.Errorf("revisions %v, channels %v", revisions, list)
			}
		}
		if !slices.Equal(names, []string{"B", "a", "one", "two"}) {
			t.Errorf("order %v", names)
		}

		must(t, insert(t, s, minutes("e", 0, 1)))
		must(t, s.DeleteChannel(ctx, "one", nil))
		wantNotFound(t, s.DeleteChannel(ctx, "one", nil), "channel")
		_, err = s.Channel(ctx, "one")
		wantNotFound(t, err, "channel")
		_, _, err = s.Events(ctx, "one", slot(0, 1))
		wantNotFound(t, err, "channel")
		_, err = s.Event(ctx, "one", "e")
		wantNotFound(t, err, "channel")
		wantNotFound(t, insert(t, s, minutes("e", 0, 1)), "channel")

		reborn := makeChannel(t, s, "one")
		if reborn.Revision <= changed.Revision {
			t.Errorf("made again it has revision %d, before %d", reborn.Revision, changed.Revision)
		}
		if events, _, err := s.Events(ctx, "one", slot(0, 1)); err != nil || len(events) != 0 {
			t.Errorf("made again it has events %v, %v", events, err)
		}
	})
}

func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, s schedule.Store) {
		ctx := t.Context()
		before := makeChannel(t, s, "one")
		makeChannel(t, s, "other")
		must(t, insert(t, s, minutes("b", 20, 30), minutes("a", 10, 20), minutes("c", 40, 100)))
		after, err := s.Channel(ctx, "one")
		must(t, err)
		if after.Revision != before.Revision+1 {
			t.Errorf("revision %d, was %d", after.Revision, before.Revision)
		}

		for _, c := range []struct {
			from, to int
			want     string
		}{
			{0, 200, "a b c"},
			{0, 10, ""},
			{0, 11, "a"},
			{19, 20, "a"},
			{20, 21, "b"},
			{30, 40, ""},
			{50, 60, "c"}, // began long before and is still on
			{100, 200, ""},
		} {
			events, revision, err := s.Events(ctx, "one", slot(c.from, c.to))
			if err != nil || ids(events) != c.want || revision != after.Revision {
				t.Errorf("%d to %d: %q at revision %d, %v, want %q", c.from, c.to, ids(events), revision, err, c.want)
			}
		}
		if events, _, err := s.Events(ctx, "one", schedule.Slot{Start: time.Time{}, End: time.Unix(1<<40, 0)}); err != nil || ids(events) != "a b c" {
			t.Errorf("all: %q, %v", ids(events), err)
		}
		if events, _, err := s.Events(ctx, "other", slot(0, 200)); err != nil || len(events) != 0 {
			t.Errorf("the other channel has %v, %v", events, err)
		}
		got, err := s.Event(ctx, "one", "c")
		if want := minutes("c", 40, 100); err != nil || !got.Equal(want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		_, err = s.Event(ctx, "one", "zzz")
		wantNotFound(t, err, "event")
		_, err = s.Event(ctx, "other", "a")
		wantNotFound(t, err, "event")
	})
}

func TestInsertConflicts(t *testing.T) {
	each(t, func(t *testing.T, s schedule.Store) {
		makeChannel(t, s, "one")
		must(t, insert(t, s, minutes("a", 10, 20), minutes("b", 20, 30)))
		for _, c := range []struct {
			name   string
			events []schedule.Event
			want   []string // "index:other", with "id" where the id is taken
		}{
			{"over one", []schedule.Event{minutes("x", 15, 16)}, []string{"0:a"}},
			{"over both", []schedule.Event{minutes("x", 19, 21)}, []string{"0:a", "0:b"}},
			{"around both", []schedule.Event{minutes("x", 0, 90)}, []string{"0:a", "0:b"}},
			{"id taken", []schedule.Event{minutes("a", 50, 60)}, []string{"0:a id"}},
			{"the same again", []schedule.Event{minutes("a", 10, 20)}, []string{"0:a id"}},
			{"second is bad", []schedule.Event{minutes("x", 40, 50), minutes("y", 29, 31)}, []string{"1:b"}},
			{"within the array", []schedule.Event{minutes("x", 40, 50), minutes("y", 49, 51)}, []string{"1:x"}},
			{"within, hidden by a short one", []schedule.Event{minutes("x", 40, 90), minutes("y", 91, 92), minutes("z", 45, 46), minutes("w", 60, 61)}, []string{"2:x", "3:x"}},
			{"ids within the array", []schedule.Event{minutes("x", 40, 50), minutes("x", 50, 60)}, []string{"1:x id"}},
		} {
			err := insert(t, s, c.events...)
			conflict, ok := errors.AsType[*schedule.ConflictError](err)
			if !ok {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			var got []string
			for _, c := range conflict.Conflicts {
				s := fmt.Sprintf("%d:%s", c.Index, c.Other.ID)
				if c.SameID {
					s += " id"
				}
				got = append(got, s)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
			if events, _, err := s.Events(t.Context(), "one", slot(0, 500)); err != nil || ids(events) != "a b" {
				t.Errorf("%s: stored %q, %v", c.name, ids(events), err)
			}
		}
		must(t, insert(t, s, minutes("x", 30, 40), minutes("y", 0, 10)))
	})
}

func TestPutAndDelete(t *testing.T) {
	each(t, func(t *testing.T, s schedule.Store) {
		ctx := t.Context()
		start := makeChannel(t, s, "one").Revision
		put := func(e schedule.Event) (created bool, err error) {
			err = s.Edit(ctx, "one", func(tx schedule.Tx) (err error) {
				created, err = schedule.Put(tx, e)
				return err
			})
			return created, err
		}
		remove := func(id string) error {
			return s.Edit(ctx, "one", func(tx schedule.Tx) error { return tx.Delete(id) })
		}
		wantRevision := func(edits int64) {
			t.Helper()
			if c, err := s.Channel(ctx, "one"); err != nil || c.Revision != start+edits {
				t.Errorf("revision +%d, %v, want +%d", c.Revision-start, err, edits)
			}
		}

		created, err := put(minutes("a", 10, 20))
		if err != nil || !created {
			t.Errorf("created %v, %v", created, err)
		}
		created, err = put(minutes("a", 15, 25)) // overlaps what it replaces
		if err != nil || created {
			t.Errorf("created %v, %v", created, err)
		}
		wantRevision(2)
		if _, err = put(minutes("a", 15, 25)); err != nil {
			t.Error(err)
		}
		wantRevision(2)
		_, err = put(minutes("b", 24, 26))
		if _, ok := errors.AsType[*schedule.ConflictError](err); !ok {
			t.Errorf("overlap: %v", err)
		}
		wantRevision(2)
		must(t, remove("a"))
		wantRevision(3)
		wantNotFound(t, remove("a"), "event")
		wantRevision(3)
	})
}

// A transaction that fails after a part of its work leaves nothing behind.
func TestEditIsAtomic(t *testing.T) {
	each(t, func(t *testing.T, s schedule.Store) {
		before := makeChannel(t, s, "one")
		failure := errors.New("on purpose")
		err := s.Edit(t.Context(), "one", func(tx schedule.Tx) error {
			must(t, tx.Insert(minutes("a", 0, 1)))
			return failure
		})
		if !errors.Is(err, failure) {
			t.Errorf("got %v", err)
		}
		events, revision, err := s.Events(t.Context(), "one", slot(0, 9))
		if err != nil || len(events) != 0 || revision != before.Revision {
			t.Errorf("left behind: %v at revision %d, %v", events, revision-before.Revision, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err = s.Edit(ctx, "one", func(tx schedule.Tx) error {
			cancel()
			return tx.Insert(minutes("a", 0, 1))
		})
		if err == nil {
			t.Error("an edit whose context ended was stored")
		}
		must(t, insert(t, s, minutes("a", 0, 1))) // the connection is usable
	})
}

// Many write to one channel, over each other: what was acknowledged is there,
// nothing overlaps, and readers never see half an edit.
func TestConcurrentWriters(t *testing.T) {
	each(t, func(t *testing.T, s schedule.Store) {
		before := makeChannel(t, s, "one")
		const writers, edits = 200, 2
		var group sync.WaitGroup
		var mu sync.Mutex
		acknowledged := map[string]bool{}
		for w := range writers {
			group.Go(func() {
				for i := range edits {
					id := fmt.Sprintf("w%d-%d", w, i)
					at := (w*7 + i*13) % 97 * 10 // many collide
					err := insert(t, s, minutes(id, at, at+10), minutes(id+"x", 2000+at, 2010+at))
					_, conflict := errors.AsType[*schedule.ConflictError](err)
					if err == nil {
						mu.Lock()
						acknowledged[id], acknowledged[id+"x"] = true, true
						mu.Unlock()
					} else if !conflict {
						t.Error(err)
					}
					events, _, err := s.Events(t.Context(), "one", slot(0, 5000))
					if err != nil || len(events)%2 != 0 {
						t.Errorf("read %d events, %v: half an edit", len(events), err)
					}
				}
			})
		}
		group.Wait()
		events, revision, err := s.Events(t.Context(), "one", slot(0, 5000))
		must(t, err)
		for i, e := range events {
			if i > 0 && e.Overlaps(events[i-1].Slot) {
				t.Errorf("%v overlaps %v", e, events[i-1])
			}
			delete(acknowledged, e.ID)
		}
		if len(acknowledged) > 0 {
			t.Errorf("lost: %v", acknowledged)
		}
		if want := int64(len(events) / 2); revision-before.Revision != want {
			t.Errorf("%d edits raised the revision by %d", want, revision-before.Revision)
		}
	})
}

// A Condition sees what is stored, under the lock of the edit, and refuses it.
func TestConditions(t *testing.T) {
	each(t, func(t *testing.T, s schedule.Store) {
		refused := errors.New("refused")
		var seen *schedule.Channel
		refuse := func(stored *schedule.Channel) error { seen = stored; return refused }
		if _, _, err := s.PutChannel(t.Context(), schedule.Channel{ID: "one"}, refuse); !errors.Is(err, refused) || seen != nil {
			t.Errorf("a new channel: %v, saw %v", err, seen)
		}
		_, err := s.Channel(t.Context(), "one")
		wantNotFound(t, err, "channel")

		one := makeChannel(t, s, "one")
		same := func(c *schedule.Channel) bool {
			return c != nil && c.ID == "one" && c.Name == one.Name && c.Revision == one.Revision && string(c.Config) == "{}"
		}
		if _, _, err := s.PutChannel(t.Context(), schedule.Channel{ID: "one", Name: "x"}, refuse); !errors.Is(err, refused) || !same(seen) {
			t.Errorf("put: %v, saw %v, want %v", err, seen, one)
		}
		if err := s.DeleteChannel(t.Context(), "one", refuse); !errors.Is(err, refused) || !same(seen) {
			t.Errorf("delete: %v, saw %v, want %v", err, seen, one)
		}
		if now, err := s.Channel(t.Context(), "one"); err != nil || !same(&now) {
			t.Errorf("changed to %v, %v", now, err)
		}

		// Of those who count on the same state, one succeeds.
		var group sync.WaitGroup
		var won atomic.Int32
		for i := range 10 {
			group.Go(func() {
				_, _, err := s.PutChannel(t.Context(), schedule.Channel{ID: "one", Name: fmt.Sprint(i)}, func(stored *schedule.Channel) error {
					if stored.Revision != one.Revision {
						return refused
					}
					return nil
				})
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, refused):
					t.Error(err)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Errorf("%d editors succeeded", won.Load())
		}
	})
}
