// Package demo puts a channel on air on one machine: it starts both services,
// serves the sample VODs, keeps a programme in the schedule, and says what is
// on.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"consuo/internal/daemon"
)

// Options say what is started and where. See cmd/demo for the flags.
type Options struct {
	// Schedule is the base URL of a schedule service that runs already. Then no
	// daemon is started: the demo serves VODs and keeps the programme.
	Schedule string
	APIKey   string // what its writes need; "" if they need none

	BinDir       string // where the programs schedule and engine are
	DataDir      string // for the schedule's database and the logs
	SchedulePort int
	EnginePort   int

	VODDir  string // sample VODs
	VODPort int
	VODURL  string // where the engine reaches them; default http://localhost:<VODPort>

	Channel string
	Out     io.Writer
}

const (
	ahead = 30 * time.Minute // how much programme there is at least
	// The programme of a new channel begins in the past, so that the very first
	// window is full of it.
	lookBack = time.Minute
)

// onAir is what the user of make demo reads.
const onAir = `
On air. Watch it in Safari, VLC, ffplay or hls.js:

    %s

    http://localhost:%d/            all channels, in a browser
    http://localhost:%d/            the guide: what is planned, to be changed there
    http://localhost:%d/api/docs/   the schedule's API

Logs: %s
Ctrl-C stops everything.

`

// Run puts the channel on air until ctx is done, which is no error.
func Run(ctx context.Context, o Options) (outcome error) {
	vods := os.DirFS(o.VODDir)
	all, err := samples(vods)
	if err != nil {
		return err
	}
	if o.VODURL == "" {
		o.VODURL = "http://localhost:" + strconv.Itoa(o.VODPort)
	}
	o.VODURL = strings.TrimSuffix(o.VODURL, "/")
	if o.Schedule == "" {
		if err := errors.Join(
			checkPort(ctx, o.SchedulePort, "-schedule-port"),
			checkPort(ctx, o.EnginePort, "-engine-port"),
			checkPort(ctx, o.VODPort, "-vod-port"),
		); err != nil {
			return err
		}
	}

	asked := ctx
	ctx, fail := context.WithCancelCause(asked)
	defer fail(nil)
	// stopped is the error of what ended with err: none when it was asked to
	// stop, the cause when a part of the demo ended by itself.
	stopped := func(err error) error {
		switch {
		case asked.Err() != nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		return err
	}
	stopOrigin, err := serveOrigin(ctx, o.VODPort, origin(vods), fail)
	if err != nil {
		return err
	}
	defer stopOrigin()

	api := &client{base: strings.TrimSuffix(o.Schedule, "/"), key: o.APIKey, http: &http.Client{Timeout: 10 * time.Second}}
	watch := ""
	if o.Schedule == "" {
		daemons, err := startDaemons(o, fail)
		defer func() {
			for _, d := range slices.Backward(daemons) { // the engine first
				// As Ctrl-C would: at SIGTERM it would serve on for the sake of balancers.
				if d.Ended() == nil { // else that has been reported
					outcome = errors.Join(outcome, d.Stop(os.Interrupt))
				}
			}
		}()
		if err != nil {
			return err
		}
		api.base = "http://localhost:" + strconv.Itoa(o.SchedulePort)
		engine := "http://localhost:" + strconv.Itoa(o.EnginePort)
		for _, base := range []string{api.base, engine} {
			if err := await(ctx, api.http, base+"/readyz", 30*time.Second); err != nil {
				return stopped(err)
			}
		}
		watch = engine + "/live/master.m3u8?channel=" + o.Channel
	}

	events, err := topUp(ctx, api, o, all, time.Now())
	if err != nil {
		return stopped(err)
	}
	if watch != "" {
		if err := await(ctx, api.http, watch, 30*time.Second); err != nil {
			return stopped(err)
		}
		fmt.Fprintf(o.Out, onAir, watch, o.EnginePort, o.SchedulePort, o.SchedulePort, filepath.Join(o.DataDir, "demo-*.log"))
	} else {
		fmt.Fprintf(o.Out, "Channel %s is in the schedule at %s, its VODs are at %s.\n", o.Channel, o.Schedule, o.VODURL)
	}
	return stopped(keep(ctx, api, o, all, events))
}

// serveOrigin serves on a port until the returned function is called.
func serveOrigin(ctx context.Context, port int, h http.Handler, fail context.CancelCauseFunc) (stop func(), err error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return nil, fmt.Errorf("serve the sample VODs: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fail(fmt.Errorf("serve the sample VODs: %w", err))
		}
	}()
	return func() { server.Close() }, nil
}

