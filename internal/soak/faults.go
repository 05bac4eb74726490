package soak

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// fault is something that happens to systems.
type fault struct {
	name   string
	inject func(s *station, ctx context.Context, rng *rand.Rand) error
	// alone: it shares its time with none of the aside.
	alone bool
}

// impossible is the count of a fault that this system can't inject.
const impossible = -1

// faults are what is done to the schedule and the engines, one after another.
var faults = []fault{
	{name: "kill -9 an engine", inject: (*station).killOne},
	{name: "kill -9 all engines", inject: (*station).killAll},
	{name: "kill -9 all engines, schedule away", inject: (*station).killAllWhileAway, alone: true},
	{name: "kill -9 all engines, edit in flight", inject: (*station).killAllWhileEditing},
	{name: "rolling replacement (SIGTERM)", inject: (*station).roll},
	{name: "an engine stands still (SIGSTOP)", inject: (*station).pauseOne},
	{name: "kill -9 the schedule", inject: (*station).killSchedule},
	{name: "the schedule stands still (SIGSTOP)", inject: (*station).pauseSchedule, alone: true},
	{name: "schedule away", inject: (*station).scheduleAway, alone: true},
	{name: "schedule away right after an edit", inject: (*station).editThenAway, alone: true},
	{name: "schedule slow", inject: scheduleIll(slow), alone: true},
	{name: "schedule answers 500", inject: scheduleIll(failing), alone: true},
	{name: "schedule answers garbage", inject: scheduleIll(garbage), alone: true},
	{name: "schedule answers half", inject: scheduleIll(half), alone: true},
	{name: "an engine cut off from the schedule", inject: (*station).cutOff},
	{name: "backup of the schedule restored", inject: (*station).restoreBackup, alone: true},
	{name: "disk full", inject: (*station).fillDisk, alone: true},
	{name: "channel deleted and made anew", inject: (*station).recreate},
	{name: "an engine's clock set by ±1 s", inject: engineClock(time.Second)},
	{name: "an engine's clock set by ±1 h", inject: engineClock(time.Hour)},
	{name: "the schedule's clock set by ±1 s", inject: (*station).scheduleClockABit, alone: true},
	{name: "the schedule's clock set by ±1 h", inject: (*station).scheduleClockFar, alone: true},
}

// aside are what goes on beside those of them that are not alone.
var aside = []fault{
	{name: "origin down", inject: originIll(away)},
	{name: "origin answers 404", inject: originIll(missing)},
	{name: "origin slow", inject: originIll(slow)},
	{name: "origin answers garbage", inject: originIll(garbage)},
	{name: "origin lacks a variant", inject: originIll(oneVariant)},
	{name: "10,000 unknown channels a second", inject: (*station).unknownChannels},
	{name: "slow clients", inject: (*station).slowClients},
}

// inject goes through all faults until time is up, at least once.
func (s *station) inject(ctx context.Context) error {
	until := time.Now().Add(s.For)
	for round := 1; round == 1 || time.Now().Before(until); round++ {
		first, second := s.rng.Perm(len(faults)), s.rng.Perm(len(aside))
		hosts := 0
		for _, f := range faults {
			if !f.alone {
				hosts++
			}
		}
		host := 0
		for _, i := range first {
			if round > 1 && !time.Now().Before(until) {
				return nil
			}
			f := faults[i]
			var beside []fault
			if !f.alone {
				for k := host; k < len(second); k += hosts {
					beside = append(beside, aside[second[k]])
				}
				host++
			}
			if err := s.step(ctx, f, beside); err != nil {
				return err
			}
			sleep(ctx, s.rest)
			s.measure(ctx)
		}
	}
	return nil
}

