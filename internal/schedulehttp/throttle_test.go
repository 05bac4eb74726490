package schedulehttp

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/bubble"
)

// Who guesses keys is slowed down; who has used a right one from there is not.
func TestThrottle(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		served := 0
		guarded := requireKey([]string{"right", "other"})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
		post := func(from, key string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodPost, "/channels", nil)
			r.RemoteAddr = from
			r.Header.Set("X-API-Key", key)
			w := httptest.NewRecorder()
			guarded.ServeHTTP(w, r)
			return w
		}
		if w := post("192.0.2.1:1", "right"); w.Code != 200 {
			t.Fatal(w.Code)
		}
		for i := range attempts {
			if w := post("192.0.2.1:1", "wrong"+strconv.Itoa(i)); w.Code != 401 {
				t.Fatalf("attempt %d: %d", i, w.Code)
			}
		}
		w := post("192.0.2.1:9", "wrong")
		if w.Code != 429 || w.Header().Get("Retry-After") != "6" || !strings.Contains(w.Body.String(), "Correct the key") {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if w := post("192.0.2.1:9", "other"); w.Code != 429 {
			t.Errorf("a right key that is new from here: %d: guessing goes on", w.Code)
		}
		if w := post("192.0.2.1:9", "right"); w.Code != 200 {
			t.Errorf("a key that has worked from here: %d", w.Code)
		}
		if w := post("192.0.2.2:1", "other"); w.Code != 200 {
			t.Errorf("another address: %d", w.Code)
		}
		time.Sleep(attemptEvery) // virtual
		if w := post("192.0.2.1:1", "wrong"); w.Code != 401 {
			t.Errorf("after Retry-After: %d", w.Code)
		}
		if w := post("192.0.2.1:1", "wrong"); w.Code != 429 {
			t.Errorf("and once more: %d", w.Code)
		}
		r := httptest.NewRequest(http.MethodGet, "/channels", nil)
		r.RemoteAddr = "192.0.2.1:1"
		guarded.ServeHTTP(httptest.NewRecorder(), r)
		if served != 4 {
			t.Errorf("served %d", served)
		}
	})
}

// Whatever a botnet does, the memory has a bound.
func TestThrottleIsBounded(t *testing.T) {
	throttle, now := newThrottle(attempts, attemptEvery), time.Now()
	for i := range 3 * remembered {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		throttle.count(addr, now)
		throttle.worked(addr, "x")
	}
	if len(throttle.full) > remembered || len(throttle.good) > remembered {
		t.Errorf("%d failures, %d keys", len(throttle.full), len(throttle.good))
	}
}

func TestClientAddr(t *testing.T) {
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:5", "", "192.0.2.1"},
		{"192.0.2.1:5", "198.51.100.7", "192.0.2.1"}, // from the internet: invented
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"10.0.0.1:5", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1:5", "1.2.3.4, 198.51.100.7", "198.51.100.7"},
		{"127.0.0.1:5", "nonsense", "127.0.0.1"},
		{"[::1]:5", "2001:db8:1:2:3::4", "2001:db8:1:2::"},
		{"[::ffff:10.0.0.1]:5", "198.51.100.7", "198.51.100.7"},
		{"[2001:db8:1:2:ffff::9%eth0]:5", "", "2001:db8:1:2::"},
		{"@", "", "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := clientAddr(r).String(); got != c.want {
			t.Errorf("%s for %q: %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}

// The log says who did what, by the key's fingerprint.
func TestAudit(t *testing.T) {
	var log bytes.Buffer
	c := newClient(t, Options{APIKeys: []string{"secret-1", "secret-2"}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	c.do("PUT", "/channels/one", http.Header{"X-Api-Key": {"secret-2"}}, `{}`)
	c.do("DELETE", "/channels/one/schedule/a", http.Header{"X-Api-Key": {"secret-3"}}, "")
	c.do("GET", "/channels/one", nil, "")
	for _, want := range []string{
		fmt.Sprintf("key=%s client=127.0.0.1 method=PUT path=/channels/one query=\"\" status=201", fingerprint("secret-2")),
		`key="" client=127.0.0.1 method=DELETE path=/channels/one/schedule/a query="" status=401`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no line has %s: %s", want, &log)
		}
	}
	if strings.Contains(log.String(), "secret") || strings.Count(log.String(), "\n") != 2 {
		t.Errorf("log: %s", &log)
	}
}
