package playout

import (
	"errors"
	"maps"
	"slices"
	"time"

	"consuo/internal/asset"
	"consuo/internal/playlog"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the engine counts as it happens; what can be read off its
// state is worked out when somebody asks, see collector. Every label is from a
// closed set, and every series is there from the start: one that appears with
// its first failure has no increase to see.
type metrics struct {
	polls       *prometheus.CounterVec
	cuts        *prometheus.CounterVec
	adherence   prometheus.Histogram
	conflicts   prometheus.Counter
	loads       *prometheus.CounterVec
	loadSeconds prometheus.Histogram
	renders     prometheus.Histogram
	lateness    prometheus.Histogram
	grown       prometheus.Counter
	problems    prometheus.Counter
	panics      prometheus.Counter
}

// unusable is the outcome of a load whose asset is one, but not for us.
const unusable = "unusable"

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "consuo_engine_polls_total", Help: "Reads of the schedule's list of channels, by outcome: ok, error.",
		}, []string{"outcome"}),
		cuts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "consuo_engine_cuts_total", Help: "Cuts that this engine put into playout logs, by kind (event, filler, slate) and reason.",
		}, []string{"kind", "reason"}),
		adherence: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "consuo_engine_schedule_adherence_seconds",
			Help:    "How much later than scheduled events began that were not joined in progress, below zero: earlier; one for each such cut that this engine put into a log.",
			Buckets: []float64{-10, -5, -3, -1, -.5, -.1, .1, .5, 1, 3, 5, 10, 60},
		}),
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "consuo_engine_log_conflicts_total", Help: "Cuts that lost against another engine's.",
		}),
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "consuo_engine_asset_loads_total", Help: "Assets loaded, by outcome: ok, or the kind of error.",
		}, []string{"outcome"}),
		loadSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "consuo_engine_asset_load_seconds", Help: "How long assets took to load, failures included.",
			Buckets: prometheus.ExponentialBuckets(0.01, 3, 8),
		}),
		renders: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "consuo_engine_render_seconds", Help: "How long media playlists took to assemble, once per change that somebody asked for.",
			Buckets: []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .05, .25},
		}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "consuo_engine_playlist_lateness_seconds",
			Help:    "How long the first request for a changed media playlist had to wait for it after it was due.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .25, .5, 1, 2, 4},
		}),
		grown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "consuo_engine_target_duration_grown_total", Help: "Times that an asset with longer segments raised a channel's target duration.",
		}),
		problems: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "consuo_engine_problems_total", Help: "Problems of channels that were logged: new ones, and every 10 minutes those that come again.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "consuo_engine_panics_total", Help: "Panics while planning or loading; each is a bug.",
		}),
	}
	for _, outcome := range []string{"ok", "error"} {
		m.polls.WithLabelValues(outcome)
	}
	for _, c := range possibleCuts {
		m.cuts.WithLabelValues(string(c.kind), string(c.reason))
	}
	m.loads.WithLabelValues("ok")
	m.loads.WithLabelValues(unusable)
	for _, kind := range asset.Kinds {
		m.loads.WithLabelValues(string(kind))
	}
	reg.MustRegister(m.polls, m.cuts, m.adherence, m.conflicts, m.loads, m.loadSeconds, m.renders, m.lateness, m.grown, m.problems, m.panics)
	return m
}

func (m *metrics) loaded(err error, took time.Duration) {
	outcome := "ok"
	if failure, ok := errors.AsType[*asset.Error](err); ok {
		outcome = string(failure.Kind)
	} else if err != nil {
		outcome = unusable
	}
	m.loads.WithLabelValues(outcome).Inc()
	m.loadSeconds.Observe(took.Seconds())
}

func (m *metrics) committed(c *playlog.Cut) {
	m.cuts.WithLabelValues(string(c.Kind), string(c.Reason)).Inc()
	if late := adherence(c); late != nil {
		m.adherence.Observe(time.Duration(*late).Seconds())
	}
}

// rendered notes a media playlist that was asked for at an instant, begun at
// another and is there now; before is what it replaces, or nil.
func (m *metrics) rendered(asked, begun time.Time, before *Document) {
	now := time.Now()
	m.renders.Observe(now.Sub(begun).Seconds())
	if before != nil {
		m.lateness.Observe(now.Sub(later(asked, before.Changes)).Seconds())
	}
}

// kindReason is what a cut puts on air, and why.
type kindReason struct {
	kind   playlog.Kind
	reason playlog.Reason
}

