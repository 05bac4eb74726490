package schedulehttp

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Attempts with a wrong key that an address may make at once, and how soon it
// may make one more.
const (
	attempts     = 10
	attemptEvery = 6 * time.Second
)

// remembered bounds the memory of a throttle: addresses, and keys that worked.
const remembered = 10_000

// A throttle slows an address down that does something too often. Where that is
// guessing keys: after some failures, it is not even told whether its next key
// is right. Who has used a right key from there before is let through, so that
// others behind the same proxy can't lock them out.
type throttle struct {
	attempts int           // that an address may make at once
	every    time.Duration // how soon it may make one more

	mu sync.Mutex // guards the rest
	// full is when an address may make all its attempts again.
	full map[netip.Addr]time.Time
	good map[goodKey]struct{}
}

type goodKey struct {
	from netip.Addr
	key  string // fingerprint
}

func newThrottle(attempts int, every time.Duration) *throttle {
	return &throttle{attempts: attempts, every: every, full: map[netip.Addr]time.Time{}, good: map[goodKey]struct{}{}}
}

// wait is how long an address has to wait for its next attempt, 0 if it need not.
func (t *throttle) wait(from netip.Addr, key string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.good[goodKey{from, key}]; known {
		return 0
	}
	return max(0, t.full[from].Add(-time.Duration(t.attempts-1)*t.every).Sub(now))
}

// count counts an attempt.
func (t *throttle) count(from netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	full, known := t.full[from]
	if !known && len(t.full) >= remembered {
		t.forget(now)
	}
	if full.Before(now) {
		full = now
	}
	t.full[from] = full.Add(t.every)
}

// forget makes room: of all who may make all their attempts again, and if
// these are few, of anyone. It drops a tenth at once, as it looks at all.
func (t *throttle) forget(now time.Time) {
	for from, full := range t.full {
		if full.Before(now) {
			delete(t.full, from)
		}
	}
	for from := range t.full {
		if len(t.full) <= remembered*9/10 {
			return
		}
		delete(t.full, from)
	}
}

// worked remembers a right key.
func (t *throttle) worked(from netip.Addr, key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for old := range t.good {
		if len(t.good) < remembered {
			break
		}
		delete(t.good, old)
	}
	t.good[goodKey{from, key}] = struct{}{}
}

// clientAddr is where a request comes from, as far as the service can know: the
// peer, or if that is in the own network (a load balancer), what this peer has
// appended to X-Forwarded-For. The entries before that one are the client's to
// invent. Of an IPv6 address, its network counts.
func clientAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a listener without addresses: all are one
	}
	addr := peer.Addr().Unmap()
	if addr.IsPrivate() || addr.IsLoopback() {
		forwarded := r.Header.Values("X-Forwarded-For")
		if len(forwarded) > 0 {
			list := strings.Split(forwarded[len(forwarded)-1], ",")
			if last, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
				addr = last.Unmap()
			}
		}
	}
	addr = addr.WithZone("")
	if addr.Is6() {
		network, _ := addr.Prefix(64) // 64 is a length that IPv6 has
		return network.Addr()
	}
	return addr
}
