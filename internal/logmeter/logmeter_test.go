package logmeter

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"consuo/internal/playlog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A log that answers as it is told.
type log struct {
	playlog.Log
	err error
}

func (l log) Append(context.Context, string, string, []playlog.Cut) (playlog.Page, error) {
	return playlog.Page{}, l.err
}

func TestOutcomes(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMeter(reg, "test")
	cut := []playlog.Cut{{}}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		cuts []playlog.Cut
	}{
		{t.Context(), nil, nil},
		{t.Context(), nil, cut},
		{t.Context(), fmt.Errorf("append: %w", playlog.ErrTooLate), cut},
		{t.Context(), context.DeadlineExceeded, cut},
		{cancelled, context.Canceled, cut},
	} {
		if _, err := m.Log(log{err: c.err}).Append(c.ctx, "one", "id", c.cuts); err != c.err {
			t.Errorf("the error %v became %v", c.err, err)
		}
	}
	if _, err := m.Log(playlog.NewMemory(time.Second)).Read(t.Context(), "one", 0); err != nil {
		t.Error(err)
	}

	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`test_log_requests_total{operation="watch",outcome="ok"} 1`,
		`test_log_requests_total{operation="append",outcome="ok"} 1`,
		`test_log_requests_total{operation="append",outcome="too_late"} 1`,
		`test_log_requests_total{operation="append",outcome="error"} 1`,
		`test_log_requests_total{operation="append",outcome="conflict"} 0`,
		`test_log_requests_total{operation="append",outcome="other_history"} 0`,
		`test_log_requests_total{operation="read",outcome="ok"} 1`,
		`test_log_request_seconds_count{operation="append"} 3`,
		`test_log_request_seconds_count{operation="frozen"} 0`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("there is no %s in\n%s", want, w.Body)
		}
	}
}
