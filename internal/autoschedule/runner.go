package autoschedule

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"consuo/internal/asset"
	"consuo/internal/schedule"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// The rhythm of a [Runner].
const (
	turnEvery = 5 * time.Second // so long a new channel waits
	turnLimit = time.Minute
	planEvery = 5 * time.Minute // so long a hole stays that somebody makes by hand
	leaseFor  = 2 * time.Minute
	lookBack  = 35 * 24 * time.Hour // for repeats and sequences: a weekly block is in it several times
	// hurried is how far is planned while the length of some assets is not known yet.
	hurried = time.Hour
)

// Store is what the runner needs of the schedule's store.
type Store interface {
	Channels(context.Context) ([]schedule.Channel, error)
	Edit(ctx context.Context, channelID string, f func(schedule.Tx) error) error
	// Lease takes or extends a lease, unless somebody else holds it.
	Lease(ctx context.Context, name, holder string, now time.Time, length time.Duration) (bool, error)
	Release(ctx context.Context, name, holder string) error
	PutReport(ctx context.Context, channelID, report string) error
	// Report is what PutReport has stored for the channel, "" if nothing.
	Report(ctx context.Context, channelID string) (string, error)
}

// Options are what [New] needs; all but Transport and Registerer are required.
type Options struct {
	Store  Store
	Logger *slog.Logger
	Policy Policy
	// Duration is the exact length of an asset.
	Duration func(ctx context.Context, uri string) (time.Duration, error)
	// Transport replaces the network, for tests.
	Transport http.RoundTripper
	// Registerer gets the metrics.
	Registerer prometheus.Registerer
}

// A Runner keeps the schedules of all channels filled that ask for it
// (auto_populate), and deletes old events (auto_cleanup). Of several replicas,
// the one works that holds the lease; that saves feeds from being asked twice.
// It is not what keeps replicas from planning twice: a plan is made and
// stored in one transaction.
type Runner struct {
	Options
	m        *metrics
	client   *http.Client
	holder   string
	leased   time.Time          // when the lease was taken or extended last
	sources  map[string]*source // by URL; these belong to the goroutine of Run
	lengths  map[string]*length // by URI
	channels map[string]*channel
	shelves  map[string]shelf // by key of the content; of this turn
}

// A shelf is what is known of a content.
type shelf struct {
	items   []Item
	waiting bool // of some entries nothing is known yet
}

// A channel is what the runner remembers of one.
type channel struct {
	next     time.Time         // of the next plan
	seen     [sha256.Size]byte // what the last plan was made of
	revision int64             // when this was looked at last
	report   string
}

// New makes a runner.
func New(o Options) *Runner {
	return &Runner{
		Options: o, m: newMetrics(o.Registerer), client: newClient(o.Policy, o.Transport), holder: rand.Text(),
		sources: map[string]*source{}, lengths: map[string]*length{}, channels: map[string]*channel{}, shelves: map[string]shelf{},
	}
}

const leaseName = "autoschedule"

