package playouthttp_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"consuo/internal/playouthttp"
)

// Whatever a stranger sends: no panic, no fault of the service, and errors are
// not kept. Only the channels of the fake that are broken answer 503.
func FuzzRequest(f *testing.F) {
	for _, seed := range []struct{ method, target, encoding, match string }{
		{"GET", "/live/master.m3u8?channel=one", "gzip", `"a"`},
		{"HEAD", "/channels/one/v720.m3u8", "*;q=0.5", "*"},
		{"OPTIONS", "*", "", ""},
		{"GET", "/live/%00.m3u8?channel=%00", "", ""},
		{"GET", "/channels/%2e%2e/v720.m3u8?channel=..", "gzip;;;q", `W/"`},
		{"GET", "//live//master.m3u8?channel=one&channel=two;", "", ""},
		{"GET", "http://other.example/live/slate/../x", "", ""},
		{"GET", "/channels/one/slate/%2e%2e/%2e%2e/etc/passwd", "", ""},
		{"BREW", "/channels/one/status?x=%", "", ""},
		{"CONNECT", "one:443", "", ""},
	} {
		f.Add(seed.method, seed.target, seed.encoding, seed.match)
	}
	handler := newHandler(newFake(), io.Discard)
	f.Fuzz(func(t *testing.T, method, target, encoding, match string) {
		if strings.ContainsAny(method+target+encoding+match, "\r\n") {
			t.Skip() // that would be another request
		}
		// As net/http reads it off a connection.
		text := method + " " + target + " HTTP/1.1\r\nHost: h\r\nAccept-Encoding: " + encoding + "\r\nIf-None-Match: " + match + "\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			t.Skip()
		}
		playouthttp.Quiet(r)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 && !strings.Contains(target, "asleep") && !strings.Contains(target, "broken") && !strings.Contains(target, "%") {
			t.Errorf("%s %s: %d", method, target, w.Code)
		}
		if w.Code >= 400 && w.Header().Get("Cache-Control") != "no-store" && w.Code != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("%s %s: %d with Cache-Control %q", method, target, w.Code, w.Header().Get("Cache-Control"))
		}
		ops := r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/metrics"
		if !ops && w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: not open to all origins", method, target)
		}
	})
}
