package schedulesql

import (
	"context"
	"errors"
	"os"
	"time"

	"consuo/internal/logmeter"
	"consuo/internal/playlog"
	"consuo/internal/schedule"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Measured is a Store that measures what it is asked for.
type Measured struct {
	*Store
	logs     *logmeter.Meter
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	events   *prometheus.CounterVec
}

// What is measured; a closed set of labels.
const (
	opChannels, opRevisions, opChannel             = "channels", "revisions", "channel"
	opCreateChannel, opPutChannel, opDeleteChannel = "create_channel", "put_channel", "delete_channel"
	opEvents, opEvent, opUpcoming, opEdit          = "events", "event", "upcoming", "edit"
	opAired, opCuts                                = "aired", "cuts"
)

// The outcomes of an operation: refused is an answer, such as that there is no
// such channel.
const outcomeOK, outcomeRefused, outcomeError = "ok", "refused", "error"

// Measure returns the store, measured, and registers its metrics, those of its
// connections and the size of the database.
func (s *Store) Measure(reg prometheus.Registerer) *Measured {
	m := &Measured{
		Store: s,
		logs:  logmeter.NewMeter(reg, "consuo_schedule"),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "consuo_schedule_store_requests_total",
			Help: "What the store was asked for, by operation and outcome: ok, refused (an answer, such as a conflict), error.",
		}, []string{"operation", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "consuo_schedule_store_seconds",
			Help:    "How long the store took, failures included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"operation"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "consuo_schedule_events_total", Help: "Events of the schedule that were inserted, updated and deleted, by whomever.",
		}, []string{"operation"}),
	}
	for _, op := range []string{
		opChannels, opRevisions, opChannel, opCreateChannel, opPutChannel, opDeleteChannel,
		opEvents, opEvent, opUpcoming, opEdit, opAired, opCuts,
	} {
		m.seconds.WithLabelValues(op)
		for _, outcome := range []string{outcomeOK, outcomeRefused, outcomeError} {
			m.requests.WithLabelValues(op, outcome)
		}
	}
	for _, op := range []string{"insert", "update", "delete"} {
		m.events.WithLabelValues(op)
	}
	reg.MustRegister(m.requests, m.seconds, m.events, collectors.NewDBStatsCollector(s.read, "read"), state{s})
	if s.write != s.read {
		reg.MustRegister(collectors.NewDBStatsCollector(s.write, "write"))
	}
	return m
}

// measure notes an operation that began at an instant. refused says that the
// caller itself ended it.
func (m *Measured) measure(ctx context.Context, op string, begun time.Time, refused bool, err error) {
	outcome := outcomeOK
	if err != nil {
		_, missing := errors.AsType[*schedule.NotFoundError](err)
		_, exists := errors.AsType[*schedule.ExistsError](err)
		switch {
		case refused || missing || exists:
			outcome = outcomeRefused
		case errors.Is(ctx.Err(), context.Canceled):
			return // whoever asked has gone
		default:
			outcome = outcomeError
		}
	}
	m.requests.WithLabelValues(op, outcome).Inc()
	m.seconds.WithLabelValues(op).Observe(time.Since(begun).Seconds())
}

// Channels implements [schedule.Store].
func (m *Measured) Channels(ctx context.Context) ([]schedule.Channel, error) {
	begun := time.Now()
	list, err := m.Store.Channels(ctx)
	m.measure(ctx, opChannels, begun, false, err)
	return list, err
}

// Revisions implements [schedule.Store].
func (m *Measured) Revisions(ctx context.Context) ([]schedule.Channel, error) {
	begun := time.Now()
	list, err := m.Store.Revisions(ctx)
	m.measure(ctx, opRevisions, begun, false, err)
	return list, err
}

// Channel implements [schedule.Store].
func (m *Measured) Channel(ctx context.Context, id string) (schedule.Channel, error) {
	begun := time.Now()
	c, err := m.Store.Channel(ctx, id)
	m.measure(ctx, opChannel, begun, false, err)
	return c, err
}

// CreateChannel implements [schedule.Store].
func (m *Measured) CreateChannel(ctx context.Context, c schedule.Channel) (schedule.Channel, error) {
	begun := time.Now()
	stored, err := m.Store.CreateChannel(ctx, c)
	m.measure(ctx, opCreateChannel, begun, false, err)
	return stored, err
}

// PutChannel implements [schedule.Store].
func (m *Measured) PutChannel(ctx context.Context, c schedule.Channel, only schedule.Condition) (schedule.Channel, bool, error) {
	begun, refused := time.Now(), false
	stored, created, err := m.Store.PutChannel(ctx, c, noting(only, &refused))
	m.measure(ctx, opPutChannel, begun, refused, err)
	return stored, created, err
}

// DeleteChannel implements [schedule.Store].
func (m *Measured) DeleteChannel(ctx context.Context, id string, only schedule.Condition) error {
	begun, refused := time.Now(), false
	err := m.Store.DeleteChannel(ctx, id, noting(only, &refused))
	m.measure(ctx, opDeleteChannel, begun, refused, err)
	return err
}

// noting is a condition that tells whether it refused.
func noting(only schedule.Condition, refused *bool) schedule.Condition {
	return func(stored *schedule.Channel) error {
		err := only.Check(stored)
		*refused = err != nil
		return err
	}
}

