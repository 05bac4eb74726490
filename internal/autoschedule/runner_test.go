package autoschedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/schedule"
	"consuo/internal/schedulesql"
)

// anywhere is a policy that allows all but one host.
type anywhere struct{}

func (anywhere) CheckURL(u *url.URL) error {
	if u.Hostname() == "forbidden.example" {
		return errors.New("the host is not allowed")
	}
	return nil
}
func (anywhere) CheckAddr(netip.Addr) error { return nil }

// origin is a feed's server without a network.
type origin struct {
	mu       sync.Mutex // guards the rest
	body     string
	status   int
	header   http.Header
	requests []string // "time since the start, If-None-Match"
	start    time.Time
}

func (o *origin) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests = append(o.requests, fmt.Sprintf("%v %s", time.Since(o.start), r.Header.Get("If-None-Match")))
	status := o.status
	if tag := o.header.Get("ETag"); tag != "" && r.Header.Get("If-None-Match") == tag {
		status = http.StatusNotModified
	}
	return &http.Response{StatusCode: status, Header: o.header, Body: io.NopCloser(strings.NewReader(o.body)), Request: r}, nil
}

func (o *origin) set(status int, body string, header http.Header) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if header == nil {
		header = http.Header{}
	}
	o.status, o.body, o.header = status, body, header
}

func (o *origin) took() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	took := o.requests
	o.requests = nil
	return took
}

type rig struct {
	*testing.T
	store  *schedulesql.Store
	origin *origin
	runner *Runner
}

// newRig has a store, a feed and a runner; lengths are minutes in the name of
// an asset: "…/a-20.m3u8".
func newRig(t *testing.T) *rig {
	store, err := schedulesql.Open(t.Context(), filepath.Join(t.TempDir(), "schedule.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	r := &rig{T: t, store: store, origin: &origin{status: 200, header: http.Header{}, start: time.Now()}}
	r.runner = r.newRunner()
	return r
}

func (r *rig) newRunner() *Runner {
	return New(Options{Store: r.store, Logger: slog.New(slog.DiscardHandler), Policy: anywhere{}, Transport: r.origin,
		Duration: func(_ context.Context, uri string) (time.Duration, error) {
			var minutes int
			if _, err := fmt.Sscanf(uri[strings.LastIndexByte(uri, '-')+1:], "%d.m3u8", &minutes); err != nil {
				return 0, errors.New("the origin answers 404 Not Found")
			}
			return time.Duration(minutes) * time.Minute, nil
		}})
}

func (r *rig) put(config string) {
	r.Helper()
	c := schedule.Channel{ID: "one", Config: json.RawMessage(config)}
	if faults := c.Check(); faults != nil {
		r.Fatal(faults)
	}
	if _, _, err := r.store.PutChannel(r.Context(), c, nil); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) events() []schedule.Event {
	r.Helper()
	events, _, err := r.store.Events(r.Context(), "one", schedule.Slot{Start: schedule.MinTime, End: schedule.MaxTime})
	if err != nil {
		r.Fatal(err)
	}
	return events
}

func (r *rig) report() (report Report) {
	r.Helper()
	text, err := r.store.Report(r.Context(), "one")
	if err != nil {
		r.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		r.Fatal(err, text)
	}
	return report
}

// run lets runners work for a time.
func (r *rig) run(length time.Duration, runners ...*Runner) {
	ctx, cancel := context.WithTimeout(r.Context(), length)
	defer cancel()
	var group sync.WaitGroup
	for _, runner := range runners {
		group.Go(func() { runner.Run(ctx) })
	}
	group.Wait()
}

const atom = `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><id>x</id>
<entry><id>1</id><title>First &amp; best</title><link href="https://vod.example/a-20.m3u8"/></entry>
<entry><id>2</id><link href="/b-25.m3u8"/></entry>
<entry><id>3</id><title>Gone</title><link href="https://vod.example/gone.m3u8"/></entry>
<entry><id>4</id><link href="mailto:x"/></entry></feed>`

// What Consuo's users have: a feed. The schedule stays filled, one event after
// the other, and bad entries don't stop the rest.
func TestRunner(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.origin.set(200, atom, http.Header{"Etag": {`"1"`}})
		r.put(`{"auto_populate":true,"auto_populate_content":"https://feed.example/atom","auto_cleanup":"3h"}`)
		start := time.Now()
		r.run(2*time.Hour, r.runner)
		events := r.events()
		for i, e := range events {
			if i > 0 && (!e.Start.Equal(events[i-1].End) || e.URI == events[i-1].URI) {
				t.Errorf("%v after %v", e, events[i-1])
			}
		}
		if first, last := events[0], events[len(events)-1]; first.Start.After(start) || last.End.Before(time.Now().Add(leastAhead)) {
			t.Errorf("from %v to %v", first, last)
		}
		if e := events[0]; e.URI == "https://vod.example/a-20.m3u8" && e.Title != "First & best" || e.URI != "https://vod.example/a-20.m3u8" && e.URI != "https://feed.example/b-25.m3u8" {
			t.Errorf("%v", e)
		}
		report := r.report()
		if len(report.Sources) != 1 || report.Sources[0].Entries != 3 || report.Sources[0].Usable != 2 || report.Sources[0].Error != "" {
			t.Errorf("%+v", report.Sources)
		}
		if len(report.Problems) != 2 || !strings.Contains(report.Problems[0].Reason, "must begin with http") || report.Problems[1].Title != "Gone" || report.Problems[1].Retry == 0 {
			t.Errorf("%+v", report.Problems)
		}
		// Polite: one request in five minutes, and only the first is unconditional.
		requests := r.origin.took()
		if len(requests) > 2*12+1 || requests[0] != "0s " || !strings.HasSuffix(requests[1], ` "1"`) {
			t.Errorf("%d requests: %q", len(requests), requests[:min(3, len(requests))])
		}

		// Later, the last three hours are there, and what was before is not.
		r.run(4*time.Hour, r.runner)
		oldest := r.events()[0]
		if age := time.Since(oldest.End); age > 3*time.Hour+planEvery+turnEvery || age < 2*time.Hour {
			t.Errorf("the oldest event ended %v ago", age)
		}
	})
}

