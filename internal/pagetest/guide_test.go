package pagetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"consuo/internal/asset"
	"consuo/internal/autoschedule"
	"consuo/internal/inspect"
	"consuo/internal/pagetest"
	"consuo/internal/playlog"
	"consuo/internal/schedule"
	"consuo/internal/schedulehttp"
	"consuo/internal/schedulesql"
	"consuo/internal/testneeds"

	"github.com/prometheus/client_golang/prometheus"
)

// aired is a store of playout logs in which some channels have been on air.
type aired struct {
	schedulehttp.PlayoutStore
	cuts map[string][]playlog.Cut
}

// Cuts implements schedulehttp.PlayoutStore.
func (a aired) Cuts(ctx context.Context, channel string, within schedule.Slot, limit int) ([]playlog.Cut, error) {
	if cuts, known := a.cuts[channel]; known {
		return cuts, nil
	}
	return a.PlayoutStore.Cuts(ctx, channel, within, limit)
}

// A service is the schedule service on loopback, with SQLite.
type service struct {
	testing.TB
	url, vods string
	key       string
	store     *schedulesql.Store
	cuts      map[string][]playlog.Cut
}

func newService(t testing.TB, keys ...string) *service {
	t.Helper()
	store, err := schedulesql.Open(t.Context(), filepath.Join(t.TempDir(), "schedule.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	s := &service{TB: t, store: store, cuts: make(map[string][]playlog.Cut)}
	if len(keys) > 0 {
		s.key = keys[0]
	}
	loader := asset.New(asset.Options{})
	handler, err := schedulehttp.New(schedulehttp.Options{
		Store: store, Playout: aired{store.Playout(playlog.Lead), s.cuts}, Reports: store, AsRun: store.Aired,
		Logger: slog.New(slog.DiscardHandler), APIKeys: keys,
		EngineURL: "https://live.example", EnginePageURL: "https://engine.example",
		Duration: loader.Duration,
		Inspect: func(ctx context.Context, uri string, ch *inspect.Channel) (*inspect.Report, error) {
			return inspect.Asset(ctx, loader, uri, ch)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.url = serve(t, handler)
	files := http.NewServeMux()
	files.Handle("/", http.FileServer(http.Dir(filepath.Join(testneeds.Root(), "testdata", "vod"))))
	for path, text := range fragmented {
		files.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	files.HandleFunc("/feed", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, feed, "http://"+r.Host)
	})
	s.vods = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		files.ServeHTTP(w, r)
	}))
	return s
}

// fragmented is a VOD in fMP4, which can't join a channel of the samples, in
// MPEG-TS. Nobody reads its segments.
var fragmented = map[string]string{
	"/fragmented/master.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=91315,CODECS=\"avc1.4d401e,mp4a.40.2\",RESOLUTION=640x360\nv.m3u8\n",
	"/fragmented/v.m3u8":      "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:4,\na.m4s\n#EXTINF:4,\nb.m4s\n#EXT-X-ENDLIST\n",
}

// feed has one entry that can be planned, and one that can't.
const feed = `<?xml version="1.0"?><rss version="2.0"><channel><title>Feed</title>
<item><title>Good</title><link>%[1]s/ember/master.m3u8</link></item>
<item><title>Bad</title><link>%[1]s/nothing/master.m3u8</link></item>
</channel></rss>`

// autoschedule runs the auto-scheduler until the test ends.
func (s *service) autoschedule() {
	scheduler := autoschedule.New(autoschedule.Options{
		Store: s.store, Logger: slog.New(slog.DiscardHandler), Policy: asset.Policy{}, Duration: asset.New(asset.Options{}).Duration,
		Registerer: prometheus.NewRegistry(),
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	var running sync.WaitGroup
	running.Go(func() { scheduler.Run(ctx) })
	s.Cleanup(func() { cancel(); running.Wait() })
}

func serve(t testing.TB, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// post sends JSON and demands 201.
func (s *service) post(path string, body any) {
	s.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+path, bytes.NewReader(data))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-API-Key", s.key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusCreated {
		s.Fatalf("POST %s: %s: %s", path, answer.Status, text)
	}
}

type programme struct {
	title   string
	minutes int
	kind    string
}

// showcase is what channels play, over and over.
var showcase = []struct {
	id, name string
	items    []programme
}{
	{"one", "Channel One", []programme{{"Morning Live", 120, "Magazine"}, {"The Harbour", 45, "Drama"}, {"News at Noon", 30, "News"}, {"Garden Year", 30, "Nature"}, {"Coast to Coast", 60, "Documentary"}, {"The Long Winter", 95, "Film"}, {"Weather", 10, "News"}, {"Evening Report", 50, "News"}}},
	{"news", "News 24", []programme{{"Headlines", 15, "News"}, {"World Report", 45, "News"}, {"Business Hour", 60, "News"}, {"Headlines", 15, "News"}, {"In Depth", 45, "Documentary"}}},
	{"cinema", "Cinema", []programme{{"Ember", 112, "Film"}, {"Short: Meadow", 18, "Film"}, {"The Lighthouse Keeper", 127, "Film"}, {"Night Train North", 104, "Film"}, {"Making of: Ember", 25, "Documentary"}}},
	{"nature", "Nature", []programme{{"Wetlands", 50, "Nature"}, {"Life on the Reef", 55, "Nature"}, {"Birds of the North", 40, "Nature"}, {"Rivers", 45, "Nature"}}},
	{"kids", "Kids", []programme{{"Pim and Pom", 12, "Children"}, {"The Little Tugboat", 11, "Children"}, {"Story Time", 20, "Children"}, {"Build It!", 25, "Children"}}},
	{"sport", "Sport", []programme{{"Ski World Cup", 150, "Sport"}, {"Studio", 30, "Sport"}, {"Handball: Quarter-final", 105, "Sport"}, {"Classic Matches", 90, "Sport"}}},
	{"music", "Music", []programme{{"Live at the Dock", 75, "Music"}, {"New Tracks", 30, "Music"}, {"Night Session", 120, "Music"}}},
	{"history", "History", []programme{{"Cities", 52, "Documentary"}, {"The Age of Sail", 48, "Documentary"}, {"Inventions", 26, "Documentary"}, {"Voices of 1926", 58, "Documentary"}}},
	{"food", "Kitchen", []programme{{"Bread", 24, "Food"}, {"Street Food Stories", 48, "Food"}, {"Root to Leaf", 28, "Food"}}},
	{"retro", "Retro", []programme{{"Quiz Hour", 55, "Show"}, {"Inspector Lund", 85, "Drama"}, {"Saturday Show", 70, "Show"}}},
	{"docs", "Docs", []programme{{"The Tunnel", 80, "Documentary"}, {"Five Kilometres Down", 52, "Documentary"}, {"Paper", 44, "Documentary"}}},
	{"local", "Local", []programme{{"Town Hall", 90, "News"}, {"Around the Lake", 30, "Magazine"}}},
}

// fill plans two days round now on every channel of the showcase, and has them
// on air since yesterday, not all as it was planned.
func (s *service) fill(now time.Time) {
	s.Helper()
	start := now.Truncate(time.Hour).Add(-20 * time.Hour)
	for c, ch := range showcase {
		s.post("/channels", map[string]any{"id": ch.id, "name": ch.name, "config": map[string]any{}})
		var events []map[string]any
		at := start.Add(time.Duration(c*17%60) * time.Minute).Truncate(5 * time.Minute)
		for i := 0; at.Before(start.Add(48 * time.Hour)); i++ {
			p := ch.items[(i+c)%len(ch.items)]
			end := at.Add(time.Duration(p.minutes) * time.Minute)
			events = append(events, map[string]any{
				"id": fmt.Sprintf("%s-%d", ch.id, i), "title": p.title, "categories": []string{p.kind},
				"uri": fmt.Sprintf("%s/%s/master.m3u8?item=%d", s.vods, []string{"ember", "harbour", "meadow"}[i%3], i), "start_time": at.UnixMilli(), "end_time": end.UnixMilli(),
			})
			at = end
			if pad := at.Truncate(15 * time.Minute); i%3 == c%3 && !pad.Equal(at) {
				at = pad.Add(15 * time.Minute)
			}
		}
		s.post("/channels/"+ch.id+"/schedule", events)
		if c%6 != 5 {
			s.cuts[ch.id] = playedOut(events, now, c)
		}
	}
}

// playedOut is a log of what was planned, with a failure, a late start and an
// event that was cut short now and then.
func playedOut(events []map[string]any, now time.Time, salt int) []playlog.Cut {
	var cuts []playlog.Cut
	add := func(at time.Time, kind playlog.Kind, reason playlog.Reason, detail, uri string, a *playlog.Airing) {
		cuts = append(cuts, playlog.Cut{
			Number: int64(len(cuts) + 1), Start: at, Kind: kind, Reason: reason, Detail: detail, Airing: a, Loop: kind != playlog.Event,
			Asset: playlog.Source{URI: uri, Feeds: []int{0}}, Filler: playlog.Source{URI: "https://vod.example/filler", Feeds: []int{0}},
			Tracks: []playlog.Position{{}},
		})
	}
	const slate = "slate"
	for i, e := range events {
		from, to := time.UnixMilli(e["start_time"].(int64)), time.UnixMilli(e["end_time"].(int64))
		if from.After(now) {
			break
		}
		uri := e["uri"].(string)
		a := &playlog.Airing{EventID: e["id"].(string), Title: e["title"].(string), URI: uri, Start: from, End: to}
		switch (i + salt*5) % 11 {
		case 3:
			add(from, playlog.Slate, playlog.Failed, "the origin answers 404 Not Found", slate, a)
		case 6:
			late := from.Add(to.Sub(from) / 6)
			add(from, playlog.Slate, playlog.Failed, "the origin answers 503 Service Unavailable", slate, a)
			add(late, playlog.Event, playlog.Joined, "", uri, a)
		case 8:
			add(from.Add(-400*time.Millisecond), playlog.Event, playlog.Scheduled, "", uri, a)
			add(to.Add(-to.Sub(from)/4), playlog.Filler, playlog.Gap, "the asset was over", "https://vod.example/filler", nil)
			continue
		default:
			add(from.Add(-400*time.Millisecond), playlog.Event, playlog.Scheduled, "", uri, a)
		}
		if i+1 < len(events) && events[i+1]["start_time"].(int64) > to.UnixMilli() {
			add(to, playlog.Filler, playlog.Gap, "nothing is planned", "https://vod.example/filler", nil)
		}
	}
	return cuts
}

// many makes 200 channels with a week of half-hour events each.
func (s *service) many(now time.Time) {
	s.Helper()
	for c := range 200 {
		id := fmt.Sprintf("c%03d", c)
		s.post("/channels", map[string]any{"id": id, "name": fmt.Sprintf("Channel %d", c+1)})
		events := make([]map[string]any, 7*48)
		for i := range events {
			at := now.Truncate(30 * time.Minute).Add(time.Duration(i-48) * 30 * time.Minute)
			events[i] = map[string]any{
				"title": fmt.Sprintf("Programme %d", i), "uri": fmt.Sprintf("https://vod.example/%d.m3u8", i),
				"start_time": at.UnixMilli(), "end_time": at.Add(28 * time.Minute).UnixMilli(),
			}
		}
		s.post("/channels/"+id+"/schedule", events)
	}
}

func TestGuide(t *testing.T) {
	now := time.Now()
	shown, edited, keyed, many := newService(t), newService(t), newService(t, "right key"), newService(t)
	shown.fill(now)
	for _, id := range []string{"one", "two", "three"} {
		edited.post("/channels", map[string]any{"id": id, "name": "Channel " + id})
	}
	edited.autoschedule()
	keyed.post("/channels", map[string]any{"id": "one"})
	many.many(now)
	// Another origin: any page, of which the script makes what it wants.
	foreign := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Foreign</title>")
	}))
	pagetest.Run(t, "guide", map[string]any{
		"shown": shown.url, "edited": edited.url, "keyed": keyed.url, "many": many.url, "foreign": foreign, "vods": edited.vods,
	})
}

// TestGuideByHand keeps the services of TestGuide up to look at them:
// GUIDE=1 go test -run GuideByHand -v -timeout 0 ./internal/pagetest
func TestGuideByHand(t *testing.T) {
	if os.Getenv("GUIDE") == "" {
		t.Skip("for hands only")
	}
	shown, many := newService(t), newService(t)
	shown.fill(time.Now())
	many.many(time.Now())
	fmt.Println("SHOWN", shown.url, "MANY", many.url, "VODS", shown.vods)
	select {} // until somebody ends it
}
