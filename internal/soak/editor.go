package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// event is an event as the schedule service writes and reads it.
type event struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Start int64  `json:"start_time"` // Unix milliseconds
	End   int64  `json:"end_time"`
	URI   string `json:"uri"`
}

// editor keeps a channel's programme going and edits it all the time. It is the
// only one who does, and so knows what the schedule has to say.
type editor struct {
	channel  string
	schedule *process
	vods     string // base URL of the origin
	shortest time.Duration
	longest  time.Duration // of events

	edits  atomic.Int64
	failed atomic.Int64 // answers other than the one that a right request deserves
	lost   func(string)

	mu     sync.Mutex // held during an edit; the rest is guarded by it
	rng    *rand.Rand
	events []event // ordered; what was accepted
	unsure bool    // an edit's outcome is not known
	number int     // of the last asset
}

// ahead is how much programme there is at least.
const ahead = 90 * time.Second

// hold stops the edits until release is called.
func (e *editor) hold() (release func()) {
	e.mu.Lock()
	return e.mu.Unlock
}

// run edits until ctx is done.
func (e *editor) run(ctx context.Context, every time.Duration) {
	for ctx.Err() == nil {
		_ = e.edit(ctx) // it is counted
		sleep(ctx, every/2+rand.N(every))
	}
}

// edit makes one edit.
func (e *editor) edit(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.change(ctx)
}

// change makes one edit at random. e.mu is held.
func (e *editor) change(ctx context.Context) error {
	if e.unsure {
		if err := e.reload(ctx); err != nil {
			return err
		}
	}
	now := time.Now().UnixMilli()
	e.events = slices.DeleteFunc(e.events, func(v event) bool { return v.End < now-int64(time.Minute/time.Millisecond) })
	last := now - 40_000
	if n := len(e.events); n > 0 {
		last = max(last, e.events[n-1].End)
	}
	if last < now+ahead.Milliseconds() {
		return e.insert(ctx, last)
	}
	if at, room := e.hole(now); room > 0 && e.rng.IntN(2) == 0 {
		return e.fill(ctx, at, room)
	}
	// Something on air or to come, most often soon.
	i, _ := slices.BinarySearchFunc(e.events, now, func(v event, t int64) int { return int(v.End - t) })
	i += min(e.rng.IntN(4), len(e.events)-1-i)
	v := e.events[i]
	switch e.rng.IntN(5) {
	case 0: // taken out
		if err := e.call(ctx, http.MethodDelete, "/"+v.ID, nil, http.StatusNoContent); err != nil {
			return err
		}
		e.events = slices.Delete(e.events, i, i+1)
		return nil
	case 1: // shorter
		if v.End-v.Start < 4000 {
			return nil
		}
		v.End -= (v.End - v.Start) / int64(2+e.rng.IntN(3))
	case 2: // later, as far as there is room
		room := int64(30_000)
		if i+1 < len(e.events) {
			room = e.events[i+1].Start - v.End
		}
		if room < 1000 {
			return nil
		}
		by := 1 + e.rng.Int64N(room)
		v.Start, v.End = v.Start+by, v.End+by
	case 3: // earlier
		var room int64 // before the first there may be another that is over
		if i > 0 {
			room = v.Start - e.events[i-1].End
		}
		if room < 1000 {
			return nil
		}
		v.Start -= 1 + e.rng.Int64N(room)
	default: // another asset
		v.Title, v.URI = e.asset()
	}
	if err := e.call(ctx, http.MethodPut, "/"+v.ID, v, http.StatusOK); err != nil {
		return err
	}
	e.events[i] = v
	return nil
}

// hole finds room for an event within the next minute. e.mu is held.
func (e *editor) hole(now int64) (at, room int64) {
	at = now
	for _, v := range e.events {
		if v.End <= at {
			continue
		}
		if room := v.Start - at; room >= e.shortest.Milliseconds() {
			return at, room
		}
		if at = v.End; at > now+60_000 {
			break
		}
	}
	return 0, 0
}

// fill adds an event where there is room. e.mu is held.
func (e *editor) fill(ctx context.Context, at, room int64) error {
	v := event{ID: fmt.Sprintf("f%d", e.number), Start: at, End: at + min(room, e.shortest.Milliseconds()+e.rng.Int64N((e.longest-e.shortest).Milliseconds()))}
	v.Title, v.URI = e.asset()
	if err := e.call(ctx, http.MethodPost, "", v, http.StatusCreated); err != nil {
		return err
	}
	i, _ := slices.BinarySearchFunc(e.events, v.Start, func(v event, t int64) int { return int(v.Start - t) })
	e.events = slices.Insert(e.events, i, v)
	return nil
}