// leastAhead is what is planned at least: plans are made every five minutes.
const leastAhead = schedule.DefaultAhead - planEvery - turnEvery

// A feed that fails is asked less and less; what it said last stays right.
func TestRunnerBacksOff(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.origin.set(200, "https://vod.example/a-20.m3u8\nhttps://vod.example/b-25.m3u8\n", nil)
		r.put(`{"auto_populate":true,"auto_populate_content":"https://feed.example/list.txt"}`)
		r.run(time.Minute, r.runner)
		r.origin.set(503, "", nil)
		r.origin.took()
		r.run(5*time.Hour, r.runner)
		if n := len(r.origin.took()); n > 11 {
			t.Errorf("%d requests in 5 hours", n)
		}
		events := r.events()
		if last := events[len(events)-1]; last.End.Before(time.Now().Add(leastAhead)) {
			t.Errorf("planned until %v only", last)
		}
		if report := r.report(); report.Sources[0].Error != "the answer is 503 Service Unavailable" || report.Sources[0].Usable != 2 {
			t.Errorf("%+v", report.Sources)
		}
		// Retry-After counts, within reason.
		r.origin.set(429, "", http.Header{"Retry-After": {"3000"}})
		r.run(2*time.Hour, r.runner)
		if n := len(r.origin.took()); n > 4 {
			t.Errorf("%d requests in 2 hours", n)
		}
		r.origin.set(200, "https://vod.example/c-30.m3u8", nil)
		r.run(2*time.Hour, r.runner)
		if report := r.report(); report.Sources[0].Error != "" || report.Sources[0].Entries != 1 {
			t.Errorf("%+v", report.Sources)
		}
	})
}

// What people plan stays, and the schedule is filled around it.
func TestRunnerLeavesHandmade(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put(`{"auto_populate":true,"auto_populate_content":["https://vod.example/a-20.m3u8",{"uri":"https://vod.example/b-25.m3u8","title":"B"}],"auto_schedule":{"order":"sequence"}}`)
		hand := schedule.Event{ID: "hand", ChannelID: "one", URI: "https://vod.example/x", Slot: schedule.Slot{Start: time.Now().Add(time.Hour), End: time.Now().Add(2 * time.Hour)}}
		if err := r.store.Edit(t.Context(), "one", func(tx schedule.Tx) error { return schedule.Insert(tx, []schedule.Event{hand}) }); err != nil {
			t.Fatal(err)
		}
		r.run(time.Minute, r.runner)
		var around []string
		for _, e := range r.events()[:5] {
			around = append(around, fmt.Sprintf("%s %v", filepath.Base(e.URI), e.Start.Sub(hand.Start)))
		}
		if got := strings.Join(around, ", "); got != "a-20.m3u8 -1h0m0s, b-25.m3u8 -40m0s, x 0s, a-20.m3u8 1h0m0s, b-25.m3u8 1h20m0s" {
			t.Errorf("got %s", got)
		}
		if len(r.origin.took()) != 0 {
			t.Error("a list of the configuration needs no request")
		}
	})
}

