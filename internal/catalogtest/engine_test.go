package catalogtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/hlscheck"
	"consuo/internal/packed"
	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/scheduleclient"

	"github.com/prometheus/client_golang/prometheus"
)

// station is an engine in a synctest bubble with one channel and what the
// catalogue has loaded.
type station struct {
	config scheduleclient.Config
	events []scheduleclient.Event
	items  map[string]*item // by URI
}

func (s *station) Channels(context.Context) (scheduleclient.List, error) {
	return scheduleclient.List{Channels: []scheduleclient.Channel{{ID: "one", Revision: "1", Config: s.config}}}, nil
}

func (s *station) Schedule(_ context.Context, _ string, start, end time.Time) (scheduleclient.Schedule, error) {
	return scheduleclient.Schedule{Start: start, End: end, Events: s.events}, nil
}

func (s *station) Load(_ context.Context, uri string) (*packed.Presentation, error) {
	time.Sleep(50 * time.Millisecond) // of the bubble
	it := s.items[uri]
	if it == nil {
		return nil, errors.New("404")
	}
	return it.presentation, it.err
}

func (s *station) CheckDelivery(context.Context, string) []string { return nil }

func (s *station) add(it *item, from, to time.Duration) {
	now := time.Now()
	s.items[it.uri] = it
	s.events = append(s.events, scheduleclient.Event{ID: it.name, URI: it.uri, Start: now.Add(from), End: now.Add(to)})
}

// watchEngine runs an engine for a while in a bubble and has all that it
// serves checked. What it saw and the status at the end go to judge.
func watchEngine(t *testing.T, d time.Duration, prepare func(s *station), judge func(t *testing.T, seen *hlscheck.Checker, status playout.Status, multivariant string)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(epoch))
		s := &station{items: make(map[string]*item)}
		prepare(s)
		engine := playout.New(playout.Options{
			Schedule: s, Log: playlog.NewMemory(playlog.Lead), Loader: s, Window: 18 * time.Second, Poll: 5 * time.Second,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Registerer: prometheus.NewRegistry(),
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- engine.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		seen := hlscheck.New(hlscheck.Options{StoreTime: true})
		multivariant := ""
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
			m, err := engine.Multivariant(t.Context(), "one")
			if err != nil {
				t.Fatal(err)
			}
			multivariant = string(m.Body)
			seen.Multivariant(time.Now(), base+"master.m3u8", m.Body)
			for _, uri := range seen.Playlists() {
				id, _, _ := strings.Cut(strings.TrimPrefix(uri, base), ".m3u8")
				doc, err := engine.Playlist(t.Context(), "one", id)
				if err != nil {
					t.Fatalf("%s: %v", uri, err)
				}
				seen.Media(time.Now(), uri, doc.Body)
			}
		}
		if err := seen.Err(); err != nil {
			t.Errorf("%v\n%s", err, multivariant)
		}
		status, err := engine.Status(t.Context(), "one")
		if err != nil {
			t.Fatal(err)
		}
		judge(t, seen, status, multivariant)
	})
}

// TestEngine puts every asset on air in the engine itself: what it serves is
// the asset's own, on every track that the multivariant playlist lists but for
// subtitles too long for a live channel.
func TestEngine(t *testing.T) {
	items, _ := load(t)
	for _, it := range items {
		t.Run(it.name, func(t *testing.T) {
			t.Parallel()
			watchEngine(t, 50*time.Second, func(s *station) {
				s.add(it, -45*time.Second, 12*time.Second)
				s.add(it, 20*time.Second, 60*time.Second)
			}, func(t *testing.T, seen *hlscheck.Checker, status playout.Status, _ string) {
				refused := it.err != nil || it.name == "refused-breaks"
				if refused {
					if len(status.Problems) == 0 || status.Now.Kind != playlog.Slate {
						t.Errorf("on air is %v, problems %v", status.Now, status.Problems)
					}
					return
				}
				for _, uri := range seen.Playlists() {
					if n := shown(seen, uri, it); n == 0 && !strings.Contains(uri, "/s-") {
						t.Errorf("%s has no segment of %s", uri, it.name)
					}
				}
			})
		})
	}
}

// shown counts the segments of an asset that a playlist had.
func shown(seen *hlscheck.Checker, uri string, it *item) (n int) {
	for _, s := range seen.Segments(uri) {
		for _, own := range it.own {
			if own[s.URI] {
				n++
				break
			}
		}
	}
	return n
}

// TestEngineTracks has config.tracks choose, and the status tell what an asset
// lacks and what is wrong with a list.
func TestEngineTracks(t *testing.T) {
	items, _ := load(t)
	find := func(name string) *item {
		for _, it := range items {
			if it.name == name {
				return it
			}
		}
		t.Fatalf("no asset %s", name)
		return nil
	}
	for _, test := range []struct{ name, tracks, ids, problem string }{
		// The second asset takes from an asset's own tracks what it can't feed.
		{"chosen", `[{"type":"video","height":720,"codecs":"hvc1"},{"type":"video","height":360},{"type":"audio","codecs":"mp4a"}]`,
			"v720 v360 a-en", "nothing for the tracks v720, which list gaps"},
		{"a mistake", `[{"type":"vidoe"}]`, "v720 v360 a-en", `type is "vidoe"`},
		{"not to be had", `[{"type":"video","codecs":"av01"}]`, "v720 v360 a-en", "has no video that is wanted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			first, second := find("multi-codec"), find("uneven-audio")
			watchEngine(t, time.Minute, func(s *station) {
				s.config.Tracks = json.RawMessage(test.tracks)
				s.add(first, -45*time.Second, 12*time.Second)
				s.add(second, 12*time.Second, 50*time.Second)
			}, func(t *testing.T, seen *hlscheck.Checker, status playout.Status, multivariant string) {
				var ids []string
				for _, track := range status.Tracks {
					ids = append(ids, track.ID)
				}
				if strings.Join(ids, " ") != test.ids {
					t.Errorf("tracks %s, want %s\n%s", ids, test.ids, multivariant)
				}
				if !strings.Contains(fmt.Sprint(status.Problems), test.problem) {
					t.Errorf("problems %v, want one with %q", status.Problems, test.problem)
				}
				if shown(seen, seen.Primary(), first) == 0 {
					t.Errorf("%s has no segment of %s", seen.Primary(), first.name)
				}
			})
		})
	}
}