// step injects a fault, others beside it, and waits until all is well.
func (s *station) step(ctx context.Context, f fault, beside []fault) error {
	one := func(f fault, rng *rand.Rand) {
		s.say("%s", f.name)
		err := f.inject(s, ctx, rng)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			s.say("%s: not possible here", f.name)
			s.mu.Lock()
			s.injected[f.name] = impossible
			s.mu.Unlock()
		case err != nil && ctx.Err() == nil:
			s.violation("%s: %v", f.name, err)
		default:
			s.mu.Lock()
			s.injected[f.name]++
			s.mu.Unlock()
		}
	}
	mine, theirs := rand.New(rand.NewPCG(s.rng.Uint64(), 0)), rand.New(rand.NewPCG(s.rng.Uint64(), 0))
	var group sync.WaitGroup
	group.Go(func() {
		for _, f := range beside {
			one(f, theirs)
		}
	})
	one(f, mine)
	group.Wait()
	if s.watch.allows() || s.watched.allows() {
		// Histories that differ may have the same last cut until an engine
		// reads the log again.
		sleep(ctx, logRead)
	}
	if err := s.agree(ctx); err != nil && ctx.Err() == nil {
		s.violation("after %s: %v", f.name, err)
	}
	// What they have seen until then is still excused.
	for _, w := range []*observer{s.watch, s.watched} {
		if err := w.caughtUp(ctx); err != nil && ctx.Err() == nil {
			s.violation("after %s: %v", f.name, err)
		}
	}
	s.watch.allow(false)
	s.watched.allow(false)
	if ctx.Err() == nil {
		for _, e := range []*editor{s.main, s.other} {
			if err := e.verify(ctx); err != nil {
				s.violation("after %s: %v", f.name, err)
			}
		}
	}
	return ctx.Err()
}

// agreeWithin is how soon after the end of a fault all engines play the same
// log again.
const agreeWithin = 25 * time.Second

// logRead is longer than an engine goes without reading the log, and than the
// rebase takes that it may ask for.
const logRead = 4 * time.Second

// agree waits until all engines serve what the schedule's log says.
func (s *station) agree(ctx context.Context) error {
	deadline := time.Now().Add(agreeWithin)
	for {
		var why error
		for _, w := range []*observer{s.watch, s.watched} {
			why = errors.Join(why, s.oneLog(ctx, w.channel))
		}
		if why == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the engines are not one again after %s: %w", agreeWithin, why)
		}
		sleep(ctx, 100*time.Millisecond)
	}
}

// cut is one of a log: its number alone may be another's.
type cut struct{ Number, Start int64 }

// oneLog says why the engines are not at the same point of a channel's log.
func (s *station) oneLog(ctx context.Context, channel string) error {
	var stored struct {
		ID   string
		Cuts []cut
	}
	if err := getJSON(ctx, s.schedule.base()+"/channels/"+channel+"/playout?after=-1", &stored); err != nil {
		return err
	}
	return each(s.engines, func(p *process) error {
		var status struct {
			Degraded bool
			Log      struct{ ID string }
			LastCuts []cut `json:"last_cuts"`
		}
		// The multivariant playlist wakes the channel.
		if _, err := get(ctx, p.base()+"/channels/"+channel+"/master.m3u8"); err != nil {
			return fmt.Errorf("%s serves no %s: %w", p.name, channel, err)
		}
		if err := getJSON(ctx, p.base()+"/channels/"+channel+"/status", &status); err != nil {
			return err
		}
		if status.Degraded || status.Log.ID != stored.ID || len(stored.Cuts) != 1 || len(status.LastCuts) == 0 {
			return fmt.Errorf("%s, channel %s: %+v; the schedule has %+v", p.name, channel, status, stored)
		}
		// The engine tells milliseconds, the schedule nanoseconds.
		is, want := status.LastCuts[0], stored.Cuts[0]
		if want.Start /= int64(time.Millisecond); is != want {
			return fmt.Errorf("%s plays cut %+v last of %s, the schedule has %+v", p.name, is, channel, want)
		}
		return nil
	})
}

// get returns the body of an answer that has to be 200.
func get(ctx context.Context, url string) ([]byte, error) {
	response, body, err := fetch(ctx, url, answerWithin)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, response.Status, body)
	}
	return body, err
}