// Run works until the context ends.
func (r *Runner) Run(ctx context.Context) {
	ticker := time.NewTicker(turnEvery)
	defer ticker.Stop()
	defer func() {
		r.leased = time.Time{}
		r.m.active.Set(0)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := r.Store.Release(ctx, leaseName, r.holder); err != nil {
			r.Logger.Warn("auto-scheduler keeps its lease", "err", err)
		}
	}()
	for {
		if err := r.turn(ctx); err != nil && ctx.Err() == nil {
			r.Logger.Error("auto-scheduler", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// turn does all that is due.
func (r *Runner) turn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, turnLimit)
	defer cancel()
	if now := time.Now(); now.Sub(r.leased) > leaseFor/4 {
		held, err := r.Store.Lease(ctx, leaseName, r.holder, now, leaseFor)
		if err != nil || !held {
			r.m.active.Set(0)
			return err
		}
		r.leased = now
		r.m.active.Set(1)
	}
	channels, err := r.Store.Channels(ctx)
	if err != nil {
		return err
	}
	autos := make(map[string]schedule.Auto, len(channels))
	for _, c := range channels {
		a, faults := schedule.ReadAuto(c.ID, c.Config)
		if faults != nil { // stored by a version that had other rules
			r.Logger.Warn("configuration of the auto-scheduler can't be read", "channel", c.ID, "fault", faults[0].Field+" "+faults[0].Message)
			continue
		}
		if a.Populate || a.Keep > 0 {
			autos[c.ID] = a
		}
	}
	r.fetch(ctx, autos)
	// No channel has to wait for the assets of all: half of the turn is for plans.
	probing, cancel := context.WithTimeout(ctx, turnLimit/2)
	defer cancel()
	r.probe(probing, autos)

	r.shelves = map[string]shelf{}
	for id := range r.channels {
		if _, wanted := autos[id]; !wanted {
			delete(r.channels, id)
		}
	}
	for _, c := range channels {
		a, wanted := autos[c.ID]
		if !wanted {
			continue
		}
		if err := r.serve(ctx, c, a); err != nil {
			if _, gone := errors.AsType[*schedule.NotFoundError](err); !gone {
				r.Logger.Error("auto-scheduler can't plan", "channel", c.ID, "err", err)
			}
		}
	}
	return nil
}

// contents are all those of a configuration, each once.
func contents(a schedule.Auto) (list []schedule.Content) {
	if !a.Populate {
		return nil
	}
	add := func(c schedule.Content) {
		if !c.Empty() && !slices.ContainsFunc(list, func(o schedule.Content) bool { return key(o) == key(c) }) {
			list = append(list, c)
		}
	}
	add(a.Base.Content)
	for _, b := range a.Blocks {
		add(b.Content)
	}
	return list
}

// key tells contents apart.
func key(c schedule.Content) string {
	if c.Feed != "" {
		return c.Feed
	}
	var b strings.Builder
	for _, e := range c.List {
		fmt.Fprintf(&b, "\n%s\t%s", e.URI, e.Title)
	}
	return b.String()
}

// fetch reads the feeds that are due, each once for all channels.
func (r *Runner) fetch(ctx context.Context, autos map[string]schedule.Auto) {
	wanted := map[string]bool{}
	for _, a := range autos {
		for _, c := range contents(a) {
			if c.Feed != "" {
				wanted[c.Feed] = true
			}
		}
	}
	for url := range r.sources {
		if !wanted[url] {
			delete(r.sources, url)
		}
	}
	group := errgroup.Group{}
	group.SetLimit(4)
	now := time.Now()
	for url := range wanted {
		s := r.sources[url]
		if s == nil {
			s = &source{url: url}
			r.sources[url] = s
		}
		if s.next.After(now) {
			continue
		}
		group.Go(func() error {
			s.fetch(ctx, r.client, r.Policy)
			r.m.feeds.WithLabelValues(outcome(s.err)).Inc()
			if s.err != nil {
				r.Logger.Warn("feed can't be read", "feed", asset.Redact(s.url), "err", s.err, "retry", s.next)
			}
			return nil
		})
	}
	_ = group.Wait() // there are no errors
}

// entries of a content, as far as they are known.
func (r *Runner) entries(c schedule.Content) []schedule.Entry {
	if c.Feed == "" {
		return c.List
	}
	if s := r.sources[c.Feed]; s != nil {
		return s.entries
	}
	return nil
}

// probe asks for lengths, one of each channel in turn, so that a long feed does
// not keep the others waiting.
func (r *Runner) probe(ctx context.Context, autos map[string]schedule.Auto) {
	var lists [][]schedule.Entry
	most := 0
	for _, a := range autos {
		for _, c := range contents(a) {
			list := r.entries(c)
			lists, most = append(lists, list), max(most, len(list))
		}
	}
	var uris []string
	seen := map[string]bool{}
	for i := range most {
		for _, list := range lists {
			if i < len(list) && !seen[list[i].URI] {
				seen[list[i].URI] = true
				uris = append(uris, list[i].URI)
			}
		}
	}
	for uri := range r.lengths {
		if !seen[uri] {
			delete(r.lengths, uri)
		}
	}
	probe(ctx, r.lengths, uris, func(ctx context.Context, uri string) (time.Duration, error) {
		d, err := r.Duration(ctx, uri)
		r.m.probes.WithLabelValues(outcome(err)).Inc()
		return d, err
	})
}

// shelf finds what is known of a content. Channels may have contents in common.
func (r *Runner) shelf(c schedule.Content) shelf {
	k := key(c)
	if s, ok := r.shelves[k]; ok {
		return s
	}
	var s shelf
	for _, e := range r.entries(c) {
		switch l := r.lengths[e.URI]; {
		case l == nil:
			s.waiting = true
		case l.duration > 0:
			s.items = append(s.items, Item{e, l.duration})
		}
	}
	r.shelves[k] = s
	return s
}

// items implements [Shelf].
func (r *Runner) items(c schedule.Content) []Item { return r.shelf(c).items }

// serve plans for a channel and cleans up, if it is time to or something has changed.
func (r *Runner) serve(ctx context.Context, c schedule.Channel, a schedule.Auto) error {
	state := r.channels[c.ID]
	if state == nil {
		state = &channel{}
		r.channels[c.ID] = state
	}
	if state.revision != c.Revision && state.report != "" {
		// A report goes with its channel: without one, this is another channel of the same name.
		switch text, err := r.Store.Report(ctx, c.ID); {
		case err != nil:
			return err
		case text == "":
			*state = channel{}
		}
	}
	state.revision = c.Revision
	hash := sha256.New()
	hash.Write(c.Config)
	waiting := false
	for _, content := range contents(a) {
		s := r.shelf(content)
		waiting = waiting || s.waiting
		fmt.Fprintf(hash, " %d %v", len(s.items), s.waiting)
	}
	now := time.Now()
	seen := [sha256.Size]byte(hash.Sum(nil))
	if seen == state.seen && now.Before(state.next) {
		return nil
	}
	if waiting {
		a.Ahead = min(a.Ahead, hurried)
	}
	report := r.report(a)
	err := r.Store.Edit(ctx, c.ID, func(tx schedule.Tx) error {
		since := now.Add(-lookBack)
		if a.Keep > 0 {
			since = schedule.MinTime
		}
		planned, err := tx.Events(schedule.Slot{Start: since, End: now.Add(a.Ahead + 3*maxLength)})
		if err != nil {
			return err
		}
		if report.Added, err = r.plan(tx, c.ID, a, planned, now); err != nil {
			return err
		}
		expired := Expired(a, r.items, planned, now)
		for _, e := range expired {
			if err := tx.Delete(e.ID); err != nil {
				return err
			}
		}
		report.Deleted = len(expired)
		return nil
	})
	r.m.plans.WithLabelValues(outcome(err)).Inc()
	if err != nil {
		return err
	}
	r.m.events.WithLabelValues("insert").Add(float64(report.Added))
	r.m.events.WithLabelValues("delete").Add(float64(report.Deleted))
	state.seen, state.next = seen, now.Add(planEvery)
	if report.Added >= maxEvents {
		state.next = now // there is more to do
	}
	if report.Added > 0 || report.Deleted > 0 {
		r.Logger.Info("auto-scheduler has planned", "channel", c.ID, "added", report.Added, "deleted", report.Deleted)
	}
	return r.putReport(ctx, c.ID, state, report)
}

// plan stores what is to be added, and returns how many events that are.
func (r *Runner) plan(tx schedule.Tx, id string, a schedule.Auto, planned []schedule.Event, now time.Time) (int, error) {
	if !a.Populate {
		return 0, nil
	}
	events := Plan(a, r.items, planned, now)
	for i := range events {
		events[i].ID, events[i].ChannelID = "auto-"+strings.ToLower(rand.Text()[:16]), id
	}
	return len(events), schedule.Insert(tx, events)
}

func (r *Runner) putReport(ctx context.Context, id string, state *channel, report Report) error {
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	if string(raw) == state.report {
		return nil
	}
	if err := r.Store.PutReport(ctx, id, string(raw)); err != nil {
		return err
	}
	state.report = string(raw)
	return nil
}
