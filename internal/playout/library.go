package playout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"sync"
	"time"
	"weak"

	"consuo/internal/packed"
	"consuo/internal/timeline"
)

// loader reads an asset from its origin.
type loader interface {
	Load(ctx context.Context, uri string) (*packed.Presentation, error)
	// CheckDelivery warns of what would leave players black that load a
	// segment.
	CheckDelivery(ctx context.Context, segment string) (warnings []string)
}

const (
	// firstRetry and lastRetry bound the back-off of an asset that can't be
	// loaded.
	firstRetry = 2 * time.Second
	lastRetry  = 30 * time.Second
	// unwanted is how long an asset is kept that no schedule asks for. Those
	// on air are kept by the timelines that they are on.
	unwanted = 30 * time.Minute
	// reloadAfter is when an asset that is wanted is loaded anew: the tokens in
	// its URLs may expire, and people correct VODs. Until that succeeds the
	// old one is good.
	reloadAfter = 30 * time.Minute
	// checkAfter is how long after its load an asset's origin is asked what
	// players would meet: the playlists of other channels that start come first.
	checkAfter = 5 * time.Second
)

// errLoading is the state of an asset that was asked for and is not there yet.
var errLoading = errors.New("still loading")

// library holds the assets that channels want, each loaded once. Nothing waits
// for it: get answers at once, and whoever wants an asset is woken when its
// state changes.
type library struct {
	load  loader
	log   *slog.Logger
	slots *slots
	m     *metrics

	mu      sync.Mutex
	entries map[assetKey]*libraryEntry // guarded by mu

	// warm are assets that were thawed, by digest: for as long as a channel has
	// one, others need not thaw it.
	warm map[assetKey]weak.Pointer[timeline.Asset] // guarded by mu

	freezing sync.Mutex
	latest   struct { // that was frozen; guarded by freezing
		asset *timeline.Asset
		data  []byte
	}
}

// assetKey names an asset as it is written into playlists.
type assetKey struct{ uri, delivery string }

// libraryEntry is guarded by library.mu.
type libraryEntry struct {
	asset   *timeline.Asset
	err     error     // why there is none; errLoading at first
	loads   bool      // a load is under way
	loaded  time.Time // when asset was
	tries   int
	retry   time.Time // no load before
	wanted  time.Time
	waiting map[*channel]bool // woken by the end of a load, if true
}

func newLibrary(load loader, log *slog.Logger, m *metrics) *library {
	return &library{
		load: load, log: log, m: m,
		slots:   newSlots(),
		entries: make(map[assetKey]*libraryEntry),
		warm:    make(map[assetKey]weak.Pointer[timeline.Asset]),
	}
}

// get returns an asset, or why there is none. The first call starts loading
// it, later ones try again when it is time; c is woken at the end of a load.
// retry is the instant at which a failed asset is worth asking for again; zero
// while it is being loaded.
func (l *library) get(ctx context.Context, uri string, d Delivery, c *channel) (a *timeline.Asset, retry time.Time, err error) {
	now := time.Now()
	key := assetKey{uri, d.text}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[key]
	if e == nil {
		e = &libraryEntry{err: errLoading, waiting: make(map[*channel]bool)}
		l.entries[key] = e
	}
	e.wanted = now
	e.waiting[c] = e.asset == nil || e.waiting[c]
	if due := e.asset == nil || now.Sub(e.loaded) > reloadAfter; due && !e.loads && !now.Before(e.retry) {
		e.loads = true
		go l.fetch(ctx, key, e, d)
	}
	if e.asset != nil {
		return e.asset, time.Time{}, nil
	}
	if e.loads { // its end wakes
		return nil, time.Time{}, e.err
	}
	return nil, e.retry, e.err
}