func getJSON(ctx context.Context, url string, into any) error {
	body, err := get(ctx, url)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// known waits until every engine has read every edit, which hold keeps from
// being more.
func (s *station) known(ctx context.Context) (release func()) {
	first, second := s.main.hold(), s.other.hold()
	sleep(ctx, 2*s.poll+500*time.Millisecond) // the slowest poll, and loading
	return func() { first(); second() }
}

// setLinks gives trouble to all engines that ask the schedule.
func (s *station) setLinks(t trouble) {
	for _, l := range s.links {
		l.set(t)
	}
}

func (s *station) killOne(ctx context.Context, rng *rand.Rand) error {
	p := s.engines[rng.IntN(engines)]
	p.kill()
	sleep(ctx, s.brief/5)
	return p.start(ctx)
}

func (s *station) killAll(ctx context.Context, _ *rand.Rand) error { return s.killEngines(ctx) }

func (s *station) killEngines(ctx context.Context) error {
	return each(s.engines, func(p *process) error { p.kill(); return p.start(ctx) })
}

func (s *station) killAllWhileAway(ctx context.Context, _ *rand.Rand) error {
	s.setLinks(away)
	defer s.setLinks(fine)
	// Within the lead: what is on air beyond that dies with those who know it.
	sleep(ctx, s.lead/3)
	if err := s.killEngines(ctx); err != nil {
		return err
	}
	sleep(ctx, s.brief)
	return nil
}

func (s *station) killAllWhileEditing(ctx context.Context, rng *rand.Rand) error {
	done := make(chan error, 1)
	go func() { done <- s.main.edit(ctx) }()
	sleep(ctx, time.Duration(rng.IntN(5))*time.Millisecond)
	err := s.killEngines(ctx)
	return errors.Join(err, <-done)
}

func (s *station) roll(ctx context.Context, _ *rand.Rand) error {
	for _, p := range s.engines {
		if err := p.terminate(); err != nil {
			return err
		}
		if err := p.start(ctx); err != nil {
			return err
		}
		// A deployment goes on when the new one is ready.
		if err := s.ready(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until an engine says that it is.
func (s *station) ready(ctx context.Context, p *process) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := get(ctx, p.base()+"/readyz")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%s is not ready after 10 s: %w", p.name, err)
		}
		sleep(ctx, 50*time.Millisecond)
	}
}

func (s *station) pauseOne(ctx context.Context, rng *rand.Rand) error {
	return s.engines[rng.IntN(engines)].pause(ctx, s.pause)
}

func (s *station) killSchedule(ctx context.Context, _ *rand.Rand) error {
	s.schedule.kill()
	sleep(ctx, s.brief/5)
	return s.schedule.start(ctx)
}

func (s *station) pauseSchedule(ctx context.Context, _ *rand.Rand) error {
	defer s.known(ctx)()
	return s.schedule.pause(ctx, s.pause)
}

func (s *station) scheduleAway(ctx context.Context, _ *rand.Rand) error {
	defer s.known(ctx)()
	s.setLinks(away)
	defer s.setLinks(fine)
	sleep(ctx, s.away)
	return each(s.engines, func(p *process) error {
		var status struct{ Degraded bool }
		if err := getJSON(ctx, p.base()+"/channels/one/status", &status); err != nil {
			return err
		}
		response, _, err := fetch(ctx, p.base()+"/readyz", answerWithin)
		if err == nil && (response.StatusCode != http.StatusOK || !status.Degraded) {
			err = fmt.Errorf("%s after %s without the schedule: /readyz is %s, degraded is %t", p.name, s.away, response.Status, status.Degraded)
		}
		return err
	})
}

// editThenAway cuts the engines off when some of them have read an edit and
// some have not: two histories can't be one.
func (s *station) editThenAway(ctx context.Context, rng *rand.Rand) error {
	s.watch.allow(true)
	s.watched.allow(true)
	err := s.main.edit(ctx)
	sleep(ctx, time.Duration(rng.IntN(1000))*time.Millisecond)
	s.setLinks(away)
	defer s.setLinks(fine)
	sleep(ctx, s.away)
	return err
}

// scheduleIll is met by all engines, or by one of them.
func scheduleIll(t trouble) func(*station, context.Context, *rand.Rand) error {
	return func(s *station, ctx context.Context, rng *rand.Rand) error {
		who := s.links
		if rng.IntN(2) == 0 {
			i := rng.IntN(engines)
			who = s.links[i : i+1]
		}
		defer s.known(ctx)()
		before := who[0].hurt.Load()
		for _, l := range who {
			l.set(t)
			defer l.set(fine)
		}
		sleep(ctx, s.brief+s.lead/2)
		return meet(ctx, &who[0].hurt, before)
	}
}

// meet waits until a request has met with a fault, on a machine that may be
// busy.
func meet(ctx context.Context, hurt *atomic.Int64, before int64) error {
	for range 100 {
		if hurt.Load() != before {
			return nil
		}
		sleep(ctx, 200*time.Millisecond)
	}
	return errors.New("no request met with it")
}

// cutOff leaves an engine alone while the schedule is edited.
func (s *station) cutOff(ctx context.Context, rng *rand.Rand) error {
	s.watch.allow(true)
	s.watched.allow(true)
	l := s.links[rng.IntN(engines)]
	l.set(away)
	defer l.set(fine)
	sleep(ctx, s.away)
	return nil
}

// restoreBackup takes back some of what the schedule has stored.
func (s *station) restoreBackup(ctx context.Context, _ *rand.Rand) error {
	s.watch.allow(true)
	s.watched.allow(true)
	backup := s.database + ".backup"
	release := s.main.hold()
	releaseOther := s.other.hold()
	err := s.schedule.still(func() error { return copyDatabase(s.database, backup) })
	release()
	releaseOther()
	if err != nil {
		return err
	}
	if err := s.waitForCut(ctx); err != nil {
		return err
	}
	if err := s.schedule.terminate(); err != nil {
		return err
	}
	err = copyDatabase(backup, s.database)
	s.main.forget()
	s.other.forget()
	return errors.Join(err, s.schedule.start(ctx))
}

// waitForCut waits until something has been added to the main channel's log.
func (s *station) waitForCut(ctx context.Context) error {
	var first int64
	deadline := time.Now().Add(20 * time.Second)
	for {
		var stored struct{ Cuts []struct{ Number int64 } }
		err := getJSON(ctx, s.schedule.base()+"/channels/one/playout?after=-1", &stored)
		if err == nil && len(stored.Cuts) == 1 {
			if first == 0 {
				first = stored.Cuts[0].Number
			} else if stored.Cuts[0].Number > first {
				return nil
			}
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errors.Join(errors.New("nothing was added to the log in 20 s"), err)
		}
		sleep(ctx, 200*time.Millisecond)
	}
}

// fillDisk lets nothing be written by the schedule for a while.
func (s *station) fillDisk(ctx context.Context, _ *rand.Rand) error {
	if !canFillDisk {
		return errors.ErrUnsupported
	}
	release := s.known(ctx)
	lift, err := s.schedule.limitFiles(4096)
	release()
	if err != nil {
		return err
	}
	refused := s.main.urgent(ctx)
	sleep(ctx, s.away)
	if err := lift(); err != nil {
		return err
	}
	if refused == nil {
		return errors.New("an edit was accepted")
	}
	return nil
}

// persist makes an edit beside a fault of the schedule.
func persist(ctx context.Context, edit func(context.Context) error) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := edit(ctx)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		sleep(ctx, 200*time.Millisecond)
	}
}