// A channel that is deleted and made again is another one, at once.
func TestRunnerChannelAnew(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t)
		const config = `{"auto_populate":true,"auto_populate_content":["https://vod.example/a-20.m3u8","https://vod.example/b-25.m3u8"]}`
		r.put(config)
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { r.runner.Run(ctx) })
		time.Sleep(turnEvery + 1) // virtual
		for range 2 {
			if len(r.events()) == 0 {
				t.Error("nothing is planned")
			}
			if err := r.store.DeleteChannel(ctx, "one", nil); err != nil {
				t.Fatal(err)
			}
			r.put(config)
			time.Sleep(turnEvery)
		}
		if len(r.events()) == 0 {
			t.Error("nothing is planned for the new channel")
		}
		stop()
		group.Wait()
	})
}

// Replicas on one store: one asks the feed, another takes over when it is gone,
// and nothing is planned twice, even if both work at the same time.
func TestReplicas(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.origin.set(200, atom, nil)
		r.put(`{"auto_populate":true,"auto_populate_content":"https://feed.example/atom"}`)
		r.run(time.Hour, r.newRunner(), r.newRunner(), r.newRunner())
		if n := len(r.origin.took()); n > 13 {
			t.Errorf("%d requests in an hour: not only one replica asks", n)
		}
		r.run(time.Minute, r.newRunner())
		if n := len(r.origin.took()); n != 1 {
			t.Errorf("%d requests of a replica that is alone", n)
		}

		// Without the lease: the transaction alone keeps them apart.
		before := len(r.events())
		var group sync.WaitGroup
		a, faults := schedule.ReadAuto("one", json.RawMessage(`{"auto_populate":true,"auto_populate_content":["https://vod.example/a-20.m3u8","https://vod.example/b-25.m3u8"],"auto_schedule":{"ahead":"48h"}}`))
		if faults != nil {
			t.Fatal(faults)
		}
		for range 4 {
			group.Go(func() {
				runner := r.newRunner()
				probe(t.Context(), runner.lengths, []string{"https://vod.example/a-20.m3u8", "https://vod.example/b-25.m3u8"}, runner.Duration)
				if err := runner.serve(t.Context(), schedule.Channel{ID: "one"}, a); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		events := r.events()
		for i, e := range events {
			if i > 0 && !e.Start.Equal(events[i-1].End) {
				t.Errorf("%v after %v", e, events[i-1])
			}
		}
		if len(events) <= before || len(events) > before+36*3 {
			t.Errorf("%d events, were %d", len(events), before)
		}
	})
}

// Rules about URLs hold for feeds, also after a redirect.
func TestFeedPolicy(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		o := &origin{status: 302, header: http.Header{"Location": {"https://forbidden.example/x"}}}
		for _, feed := range []string{"https://forbidden.example/feed", "https://feed.example/feed"} {
			s := &source{url: feed}
			s.fetch(t.Context(), newClient(anywhere{}, o), anywhere{})
			if s.err == nil || !strings.Contains(s.err.Error(), "not allowed") {
				t.Errorf("%s: %v", feed, s.err)
			}
		}
		if n := len(o.took()); n != 1 {
			t.Errorf("%d requests, want the one that redirects", n)
		}
		o.set(200, strings.Repeat("#", maxFeed+1), nil)
		s := &source{url: "https://feed.example/feed"}
		if s.fetch(t.Context(), newClient(anywhere{}, o), anywhere{}); s.err == nil || !strings.Contains(s.err.Error(), "4 MiB") {
			t.Errorf("%v", s.err)
		}
	})
}

