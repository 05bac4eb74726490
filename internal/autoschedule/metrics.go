package autoschedule

import "github.com/prometheus/client_golang/prometheus"

// metrics are what the auto-scheduler counts. Of several replicas only the one
// that works counts anything. Every series is there from the start.
type metrics struct {
	active prometheus.Gauge
	feeds  *prometheus.CounterVec
	probes *prometheus.CounterVec
	plans  *prometheus.CounterVec
	events *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	vec := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	m := &metrics{
		active: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "consuo_schedule_auto_active", Help: "1 where the auto-scheduler works: on one of several replicas.",
		}),
		feeds:  vec("consuo_schedule_feed_reads_total", "Feeds read, by outcome: ok, error.", "outcome", "ok", "error"),
		probes: vec("consuo_schedule_asset_probes_total", "Lengths of assets asked for by the auto-scheduler, by outcome: ok, error.", "outcome", "ok", "error"),
		plans:  vec("consuo_schedule_auto_plans_total", "Plans that the auto-scheduler made, by outcome: ok, error.", "outcome", "ok", "error"),
		events: vec("consuo_schedule_auto_events_total", "Events that the auto-scheduler inserted and deleted.", "operation", "insert", "delete"),
	}
	if reg != nil {
		reg.MustRegister(m.active, m.feeds, m.probes, m.plans, m.events)
	}
	return m
}

// outcome is the label of an error.
func outcome(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}