// originIll is met by an asset that is wanted next.
func originIll(t trouble) func(*station, context.Context, *rand.Rand) error {
	return func(s *station, ctx context.Context, _ *rand.Rand) error {
		s.origin.set(t)
		before := s.origin.hurt.Load()
		err := persist(ctx, s.main.urgent)
		sleep(ctx, s.brief)
		err = errors.Join(err, meet(ctx, &s.origin.hurt, before))
		s.origin.set(fine)
		// What some engines could load and some could not may differ while
		// they are alone: it is no longer wanted.
		return errors.Join(err, persist(ctx, s.main.renew), persist(ctx, s.other.renew))
	}
}

func (s *station) recreate(ctx context.Context, rng *rand.Rand) error {
	s.watched.allow(true)
	if err := persist(ctx, s.other.remove); err != nil {
		return err
	}
	sleep(ctx, time.Duration(rng.IntN(3000))*time.Millisecond)
	return persist(ctx, s.other.create)
}

// engineClock sets the date of an engine there and back, which nobody notices:
// it keeps store time by its monotonic clock.
func engineClock(by time.Duration) func(*station, context.Context, *rand.Rand) error {
	return func(s *station, ctx context.Context, rng *rand.Rand) error {
		p := s.engines[rng.IntN(engines)]
		for _, by := range []time.Duration{by, -by} {
			if err := p.stepClock(by, func() error { sleep(ctx, s.brief/2); return nil }); err != nil {
				return err
			}
		}
		return nil
	}
}

