// Package logmeter measures how a playout log answers. Both sides of it do: the
// schedule what its store takes, engines what reaches them over the network.
package logmeter

import (
	"context"
	"errors"
	"time"

	"consuo/internal/playlog"

	"github.com/prometheus/client_golang/prometheus"
)

// The operations on a log. Append without cuts says that somebody watches, as
// Watch does of many channels.
const (
	opRead, opHeads, opAppend, opWatch, opFreeze, opFrozen = "read", "heads", "append", "watch", "freeze", "frozen"
)

// refusals are the errors of a log that are answers, by outcome. All others
// are failures: the outcome "error".
var refusals = []struct {
	err     error
	outcome string
}{
	{playlog.ErrConflict, "conflict"},
	{playlog.ErrOtherHistory, "other_history"},
	{playlog.ErrTooLate, "too_late"},
	{playlog.ErrOtherLog, "other_log"},
	{playlog.ErrImplausible, "implausible"},
	{playlog.ErrNotFrozen, "not_frozen"},
	{playlog.ErrNoHeads, "no_heads"},
}

// Meter counts requests to playout logs by operation and outcome, and measures
// how long they take.
type Meter struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// NewMeter registers the metrics <prefix>_log_requests_total and
// <prefix>_log_request_seconds.
func NewMeter(reg prometheus.Registerer, prefix string) *Meter {
	m := &Meter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "_log_requests_total",
			Help: "Requests to playout logs, by operation (heads, read, append, watch, freeze, frozen) and outcome: ok, the log's refusals, or error.",
		}, []string{"operation", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    prefix + "_log_request_seconds",
			Help:    "How long requests to playout logs took, failures included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2},
		}, []string{"operation"}),
	}
	reg.MustRegister(m.requests, m.seconds)
	// A series that appears with its first failure has no increase to see.
	for operation, outcomes := range map[string][]string{
		opRead: nil, opHeads: {"no_heads"}, opWatch: {"other_log", "no_heads"},
		opAppend: {"conflict", "other_history", "too_late", "other_log", "implausible"},
		opFreeze: {"other_log", "implausible"}, opFrozen: {"other_log", "not_frozen"},
	} {
		m.seconds.WithLabelValues(operation)
		for _, outcome := range append(outcomes, "ok", "error") {
			m.requests.WithLabelValues(operation, outcome)
		}
	}
	return m
}

// observe notes a request that began at an instant. One that its caller gave
// up counts for nothing.
func (m *Meter) observe(ctx context.Context, operation string, begun time.Time, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			outcome = r.outcome
		}
	}
	m.requests.WithLabelValues(operation, outcome).Inc()
	m.seconds.WithLabelValues(operation).Observe(time.Since(begun).Seconds())
}

// Log is the log, measured.
func (m *Meter) Log(log playlog.Log) playlog.Log { return &measured{log, m} }

type measured struct {
	playlog.Log
	m *Meter
}

func (l *measured) Read(ctx context.Context, channel string, after int64) (playlog.Page, error) {
	begun := time.Now()
	page, err := l.Log.Read(ctx, channel, after)
	l.m.observe(ctx, opRead, begun, err)
	return page, err
}

func (l *measured) Append(ctx context.Context, channel, id string, cuts []playlog.Cut) (playlog.Page, error) {
	operation := opAppend
	if len(cuts) == 0 {
		operation = opWatch
	}
	begun := time.Now()
	page, err := l.Log.Append(ctx, channel, id, cuts)
	l.m.observe(ctx, operation, begun, err)
	return page, err
}

func (l *measured) Freeze(ctx context.Context, channel, id, digest string, data []byte) error {
	begun := time.Now()
	err := l.Log.Freeze(ctx, channel, id, digest, data)
	l.m.observe(ctx, opFreeze, begun, err)
	return err
}

func (l *measured) Frozen(ctx context.Context, channel, id, digest string) ([]byte, error) {
	begun := time.Now()
	data, err := l.Log.Frozen(ctx, channel, id, digest)
	l.m.observe(ctx, opFrozen, begun, err)
	return data, err
}

func (l *measured) Heads(ctx context.Context) (playlog.Heads, error) {
	begun := time.Now()
	heads, err := l.Log.Heads(ctx)
	l.m.observe(ctx, opHeads, begun, err)
	return heads, err
}

func (l *measured) Watch(ctx context.Context, ids map[string]string) error {
	begun := time.Now()
	err := l.Log.Watch(ctx, ids)
	l.m.observe(ctx, opWatch, begun, err)
	return err
}
