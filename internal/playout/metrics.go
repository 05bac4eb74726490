package playout

import (
	"errors"
	"time"

	"consuo/internal/asset"
	"consuo/internal/playlog"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the engine's; every label is from a closed set.
type metrics struct {
	channels    *prometheus.GaugeVec
	polls       *prometheus.CounterVec
	cuts        *prometheus.CounterVec
	conflicts   prometheus.Counter
	loads       *prometheus.CounterVec
	loadSeconds prometheus.Histogram
	renders     prometheus.Counter
	grown       prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		channels: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "consuo_engine_channels", Help: "Channels by state: dormant, waking, live.",
		}, []string{"state"}),
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "consuo_engine_polls_total", Help: "Reads of the schedule's list of channels, by outcome: ok, error.",
		}, []string{"outcome"}),
		cuts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "consuo_engine_cuts_total", Help: "Cuts put into playout logs, by kind and reason.",
		}, []string{"kind", "reason"}),
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
		renders: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "consuo_engine_playlists_rendered_total", Help: "Media playlists assembled, once per change that somebody asked for.",
		}),
		grown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "consuo_engine_target_duration_grown_total", Help: "Times that an asset with longer segments raised a channel's target duration.",
		}),
	}
	reg.MustRegister(m.channels, m.polls, m.cuts, m.conflicts, m.loads, m.loadSeconds, m.renders, m.grown)
	return m
}

func (m *metrics) loaded(err error, took time.Duration) {
	outcome := "ok"
	if failure, ok := errors.AsType[*asset.Error](err); ok {
		outcome = string(failure.Kind)
	} else if err != nil {
		outcome = "unusable"
	}
	m.loads.WithLabelValues(outcome).Inc()
	m.loadSeconds.Observe(took.Seconds())
}

func (m *metrics) committed(c *playlog.Cut) {
	m.cuts.WithLabelValues(string(c.Kind), string(c.Reason)).Inc()
}
