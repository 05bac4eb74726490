package asset

import (
	"context"
	"sync"
)

// hostLimit hands out slots per host, so that an asset of many playlists does
// not look like an attack to its origin.
type hostLimit struct {
	most int

	mu    sync.Mutex
	hosts map[string]*slots // guarded by mu; only hosts that are in use
}

type slots struct {
	free  chan struct{} // holds one element per request under way
	users int           // that hold or wait for a slot; guarded by hostLimit.mu
}

// acquire waits for a slot. The error is that of ctx.
func (l *hostLimit) acquire(ctx context.Context, host string) (release func(), err error) {
	l.mu.Lock()
	if l.hosts == nil {
		l.hosts = make(map[string]*slots)
	}
	s := l.hosts[host]
	if s == nil {
		s = &slots{free: make(chan struct{}, l.most)}
		l.hosts[host] = s
	}
	s.users++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if s.users--; s.users == 0 {
			delete(l.hosts, host)
		}
	}
	select {
	case s.free <- struct{}{}:
		return func() { <-s.free; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