// Events implements [schedule.Store].
func (m *Measured) Events(ctx context.Context, channelID string, within schedule.Slot) ([]schedule.Event, int64, error) {
	begun := time.Now()
	list, revision, err := m.Store.Events(ctx, channelID, within)
	m.measure(ctx, opEvents, begun, false, err)
	return list, revision, err
}

// Event implements [schedule.Store].
func (m *Measured) Event(ctx context.Context, channelID, id string) (schedule.Event, error) {
	begun := time.Now()
	v, err := m.Store.Event(ctx, channelID, id)
	m.measure(ctx, opEvent, begun, false, err)
	return v, err
}

// Upcoming implements [schedule.Store].
func (m *Measured) Upcoming(ctx context.Context, channelID string, at time.Time, limit int) ([]schedule.Event, error) {
	begun := time.Now()
	list, err := m.Store.Upcoming(ctx, channelID, at, limit)
	m.measure(ctx, opUpcoming, begun, false, err)
	return list, err
}

// Edit implements [schedule.Store]. It counts the events that a stored edit has changed.
func (m *Measured) Edit(ctx context.Context, channelID string, f func(schedule.Tx) error) error {
	var changes counted
	begun, refused := time.Now(), false
	err := m.Store.Edit(ctx, channelID, func(tx schedule.Tx) error {
		changes = counted{Tx: tx}
		err := f(&changes)
		refused = err != nil && !changes.failed
		return err
	})
	m.measure(ctx, opEdit, begun, refused, err)
	if err == nil {
		m.events.WithLabelValues("insert").Add(float64(changes.inserted))
		m.events.WithLabelValues("update").Add(float64(changes.updated))
		m.events.WithLabelValues("delete").Add(float64(changes.deleted))
	}
	return err
}

// counted counts what a transaction changes, and notes whether the database
// has failed in it.
type counted struct {
	schedule.Tx
	inserted, updated, deleted int
	failed                     bool
}

func (c *counted) note(count *int, err error) error {
	if _, missing := errors.AsType[*schedule.NotFoundError](err); err != nil && !missing {
		c.failed = true
	}
	if err == nil {
		*count++
	}
	return err
}

func (c *counted) Insert(v schedule.Event) error { return c.note(&c.inserted, c.Tx.Insert(v)) }
func (c *counted) Update(v schedule.Event) error { return c.note(&c.updated, c.Tx.Update(v)) }
func (c *counted) Delete(id string) error        { return c.note(&c.deleted, c.Tx.Delete(id)) }

func (c *counted) Events(within schedule.Slot) ([]schedule.Event, error) {
	list, err := c.Tx.Events(within)
	return list, c.note(new(int), err)
}

func (c *counted) Event(id string) (schedule.Event, error) {
	v, err := c.Tx.Event(id)
	return v, c.note(new(int), err)
}

// Aired is [Store.Aired], measured.
func (m *Measured) Aired(ctx context.Context, channelID string, within schedule.Slot) ([]schedule.Airing, error) {
	begun := time.Now()
	list, err := m.Store.Aired(ctx, channelID, within)
	m.measure(ctx, opAired, begun, false, err)
	return list, err
}

// MeasuredPlayout is a Playout that measures what it is asked for.
type MeasuredPlayout struct {
	playlog.Log
	playout *Playout
	m       *Measured
}

// MeasurePlayout returns the playout logs of the store, measured.
func (m *Measured) MeasurePlayout(p *Playout) *MeasuredPlayout {
	return &MeasuredPlayout{m.logs.Log(p), p, m}
}

// Cuts is [Playout.Cuts], measured.
func (p *MeasuredPlayout) Cuts(ctx context.Context, channel string, within schedule.Slot, limit int) ([]playlog.Cut, error) {
	begun := time.Now()
	cuts, err := p.playout.Cuts(ctx, channel, within, limit)
	p.m.measure(ctx, opCuts, begun, false, err)
	return cuts, err
}

// state reads metrics off the database.
type state struct{ *Store }

var (
	channelsDesc = prometheus.NewDesc("consuo_schedule_channels", "Channels in the database; absent while it can't be read.", nil, nil)
	sizeDesc     = prometheus.NewDesc("consuo_schedule_database_bytes", "Size of the database: of SQLite the file and its log.", nil, nil)
)

// Describe implements prometheus.Collector.
func (s state) Describe(ch chan<- *prometheus.Desc) {
	ch <- channelsDesc
	ch <- sizeDesc
}

// Collect implements prometheus.Collector. What can't be read is left out: a
// database that hangs must not hide the other metrics.
func (s state) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var channels, size int64
	if s.read.QueryRowContext(ctx, `SELECT count(*) FROM channels`).Scan(&channels) == nil {
		ch <- prometheus.MustNewConstMetric(channelsDesc, prometheus.GaugeValue, float64(channels))
	}
	if s.isPostgres() {
		if s.read.QueryRowContext(ctx, `SELECT pg_database_size(current_database())`).Scan(&size) != nil {
			return
		}
	} else {
		for _, file := range []string{s.path, s.path + "-wal"} {
			if info, err := os.Stat(file); err == nil {
				size += info.Size()
			}
		}
	}
	ch <- prometheus.MustNewConstMetric(sizeDesc, prometheus.GaugeValue, float64(size))
}
