package load

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Report is how a load was served. Its JSON is what cmd/load -json writes.
type Report struct {
	Base     string    `json:"base"`
	Channels int       `json:"channels"`
	Players  int       `json:"players"`        // with a rate: connections
	Rate     float64   `json:"rate,omitempty"` // wanted
	Begun    time.Time `json:"begun"`
	Seconds  float64   `json:"seconds"`

	Requests  int64            `json:"requests"` // answered, whatever with
	PerSecond float64          `json:"requests_per_second"`
	Bytes     int64            `json:"bytes"` // of bodies, as sent
	Status    map[string]int64 `json:"status"`
	Errors    map[string]int64 `json:"errors"` // by kind; a status other than 200 and 304 is one

	// Cache counts answers by the header X-Cache-Status, which caches such as
	// nginx are told to send.
	Cache map[string]int64 `json:"cache,omitempty"`

	Latency      Quantiles `json:"latency"` // of all answers
	Multivariant Quantiles `json:"multivariant"`
	Media        Quantiles `json:"media"`
	NotModified  Quantiles `json:"not_modified"`
	// Behind is how late requests were sent at a constant rate: what of Latency
	// is the client's own.
	Behind Quantiles `json:"behind"`
	// Served is how long media playlists took from the instant at which they
	// were really asked for. At a constant rate it is Latency without what the
	// client was behind, and says too little of a server that stands still.
	Served Quantiles `json:"served"`

	// Age is how long before an answer the newest segment in it had ended.
	Age Quantiles `json:"age"`
	// Late counts playlists whose newest segment had ended more than a target
	// duration and Options.Slack before.
	Late int64 `json:"late"`
	// Stale counts playlists that were the same for more than one and a half
	// target durations (RFC 8216 6.2.1).
	Stale int64 `json:"stale"`
	// Backward counts playlists whose numbers were lower than before.
	Backward int64 `json:"backward"`

	Examples map[string]string `json:"examples,omitempty"` // one of each kind
}

// HitRatio is the part of the answers that a cache had, by Cache; 0 without one.
func (r Report) HitRatio() float64 {
	var hits, all int64
	for status, n := range r.Cache {
		all += n
		switch strings.ToUpper(status) {
		case "HIT", "STALE", "UPDATING", "REVALIDATED":
			hits += n
		}
	}
	if all == 0 {
		return 0
	}
	return float64(hits) / float64(all)
}

// Err is nil if players have nothing to complain about but speed.
func (r Report) Err() error {
	var faults []error
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		faults = append(faults, fmt.Errorf("%s: %d", kind, r.Errors[kind]))
	}
	for _, c := range []struct {
		what string
		n    int64
	}{{"late", r.Late}, {"stale", r.Stale}, {"backward", r.Backward}} {
		if c.n > 0 {
			faults = append(faults, fmt.Errorf("%s playlists: %d, for instance %s", c.what, c.n, r.Examples[c.what]))
		}
	}
	if r.Requests == 0 {
		faults = append(faults, errors.New("nothing was answered"))
	}
	return errors.Join(faults...)
}

// Write writes the report for people.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	who := fmt.Sprintf("%d players", r.Players)
	if r.Rate > 0 {
		who = fmt.Sprintf("%g requests/s on %d connections", r.Rate, r.Players)
	}
	fmt.Fprintf(&b, "%s of %d channels at %s for %.1f s\n", who, r.Channels, r.Base, r.Seconds)
	fmt.Fprintf(&b, "requests   %d, %.1f/s, %.1f MB of bodies; status %s\n", r.Requests, r.PerSecond, float64(r.Bytes)/1e6, counts(r.Status))
	for _, q := range []struct {
		name string
		Quantiles
	}{{"latency", r.Latency}, {"  multi", r.Multivariant}, {"  media", r.Media}, {"  304", r.NotModified}, {"behind", r.Behind}, {"served", r.Served}, {"age", r.Age}} {
		if q.Count > 0 {
			fmt.Fprintf(&b, "%-10s p50 %.2f  p90 %.2f  p99 %.2f  p999 %.2f  max %.2f ms\n", q.name, q.P50, q.P90, q.P99, q.P999, q.Max)
		}
	}
	if len(r.Cache) > 0 {
		fmt.Fprintf(&b, "cache      %.1f %% hits: %s\n", 100*r.HitRatio(), counts(r.Cache))
	}
	fmt.Fprintf(&b, "playlists  late %d, stale %d, backward %d\n", r.Late, r.Stale, r.Backward)
	if len(r.Errors) > 0 {
		fmt.Fprintf(&b, "errors     %s\n", counts(r.Errors))
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Examples)) {
		fmt.Fprintf(&b, "  %s: %s\n", kind, r.Examples[kind])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func counts(m map[string]int64) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", key, m[key]))
	}
	return strings.Join(parts, ", ")
}

// what an answer is to.
type what int

const (
	multivariantPlaylist what = iota
	mediaPlaylist
	notModified
	whats
)

// recorder counts while a load runs.
type recorder struct {
	latency                  [whats]histogram
	all, behind, served, age histogram
	bytes                    atomic.Int64
	late, stale, backward    atomic.Int64

	mu       sync.Mutex
	statuses map[int]int64 // guarded by mu, as all that follows
	errors   map[string]int64
	cache    map[string]int64
	examples map[string]string
}

func newRecorder() *recorder {
	return &recorder{
		statuses: make(map[int]int64), errors: make(map[string]int64),
		cache: make(map[string]int64), examples: make(map[string]string),
	}
}

// answered counts a request that has ended.
func (r *recorder) answered(w what, a answer, err error, took time.Duration) {
	if err != nil {
		r.failed(kind(err))
		r.example(kind(err), err.Error())
		return
	}
	r.all.add(took)
	r.latency[w].add(took)
	r.bytes.Add(int64(len(a.body)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses[a.status]++
	if a.cache != "" {
		r.cache[a.cache]++
	}
	if a.status != 200 && a.status != 304 {
		r.errors["status "+strconv.Itoa(a.status)]++
	}
}

func (r *recorder) failed(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors[kind]++
}

// example keeps the first of each kind.
func (r *recorder) example(kind, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.examples[kind] == "" {
		r.examples[kind] = text
	}
}

func (l *load) report() Report {
	r := Report{
		Base: l.Base, Channels: len(l.Channels), Players: l.Players, Rate: l.Rate, Begun: l.begun.UTC(),
		Seconds: time.Since(l.begun).Seconds(), Bytes: l.bytes.Load(),
		Latency: l.all.quantiles(), Behind: l.behind.quantiles(), Served: l.served.quantiles(), Age: l.age.quantiles(),
		Multivariant: l.latency[multivariantPlaylist].quantiles(), Media: l.latency[mediaPlaylist].quantiles(),
		NotModified: l.latency[notModified].quantiles(),
		Late:        l.late.Load(), Stale: l.stale.Load(), Backward: l.backward.Load(),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Status = make(map[string]int64)
	for status, n := range l.statuses {
		r.Status[strconv.Itoa(status)] = n
	}
	r.Errors, r.Cache, r.Examples = l.errors, l.cache, l.examples
	r.Requests = r.Latency.Count
	r.PerSecond = float64(r.Requests) / r.Seconds
	return r
}
