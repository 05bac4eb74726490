package playout

import (
	"context"
	"net/url"
	"sync"
	"time"
)

const (
	// loading bounds how many assets are loaded at a time from origins that
	// have proved fast, loadingPerHost from each.
	loading, loadingPerHost = 128, 8
	// probing and probingPerHost are the same for all others.
	probing, probingPerHost = 64, 3
	// slowLoad is how long the load of an asset takes whose origin has to prove
	// itself again.
	slowLoad = 5 * time.Second
)

// slots bounds how much is loaded at a time, so that an origin that hangs keeps
// nobody waiting but those who want its own assets: it takes up slots for probing,
// a few of them, and none of those of origins that were fast the last time.
type slots struct {
	fast, probes chan struct{} // hold an element per load under way

	mu      sync.Mutex
	origins map[string]*origin // guarded by mu; by host
}

// origin is what is known of a host. Its fields are guarded by slots.mu.
type origin struct {
	loads chan struct{} // holds an element per load that is under way or next
	probe chan struct{} // the same for probes
	fast  bool          // its latest load was
	users int           // that hold or wait for a slot
	used  time.Time     // the last time
}

func newSlots() *slots {
	return &slots{
		fast: make(chan struct{}, loading), probes: make(chan struct{}, probing),
		origins: make(map[string]*origin),
	}
}

// acquire waits for a slot for a load from a URI. The error is that of ctx.
func (s *slots) acquire(ctx context.Context, uri string) (release func(), err error) {
	o := s.enter(uri)
	var taken []chan struct{}
	leave := func() {
		for _, slot := range taken {
			<-slot
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		o.users--
		o.used = time.Now()
	}
	take := func(slot chan struct{}) error {
		select {
		case slot <- struct{}{}:
			taken = append(taken, slot)
			return nil
		case <-ctx.Done():
			leave()
			return ctx.Err()
		}
	}
	if err := take(o.loads); err != nil {
		return nil, err
	}
	if s.isFast(o) {
		err = take(s.fast)
	} else if err = take(o.probe); err == nil {
		if s.isFast(o) { // by now
			err = take(s.fast)
		} else {
			err = take(s.probes)
		}
	}
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	return func() {
		s.mu.Lock()
		o.fast = time.Since(begun) < slowLoad
		s.mu.Unlock()
		leave()
	}, nil
}

// enter notes that somebody wants a slot for an origin.
func (s *slots) enter(uri string) *origin {
	host := ""
	if u, err := url.Parse(uri); err == nil {
		host = u.Host
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.origins[host]
	if o == nil {
		o = &origin{loads: make(chan struct{}, loadingPerHost), probe: make(chan struct{}, probingPerHost)}
		s.origins[host] = o
	}
	o.users++
	return o
}

func (s *slots) isFast(o *origin) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return o.fast
}

// sweep forgets origins that were not used for long.
func (s *slots) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for host, o := range s.origins {
		if o.users == 0 && time.Since(o.used) > unwanted {
			delete(s.origins, host)
		}
	}
}
