package service

import (
	"cmp"
	"maps"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry is a metrics registry with what every Go process shows and
// build_info{service,version,go}.
func NewRegistry(name string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "build_info",
		Help:        "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"service": name, "version": Version(), "go": runtime.Version()},
	})
	build.Set(1)
	reg.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// metrics counts requests by route pattern, which is a closed set.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	panics   prometheus.Counter

	// known holds the series in use: a playlist request must not pay for
	// hashing label values. The map is replaced, never changed.
	known atomic.Pointer[map[seriesKey]series]
	grow  sync.Mutex // guards the replacement of known
}

type seriesKey struct {
	route, method string
	status        int
}

type series struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Answered requests by route pattern, method and status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_request_duration_seconds",
			Help:    "Time from the request's header to the end of the handler.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "http_panics_total",
			Help: "Request handlers that panicked; each is a bug.",
		}),
	}
	m.known.Store(&map[seriesKey]series{})
	reg.MustRegister(m.requests, m.duration, m.panics)
	return m
}

func (m *metrics) observe(route, method string, status int, elapsed time.Duration) {
	key := seriesKey{route, methodLabel(method), status}
	s, ok := (*m.known.Load())[key]
	if !ok {
		s = m.add(key)
	}
	s.requests.Inc()
	s.duration.Observe(elapsed.Seconds())
}

func (m *metrics) add(key seriesKey) series {
	route := cmp.Or(key.route, "none")
	s := series{
		requests: m.requests.WithLabelValues(route, key.method, strconv.Itoa(key.status)),
		duration: m.duration.WithLabelValues(route),
	}
	m.grow.Lock()
	defer m.grow.Unlock()
	known := maps.Clone(*m.known.Load())
	known[key] = s
	m.known.Store(&known)
	return s
}

// methodLabel keeps strangers from making time series: a method is any token.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch:
		return method
	}
	return "other"
}