// checkPort fails when somebody listens on a port of this machine.
func checkPort(ctx context.Context, port int, flag string) error {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return fmt.Errorf("port %d is taken (%w): stop what uses it, or choose another one with %s", port, err, flag)
	}
	return l.Close()
}

// startDaemons starts the services, the engine last. Of this process's variables
// they get what any program needs, so that what somebody has set for a service
// of theirs changes nothing.
func startDaemons(o Options, fail context.CancelCauseFunc) (started []*daemon.Daemon, err error) {
	if err := os.MkdirAll(o.DataDir, 0o755); err != nil {
		return nil, err
	}
	var common []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LOG_LEVEL", "LOG_FORMAT"} {
		if value, ok := os.LookupEnv(name); ok {
			common = append(common, name+"="+value)
		}
	}
	for _, service := range []struct {
		name string
		env  []string
	}{
		{"schedule", []string{
			"PORT=" + strconv.Itoa(o.SchedulePort),
			"DATABASE_URL=" + filepath.Join(o.DataDir, "demo.db"),
			"ENGINE_URL=http://localhost:" + strconv.Itoa(o.EnginePort),
		}},
		{"engine", []string{
			"PORT=" + strconv.Itoa(o.EnginePort),
			"CHANNELMGRAPI=http://localhost:" + strconv.Itoa(o.SchedulePort),
		}},
	} {
		log := filepath.Join(o.DataDir, "demo-"+service.name+".log")
		if err := os.Remove(log); err != nil && !errors.Is(err, fs.ErrNotExist) { // of the last demo
			return started, err
		}
		cmd := daemon.Command(filepath.Join(o.BinDir, service.name))
		cmd.Env = slices.Concat(common, service.env)
		d, err := daemon.Spawn(cmd, log)
		if err != nil {
			return started, err
		}
		started = append(started, d)
		go func() {
			_ = d.Wait()
			fail(d.Ended())
		}()
	}
	return started, nil
}

// topUp makes sure that the channel is there and that its programme reaches
// ahead. It gives the events around now.
func topUp(ctx context.Context, api *client, o Options, all []sample, now time.Time) ([]event, error) {
	if err := api.createChannel(ctx, o.Channel, "Demo"); err != nil {
		return nil, fmt.Errorf("create channel %s: %w", o.Channel, err)
	}
	events, err := api.events(ctx, o.Channel, now.Add(-lookBack), now.Add(2*ahead))
	if err != nil {
		return nil, fmt.Errorf("read the schedule: %w", err)
	}
	turn, from := 0, now.Add(-lookBack)
	if len(events) > 0 {
		turn, from = resume(all, events[len(events)-1])
	}
	if from.Before(now.Add(ahead)) {
		more := programme(all, o.VODURL, turn, from, now.Add(ahead+ahead/3))
		if err := api.add(ctx, o.Channel, more); err != nil {
			return nil, fmt.Errorf("add to the schedule: %w", err)
		}
		events = append(events, more...)
	}
	return events, nil
}

// keep tops up the programme and says what is on, whenever that changes.
func keep(ctx context.Context, api *client, o Options, all []sample, events []event) error {
	const topUpEvery = 5 * time.Minute
	refill := time.NewTicker(topUpEvery)
	defer refill.Stop()
	for {
		now := time.Now()
		on, next := nowAndNext(events, now)
		change := now.Add(topUpEvery)
		line := now.Format("15:04:05") + "  filler"
		if on != nil {
			line = fmt.Sprintf("%s  on now: %s, until %s", now.Format("15:04:05"), on.Title, on.end().Format("15:04:05"))
			change = on.end()
		}
		if next != nil {
			line += fmt.Sprintf("; next: %s at %s", next.Title, next.start().Format("15:04:05"))
			if on == nil {
				change = next.start()
			}
		}
		fmt.Fprintln(o.Out, line)
		timer := time.NewTimer(time.Until(change))
		for changed := false; !changed; {
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-timer.C:
				changed = true
			case <-refill.C:
				fresh, err := topUp(ctx, api, o, all, time.Now())
				switch {
				case err == nil:
					events = fresh
				case ctx.Err() == nil:
					// There is half an hour of programme left: the next try will do.
					fmt.Fprintln(o.Out, "the programme could not be topped up:", err)
				}
			}
		}
	}
}

// Healthcheck asks the demo that runs beside it, for its container.
func Healthcheck(ctx context.Context, port int) error {
	client := &http.Client{Timeout: 2 * time.Second}
	return get(ctx, client, "http://127.0.0.1:"+strconv.Itoa(port)+"/healthz")
}
