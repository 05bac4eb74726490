package perf

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"consuo/internal/daemon"
	"consuo/internal/vodtest"

	"golang.org/x/sync/errgroup"
)

// system is a schedule and an engine as processes, and an origin of films of
// two hours in this one.
type system struct {
	schedule, engine *daemon.Daemon
	origin           *httptest.Server
	client           *http.Client
	channels         []string
	dir              string
}

// setup is what a system consists of.
type setup struct {
	channels  int
	films     int      // that they share; 0: each has its own
	plain     bool     // as of vodtest.NewPlain
	engineCPU string   // the only processor that it may use; "": any
	engineEnv []string // besides
}

func (s setup) origin() *vodtest.Origin {
	if s.plain {
		return vodtest.NewPlain(2 * time.Hour)
	}
	return vodtest.New(2 * time.Hour)
}

// newSystem starts one; each channel has a film on air. The engine starts when
// the schedule is full.
func newSystem(ctx context.Context, o Options, of setup) (s *system, err error) {
	s = &system{client: &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "consuo-perf-"); err != nil {
		return s, err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return s, err
	}
	s.origin = &httptest.Server{Listener: listener, Config: &http.Server{Handler: of.origin()}}
	s.origin.Start()
	schedule := daemon.Command(filepath.Join(o.BinDir, "schedule"), "DATABASE_URL="+filepath.Join(s.dir, "schedule.db"))
	if s.schedule, err = daemon.Start(ctx, schedule, filepath.Join(s.dir, "schedule.log")); err != nil {
		return s, err
	}
	if err = s.fill(ctx, of); err != nil {
		return s, err
	}
	program, env := filepath.Join(o.BinDir, "engine"), append(of.engineEnv, "CHANNELMGRAPI="+s.schedule.Base)
	engine := daemon.Command(program, env...)
	if of.engineCPU != "" {
		engine = daemon.Command("taskset", env...)
		engine.Args = append(engine.Args, "-c", of.engineCPU, program)
	}
	s.engine, err = daemon.Start(ctx, engine, filepath.Join(s.dir, "engine.log"))
	return s, err
}

func (s *system) stop() {
	for _, d := range []*daemon.Daemon{s.engine, s.schedule} {
		if d != nil {
			_ = d.Stop(os.Interrupt) // it has been measured, however it ends
		}
	}
	if s.origin != nil {
		s.origin.Close()
	}
	s.client.CloseIdleConnections()
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// fill makes the channels with their events.
func (s *system) fill(ctx context.Context, of setup) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	start := time.Now().Add(-5 * time.Minute).UTC()
	for i := range of.channels {
		id, film := fmt.Sprintf("c%05d", i), i
		if of.films > 0 {
			film = i % of.films
		}
		s.channels = append(s.channels, id)
		group.Go(func() error {
			if err := s.post(ctx, "/channels", map[string]any{"id": id, "name": "Channel " + id}); err != nil {
				return err
			}
			return s.post(ctx, "/channels/"+id+"/schedule", map[string]any{
				"id": "film", "title": "Film", "uri": fmt.Sprintf("%s/film-%05d/master.m3u8", s.origin.URL, film), "start": start, "end": start.Add(2 * time.Hour),
			})
		})
	}
	return group.Wait()
}

func (s *system) post(ctx context.Context, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.schedule.Base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body) // to its end, so that the connection can be used again
	if err == nil && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("POST %s: %s: %s", path, response.Status, answer)
	}
	return err
}

// get returns an answer of the engine. Like a player it asks again after a 503.
func (s *system) get(ctx context.Context, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.engine.Base+path, nil)
	if err != nil {
		return "", err
	}
	for tries := 0; ; tries++ {
		response, err := s.client.Do(r)
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable && tries < 30 {
			if err := wait(ctx, time.Second); err != nil {
				return "", err
			}
			continue
		}
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("GET %s: %s", path, response.Status)
		}
		return string(body), err
	}
}

// firstPlaylist is how long it takes from a player's first request of a channel
// until it has a media playlist.
func (s *system) firstPlaylist(ctx context.Context, channel string) (took time.Duration, playlist string, err error) {
	begun := time.Now()
	master, err := s.get(ctx, "/live/master.m3u8?channel="+channel)
	if err != nil {
		return 0, "", err
	}
	for line := range strings.Lines(master) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			playlist, err = s.get(ctx, "/live/"+line)
			return time.Since(begun), playlist, err
		}
	}
	return 0, "", fmt.Errorf("channel %s has no playlists:\n%s", channel, master)
}

// scheduleRequests is how many requests the schedule has answered.
func (s *system) scheduleRequests(ctx context.Context) (sum float64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.schedule.Base+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := s.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if name, value, _ := strings.Cut(lines.Text(), "} "); strings.HasPrefix(name, "http_requests_total{") {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			sum += n
		}
	}
	return sum, lines.Err()
}

// cost is what a while has taken.
type cost struct {
	engine, schedule float64 // of one processor, 1 is all of it
	cpu, scheduleCPU time.Duration
	requests         float64 // to the schedule, a minute
	resident, peak   float64 // MB, of the engine
	scheduleResident float64
}

// during measures while something is done.
func (s *system) during(ctx context.Context, do func() error) (c cost, err error) {
	type sample struct {
		engine, schedule usage
		requests         float64
	}
	take := func() (a sample, err error) {
		if a.requests, err = s.scheduleRequests(ctx); err != nil {
			return a, err
		}
		if a.engine, err = usageOf(s.engine); err != nil {
			return a, err
		}
		a.schedule, err = usageOf(s.schedule)
		return a, err
	}
	before, err := take()
	if err != nil {
		return c, err
	}
	if err := do(); err != nil {
		return c, err
	}
	after, err := take()
	if err != nil {
		return c, err
	}
	took := after.engine.at.Sub(before.engine.at)
	c.cpu, c.scheduleCPU = after.engine.cpu-before.engine.cpu, after.schedule.cpu-before.schedule.cpu
	c.engine = c.cpu.Seconds() / took.Seconds()
	c.schedule = c.scheduleCPU.Seconds() / took.Seconds()
	c.requests = (after.requests - before.requests) / took.Minutes()
	c.resident, c.peak, c.scheduleResident = after.engine.resident, after.engine.peak, after.schedule.resident
	return c, nil
}

// wait is a while in which nothing is done.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