func TestReadFeed(t *testing.T) {
	base, err := url.Parse("https://feed.example/dir/feed")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"RSS with enclosures", `<rss version="2.0"><channel><title>x</title><language>sv</language>
			<item><title>A</title><link>https://site/a.html</link><description>Two
lines</description><category>News</category><enclosure url="https://vod/a.mp4" type="video/mp4"/><enclosure url="https://vod/a.m3u8" type="application/x-mpegURL"/></item>
			<item><title>B</title><link>b.m3u8?t=1#x</link></item></channel></rss>`,
			`https://vod/a.m3u8 A "Two\nlines" [News] sv ; https://feed.example/dir/b.m3u8?t=1 B "" [] sv ; `},
		{"MRSS", `<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>x</title>
			<item><title>A</title><media:group><media:content url="https://vod/a.mp4" type="video/mp4"/><media:content url="https://vod/a/index" type="application/vnd.apple.mpegurl"/></media:group><media:thumbnail url="https://i/a.jpg"/></item></channel></rss>`,
			`https://vod/a/index A "" []  https://i/a.jpg; `},
		{"lines", "\ufeff# comment\r\n#EXTINF:-1 tvg-id=\"a\",Title\r\nhttps://vod/a.m3u8\r\n\r\n/b.m3u8\r\n", `https://vod/a.m3u8 Title "" []  ; https://feed.example/b.m3u8  "" []  ; `},
		{"empty", "", ""},
		{"HLS", "#EXTM3U\n#EXT-X-TARGETDURATION:6\n", "error it is an HLS playlist"},
		{"HTML", "<!doctype html><html><body>Not found</body></html>", "error it is no Atom"},
		{"binary", "\x00\xff\xfe", "error it is no Atom"},
		{"Latin-1 with a control character", "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><rss version=\"2.0\"><channel><item><title>\x0b\xc4</title><link>/a.m3u8</link></item></channel></rss>",
			`https://feed.example/a.m3u8 Ä "" []  ; `},
		{"sloppy HTML", `<rss version="2.0"><channel><item><link>/a.m3u8</link><description>` + strings.Repeat("<p>x", 200) + `</description></item></channel></rss>`,
			`https://feed.example/a.m3u8  "` + strings.Repeat("<p>x", 200) + `</description>" []  ; `},
		{"nothing but begins", `<rss version="2.0" xmlns:x="https://x"><channel>` + strings.Repeat("<x:a>", 2000), "error its elements are nested deeper than 1000"},
		{"the same, otherwise encoded", "\x3c?xml version=\"1.0\" encoding=\"iso-8859-1\"?><rss version=\"2.0\" xmlns:x=\"\x01\xc4\"><channel>" + strings.Repeat("<x:a>", 2000), "error its elements are nested deeper than 1000"},
	} {
		entries, _, err := readFeed(base, []byte(c.text))
		var got strings.Builder
		for _, e := range entries {
			fmt.Fprintf(&got, "%s %s %q %v %s %s; ", e.URI, e.Title, e.Description, e.Categories, e.Language, e.Image)
		}
		if err != nil {
			got.WriteString("error " + err.Error())
		}
		if s := got.String(); s != c.want && (!strings.HasPrefix(c.want, "error") || !strings.HasPrefix(s, c.want)) {
			t.Errorf("%s: got %s", c.name, s)
		}
	}
}

// Whatever a feed says: what comes out can be stored.
func FuzzFeed(f *testing.F) {
	f.Add([]byte(atom))
	f.Add([]byte(`<rss version="2.0"><channel><item><enclosure url="x"/></item></channel></rss>`))
	f.Add([]byte(`{"version":"https://jsonfeed.org/version/1","items":[{"id":"1","url":"https://a/b"}]}`))
	f.Add([]byte("https://vod/a.m3u8\n"))
	base := &url.URL{Scheme: "https", Host: "feed.example"}
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, _, err := readFeed(base, text)
		if err != nil {
			return
		}
		for _, e := range entries {
			event := schedule.Event{ID: "x", Title: e.Title, URI: e.URI, Details: e.Details, Slot: schedule.Slot{Start: noon, End: noon.Add(1)}}
			if faults := event.Check(); faults != nil {
				t.Fatalf("%+v: %v", e, faults)
			}
		}
	})
}

// denied is a policy that allows every URL and no address.
type denied struct{ anywhere }

func (denied) CheckAddr(addr netip.Addr) error { return fmt.Errorf("address %s is private", addr) }

// The address counts, whatever its name: it is asked about when it is dialled.
func TestFeedAddressPolicy(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	s := &source{url: strings.Replace(server.URL, "127.0.0.1", "localhost", 1)}
	if s.fetch(t.Context(), newClient(denied{}, nil), denied{}); s.err == nil || !strings.Contains(s.err.Error(), "is private") {
		t.Errorf("%v", s.err)
	}
	s = &source{url: server.URL}
	if s.fetch(t.Context(), newClient(anywhere{}, nil), anywhere{}); s.err == nil || !strings.Contains(s.err.Error(), "404 Not Found") {
		t.Errorf("%v", s.err)
	}
}

// A panic over an asset is a failure of that asset.
func TestProbePanics(t *testing.T) {
	lengths := make(map[string]*length)
	probe(t.Context(), lengths, []string{"https://vod.example/bad.m3u8", "https://vod.example/good.m3u8"}, func(_ context.Context, uri string) (time.Duration, error) {
		if strings.Contains(uri, "bad") {
			panic("a fault")
		}
		return time.Minute, nil
	})
	if bad, good := lengths["https://vod.example/bad.m3u8"], lengths["https://vod.example/good.m3u8"]; bad.err == nil || good.duration != time.Minute {
		t.Errorf("bad: %v, good: %v", bad.err, good.duration)
	}
}
