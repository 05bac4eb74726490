package playout_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/scheduleclient"
)

// foreign is the way to a schedule that keeps no log, or can't be reached.
type foreign struct {
	playlog.Log
	err   error
	calls int
}

func (f *foreign) Read(context.Context, string, int64) (playlog.Page, error) {
	f.calls++
	return playlog.Page{}, f.err
}

func TestFallback(t *testing.T) {
	shared := &foreign{err: errors.New("connection refused")}
	log := &playout.Fallback{
		Shared: shared, Memory: playlog.NewMemory(playlog.Lead),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if _, err := log.Read(t.Context(), "one", 0); err == nil || log.Backend() != playout.ScheduleBackend {
		t.Errorf("a schedule that is away keeps its log: %v, %s", err, log.Backend())
	}
	shared.err = scheduleclient.ErrUnsupported
	page, err := log.Read(t.Context(), "one", 0)
	if err != nil || page.ID == "" || log.Backend() != playout.MemoryBackend {
		t.Errorf("a schedule without a log: %v, %+v, %s", err, page, log.Backend())
	}
	if _, err := log.Read(t.Context(), "one", 0); err != nil || shared.calls != 2 {
		t.Errorf("it was asked %d times, %v", shared.calls, err)
	}
	if _, err := log.Append(t.Context(), "one", page.ID, nil); err != nil {
		t.Error(err)
	}
	log.Delete("one")
	if again, _ := log.Read(t.Context(), "one", 0); again.ID == page.ID || again.Lead != 8*time.Second {
		t.Errorf("a deleted log is still there: %+v", again)
	}
}