// fetch loads an asset and wakes those who wait for it.
func (l *library) fetch(ctx context.Context, key assetKey, e *libraryEntry, d Delivery) {
	asset, err := l.read(ctx, key.uri, d)

	l.mu.Lock()
	e.loads = false
	if err == nil && e.asset != nil && reflect.DeepEqual(asset.Presentation, e.asset.Presentation) {
		asset = e.asset // what was made with it stays true, and it is on air perhaps
	}
	if err == nil || e.asset == nil {
		e.asset, e.err = asset, err
		e.loaded = time.Now()
	}
	if err == nil {
		e.tries, e.retry = 0, time.Time{}
	} else {
		wait := min(firstRetry<<min(e.tries, 10), lastRetry)
		e.tries++
		// Spread, so that the assets of a sick origin don't come back at once.
		e.retry = time.Now().Add(wait + rand.N(wait/4))
	}
	waiting := e.waiting
	e.waiting = make(map[*channel]bool)
	l.mu.Unlock()

	if err != nil && ctx.Err() == nil {
		l.log.Warn("asset not loaded", "uri", Redacted(key.uri).String(), "err", Redacted(err.Error()).String())
	}
	for c, wants := range waiting {
		if wants {
			c.wake()
		}
	}
	if err != nil {
		return
	}
	select {
	case <-time.After(checkAfter):
	case <-ctx.Done():
		return
	}
	for _, warning := range l.check(ctx, key.uri, asset) {
		for c := range waiting {
			c.report(key.uri, warning)
		}
	}
}

// check asks the origin what players would meet.
func (l *library) check(ctx context.Context, uri string, a *timeline.Asset) (warnings []string) {
	defer func() {
		if fault := recover(); fault != nil {
			l.panicked(uri, fault)
			warnings = nil
		}
	}()
	return l.load.CheckDelivery(ctx, a.FirstURI())
}

// panicked notes a fault of ours that an asset has brought to light: it costs
// that asset, and no other channel.
func (l *library) panicked(uri string, fault any) {
	l.m.panics.Inc()
	l.log.Error("panic while loading an asset", "uri", Redacted(uri).String(), "panic", fault, "stack", string(debug.Stack()))
}

func (l *library) read(ctx context.Context, uri string, d Delivery) (*timeline.Asset, error) {
	release, err := l.slots.acquire(ctx, uri)
	if err != nil {
		return nil, err
	}
	defer release()
	begun := time.Now()
	a, err := l.make(ctx, uri, d)
	l.m.loaded(err, time.Since(begun))
	return a, err
}

// make turns a panic into an error: whatever an asset may do to us, the other
// channels stay on air.
func (l *library) make(ctx context.Context, uri string, d Delivery) (a *timeline.Asset, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			l.panicked(uri, fault)
			a, err = nil, fmt.Errorf("load asset %s: a fault of the engine, see its log", uri)
		}
	}()
	p, err := l.load.Load(ctx, uri)
	if err != nil {
		return nil, err
	}
	return timeline.NewAsset(p, timeline.AssetOptions{Rewrite: d.rewrite()})
}

// frozen returns an asset's playlists as they are kept beside a log. It is
// made once for all channels that begin with the asset at the same time.
func (l *library) frozen(a *timeline.Asset) ([]byte, error) {
	l.freezing.Lock()
	defer l.freezing.Unlock()
	if l.latest.asset != a {
		data, err := a.Presentation.Marshal()
		if err != nil {
			return nil, err
		}
		l.latest.asset, l.latest.data = a, data
	}
	return l.latest.data, nil
}

// thawed returns an asset that another channel has thawed, or nil.
func (l *library) thawed(digest string, d Delivery) *timeline.Asset {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.warm[assetKey{digest, d.text}].Value()
}

// shareThawed lets other channels have an asset that was thawed.
func (l *library) shareThawed(a *timeline.Asset, d Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.warm[assetKey{a.Digest, d.text}] = weak.Make(a)
}

// sweep forgets what nobody has wanted for long.
func (l *library) sweep() {
	l.slots.sweep()
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, e := range l.entries {
		if !e.loads && time.Since(e.wanted) > unwanted {
			delete(l.entries, key)
		}
	}
	maps.DeleteFunc(l.warm, func(_ assetKey, p weak.Pointer[timeline.Asset]) bool { return p.Value() == nil })
}