// insert adds events from an instant on. e.mu is held.
func (e *editor) insert(ctx context.Context, at int64) error {
	var added []event
	for until := at + (ahead / 3).Milliseconds(); at < until; {
		length := e.shortest + time.Duration(e.rng.Int64N(int64(e.longest-e.shortest)))
		v := event{ID: fmt.Sprintf("e%d", e.number), Start: at, End: at + length.Milliseconds()}
		v.Title, v.URI = e.asset()
		added = append(added, v)
		if at = v.End; e.rng.IntN(4) == 0 {
			at += 1000 + e.rng.Int64N(8000)
		}
	}
	if err := e.call(ctx, http.MethodPost, "", added, http.StatusCreated); err != nil {
		return err
	}
	e.events = append(e.events, added...)
	return nil
}

// asset names an asset that nobody has loaded yet. e.mu is held.
func (e *editor) asset() (title, uri string) {
	e.number++
	title = assets[e.rng.IntN(len(assets))]
	return title, fmt.Sprintf("%s/%s%d/%s/master.m3u8", e.vods, e.channel, e.number, title)
}

// urgent puts a new asset on the event that comes next, so that it is loaded
// now.
func (e *editor) urgent(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now().UnixMilli()
	for i, v := range e.events {
		if v.Start < now+2000 {
			continue
		}
		v.Title, v.URI = e.asset()
		if err := e.call(ctx, http.MethodPut, "/"+v.ID, v, http.StatusOK); err != nil {
			return err
		}
		e.events[i] = v
		return nil
	}
	return e.change(ctx)
}

// renew puts new assets on all that is to come: the engines may differ in what
// they could load of the old ones.
func (e *editor) renew(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now().UnixMilli()
	for i, v := range e.events {
		if v.End < now {
			continue
		}
		v.Title, v.URI = e.asset()
		if err := e.call(ctx, http.MethodPut, "/"+v.ID, v, http.StatusOK); err != nil {
			return err
		}
		e.events[i] = v
	}
	return nil
}

// create makes the channel, if it is not there, with a programme.
func (e *editor) create(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.request(ctx, http.MethodPost, "/channels", map[string]any{"id": e.channel, "name": e.channel, "config": map[string]any{}}, http.StatusCreated, http.StatusConflict)
	if err != nil {
		return err
	}
	e.events = nil
	for e.events == nil || e.events[len(e.events)-1].End < time.Now().Add(ahead).UnixMilli() {
		if err := e.change(ctx); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes the channel, if it is there.
func (e *editor) remove(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = nil
	return e.request(ctx, http.MethodDelete, "/channels/"+e.channel, nil, http.StatusNoContent, http.StatusNotFound)
}

// reload reads what the schedule says. Where that is known, it has to be what
// was accepted. e.mu is held.
func (e *editor) reload(ctx context.Context) error {
	base := e.schedule.base()
	from := time.Now().Add(-10 * time.Second)
	response, body, err := fetch(ctx, fmt.Sprintf("%s/channels/%s/schedule?start=%d", base, e.channel, from.UnixMilli()), 5*time.Second)
	if err != nil {
		return err
	}
	var events []event
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("read the schedule: %s: %s", response.Status, body)
	}
	if err := json.Unmarshal(body, &events); err != nil {
		return fmt.Errorf("read the schedule: %w", err)
	}
	if !e.unsure {
		recent := slices.DeleteFunc(slices.Clone(e.events), func(v event) bool { return v.End <= from.UnixMilli() })
		if !slices.Equal(recent, events) {
			e.lost(fmt.Sprintf("the schedule of %s has %v, accepted were %v", e.channel, events, recent))
		}
	}
	e.events, e.unsure = events, false
	return nil
}

// verify holds the schedule to what it has accepted.
func (e *editor) verify(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reload(ctx)
}

// forget takes the schedule as it is.
func (e *editor) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unsure = true
}

// call makes a request about the channel's events. e.mu is held.
func (e *editor) call(ctx context.Context, method, path string, body any, want ...int) error {
	e.edits.Add(1)
	err := e.request(ctx, method, "/channels/"+e.channel+"/schedule"+path, body, want...)
	if err != nil && ctx.Err() == nil {
		e.failed.Add(1)
		e.unsure = true
	}
	return err
}

// errRefused is an answer that was not wanted.
var errRefused = errors.New("refused")

func (e *editor) request(ctx context.Context, method, path string, body any, want ...int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, e.schedule.base()+path, reader)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if !slices.Contains(want, response.StatusCode) {
		return fmt.Errorf("%w: %s %s: %s: %s", errRefused, method, path, response.Status, strings.TrimSpace(string(answer)))
	}
	return nil
}