// scheduleClockABit is followed by engines so slowly that nothing happens.
func (s *station) scheduleClockABit(ctx context.Context, _ *rand.Rand) error {
	before := s.watch.jumps.Load()
	for _, by := range []time.Duration{time.Second, -time.Second} {
		if err := s.schedule.stepClock(by, func() error { sleep(ctx, s.brief); return nil }); err != nil {
			return err
		}
	}
	if n := s.watch.jumps.Load() - before; n > 0 {
		return fmt.Errorf("numbers began anew %d times", n)
	}
	return nil
}

// scheduleClockFar is followed by all engines with a new beginning.
func (s *station) scheduleClockFar(ctx context.Context, _ *rand.Rand) error {
	s.watch.allowDates()
	s.watched.allowDates()
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		err := s.schedule.stepClock(by, func() error { return s.follow(ctx) })
		if err = errors.Join(err, s.follow(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// follow waits until all engines have followed a step of the schedule's clock:
// they play the same log, and not that of before.
func (s *station) follow(ctx context.Context) error {
	deadline := time.Now().Add(agreeWithin)
	for {
		on, err := s.onTime(ctx)
		if err == nil && on {
			return s.agree(ctx)
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errors.Join(fmt.Errorf("an engine has not followed the schedule's clock after %s", agreeWithin), err)
		}
		sleep(ctx, 200*time.Millisecond)
	}
}

// onTime says whether all engines go by the schedule's clock.
func (s *station) onTime(ctx context.Context) (bool, error) {
	response, _, err := fetch(ctx, s.schedule.base()+"/channels", answerWithin)
	if err != nil {
		return false, err
	}
	ns, err := strconv.ParseInt(response.Header.Get("Store-Time"), 10, 64)
	if err != nil {
		return false, err
	}
	for _, p := range s.engines {
		var status struct{ Time int64 }
		if err := getJSON(ctx, p.base()+"/channels/one/status", &status); err != nil {
			return false, err
		}
		if time.UnixMilli(status.Time).Sub(time.Unix(0, ns)).Abs() > 2*time.Second {
			return false, nil
		}
	}
	return true, nil
}

// unknownRate is how many requests for channels that don't exist are made in a
// second, of all engines together.
const unknownRate = 10_000

// unknownChannels asks at that rate, by pipelining: it is the engines that are
// to work, not the one who asks.
func (s *station) unknownChannels(ctx context.Context, _ *rand.Rand) error {
	const conns = 4 // to each engine
	before := s.lists()
	begun := time.Now()
	until := begun.Add(s.brief)
	var answered atomic.Int64
	err := each(slices.Repeat(s.engines, conns), func(p *process) error {
		for ctx.Err() == nil && time.Now().Before(until) {
			live := p.running()
			if live == nil { // it is just being started
				sleep(ctx, 50*time.Millisecond)
				continue
			}
			err := pipeline(ctx, strings.TrimPrefix(live.Base, "http://"), until, unknownRate/(conns*engines), &answered)
			if err != nil && !live.Stopping() && !live.stood(begun) {
				return err
			}
		}
		return nil
	})
	took := time.Since(begun)
	s.mu.Lock()
	s.unknown = max(s.unknown, int64(float64(answered.Load())/took.Seconds()))
	s.mu.Unlock()
	if err == nil && answered.Load() == 0 {
		err = errors.New("no request was answered")
	}
	// A look-up a second by each engine, and its polls, that of its start too.
	looked := s.lists() - before
	if most := int64(engines * (took.Seconds() + 1 + took.Seconds()/s.poll.Seconds() + 2)); looked > most {
		err = errors.Join(err, fmt.Errorf("the engines asked the schedule %d times in %s for unknown channels, want %d at most", looked, took, most))
	}
	return err
}

// lists returns how often the engines have read the list of channels.
func (s *station) lists() (n int64) {
	for _, l := range s.links {
		n += l.lists.Load()
	}
	return n
}

// pipeline asks an engine for unknown channels, so many a second, without
// waiting for the answers.
func pipeline(ctx context.Context, addr string, until time.Time, rate int, answered *atomic.Int64) error {
	var dial net.Dialer
	conn, err := dial.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	const most = 20 * time.Second // until the last answer
	if err := conn.SetDeadline(until.Add(most)); err != nil {
		return err
	}
	sent := make(chan struct{}, 10*rate+100)
	failed := make(chan error, 1)
	go func() {
		defer close(sent)
		w := bufio.NewWriter(conn)
		for begun, n := time.Now(), 0; ctx.Err() == nil && time.Now().Before(until); sleep(ctx, 10*time.Millisecond) {
			for due := int(time.Since(begun).Seconds() * float64(rate)); n < due; n++ {
				fmt.Fprintf(w, "GET /channels/nobody-%d-%d/master.m3u8 HTTP/1.1\r\nHost: engine\r\n\r\n", begun.UnixNano(), n)
				sent <- struct{}{}
			}
			if err := w.Flush(); err != nil {
				failed <- err
				return
			}
		}
	}()
	r := bufio.NewReader(conn)
	for range sent {
		response, err := http.ReadResponse(r, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
		}
		if err == nil && response.StatusCode != http.StatusNotFound && response.StatusCode != http.StatusServiceUnavailable {
			err = fmt.Errorf("an unknown channel: %s, want 404", response.Status)
		}
		if err != nil {
			_ = conn.Close()
			for range sent { // let the other end
			}
			return err
		}
		answered.Add(1)
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// slowClients read a byte now and then, or never come to the end of what they
// ask.
func (s *station) slowClients(ctx context.Context, rng *rand.Rand) error {
	base, err := url.Parse(s.engines[rng.IntN(engines)].base())
	if err != nil {
		return err
	}
	clients := make([]int, 60)
	for i := range clients {
		clients[i] = i
	}
	until := time.Now().Add(2 * s.brief)
	return each(clients, func(i int) error {
		var dial net.Dialer
		conn, err := dial.DialContext(ctx, "tcp", base.Host)
		if err != nil {
			return nil // the engine is just being killed
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		_, err = fmt.Fprint(conn, "GET /channels/one/360.m3u8 HTTP/1.1\r\nHost: engine\r\n")
		reads := i%2 == 0
		if reads {
			_, err = fmt.Fprint(conn, "\r\n")
		}
		b := make([]byte, 1)
		for err == nil && time.Now().Before(until) && ctx.Err() == nil {
			if reads {
				_, err = conn.Read(b)
			} else {
				_, err = fmt.Fprint(conn, "X")
			}
			sleep(ctx, time.Second)
		}
		return nil // that it is cut off is right
	})
}