// possibleCuts are all that the planner makes.
var possibleCuts = []kindReason{
	{playlog.Event, playlog.Scheduled}, {playlog.Event, playlog.Joined},
	{playlog.Filler, playlog.Gap}, {playlog.Filler, playlog.Short}, {playlog.Filler, playlog.Failed}, {playlog.Filler, playlog.Changed},
	{playlog.Slate, playlog.Gap}, {playlog.Slate, playlog.Short}, {playlog.Slate, playlog.Failed}, {playlog.Slate, playlog.Changed},
}

// The metrics of an engine's state.
var (
	channelsDesc = prometheus.NewDesc("consuo_engine_channels",
		"Channels by state: dormant, waking, live.", []string{"state"}, nil)
	onAirDesc = prometheus.NewDesc("consuo_engine_channels_on_air",
		"Live channels by what is on air: kind (event, filler, slate) and reason of the cut.", []string{"kind", "reason"}, nil)
	provisionalDesc = prometheus.NewDesc("consuo_engine_channels_provisional",
		"Channels with cuts on air that the playout log does not have yet.", nil, nil)
	pendingDesc = prometheus.NewDesc("consuo_engine_pending_cuts",
		"Cuts on air that the playout log does not have yet.", nil, nil)
	ageDesc = prometheus.NewDesc("consuo_engine_playlist_age_seconds",
		"How long ago the newest segment ended that may be listed, of the live channel where that is longest; below one segment all is well.", nil, nil)
	pollAgeDesc = prometheus.NewDesc("consuo_engine_poll_age_seconds",
		"How long ago the schedule was last read; while it never was, the age of the engine.", nil, nil)
	clockDesc = prometheus.NewDesc("consuo_engine_clock_offset_seconds",
		"How far the schedule's clock, which all engines play by, is ahead of this machine's.", nil, nil)
	jumpsDesc = prometheus.NewDesc("consuo_engine_clock_jumps_total",
		"Times that the schedule's clock has jumped, after which channels begin anew.", nil, nil)
	assetsDesc = prometheus.NewDesc("consuo_engine_assets",
		"Assets that are held or wanted, by state: ready, loading, failed.", []string{"state"}, nil)
)

// collector reads the metrics of its state off an engine.
type collector struct{ e *Engine }

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{channelsDesc, onAirDesc, provisionalDesc, pendingDesc, ageDesc, pollAgeDesc, clockDesc, jumpsDesc, assetsDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	e := c.e
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now, local := e.Now(), time.Now()
	states := map[State]int{Dormant: 0, Waking: 0, Live: 0}
	airing := make(map[kindReason]int)
	for _, what := range possibleCuts {
		airing[what] = 0
	}
	var provisional, pending int64
	var age time.Duration
	e.mu.Lock()
	channels := slices.Collect(maps.Values(e.channels))
	polled := later(e.poll.LastOK.Time, e.born)
	e.mu.Unlock()
	for _, channel := range channels {
		states[channel.state()]++
		channel.mu.Lock()
		n, events := channel.logState.Pending, channel.events
		channel.mu.Unlock()
		if v := channel.view.Load(); v != nil {
			tl := v.timeline()
			air := onAir(tl, events, now)
			airing[kindReason{air.Kind, air.Reason}]++
			age = max(age, now.Sub(tl.Edge(0, channel.known(now))))
			pending += n
			provisional += min(n, 1)
		}
	}
	for state, n := range states {
		gauge(channelsDesc, float64(n), string(state))
	}
	for what, n := range airing {
		gauge(onAirDesc, float64(n), string(what.kind), string(what.reason))
	}
	gauge(provisionalDesc, float64(provisional))
	gauge(pendingDesc, float64(pending))
	gauge(ageDesc, age.Seconds())
	gauge(pollAgeDesc, local.Sub(polled).Seconds())
	gauge(clockDesc, now.Sub(local.Round(0)).Seconds())
	ch <- prometheus.MustNewConstMetric(jumpsDesc, prometheus.CounterValue, float64(e.Jumps()))
	for state, n := range e.library.states() {
		gauge(assetsDesc, float64(n), state)
	}
}

// states counts the assets of a library.
func (l *library) states() map[string]int {
	n := map[string]int{"ready": 0, "loading": 0, "failed": 0}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		switch {
		case e.asset != nil:
			n["ready"]++
		case e.loads:
			n["loading"]++
		default:
			n["failed"]++
		}
	}
	return n
}
