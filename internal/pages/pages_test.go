package pages_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"consuo/internal/pages"
)

func packed(t *testing.T, text string) *fstest.MapFile {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: b.Bytes()}
}

func newSite(t *testing.T) http.Handler {
	t.Helper()
	site, err := pages.Load(fstest.MapFS{
		".keep":                {},
		"index.html.gz":        packed(t, "<!doctype html>"),
		"assets/main-1.js.gz":  packed(t, "main()"),
		"assets/main-1.css.gz": packed(t, "a {}"),
	}, pages.Policy{Connect: "'self'", Media: "blob:"})
	if err != nil || !site.Built() {
		t.Fatal(site, err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutPrefix(r.URL.Path, "/assets/"); !ok {
			site.Index(w, r)
		} else if !site.Asset(w, r, name) {
			http.NotFound(w, r)
		}
	})
}

func TestSite(t *testing.T) {
	handler := newSite(t)
	for _, c := range []struct {
		name, method, target, accepts, known string

		status                 int
		body                   string // unpacked
		encoding, kind, caches string
	}{
		{"page", "GET", "/", "", "", 200, "<!doctype html>", "", "text/html; charset=utf-8", "no-cache"},
		{"page, packed", "GET", "/?channel=one", "gzip, deflate, br", "", 200, "<!doctype html>", "gzip", "text/html; charset=utf-8", "no-cache"},
		{"script", "GET", "/assets/main-1.js", "x;q=1, *;q=0.1", "", 200, "main()", "gzip", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"refused packing", "GET", "/assets/main-1.css", "gzip;q=0, *", "", 200, "a {}", "", "text/css; charset=utf-8", "public, max-age=31536000, immutable"},
		{"head", "HEAD", "/", "gzip", "", 200, "", "gzip", "text/html; charset=utf-8", "no-cache"},
		{"known", "GET", "/", "", `W/"other", $tag`, 304, "", "", "", "no-cache"},
		{"known, packed", "GET", "/", "gzip", "$tag", 304, "", "", "", "no-cache"},
		{"anything known", "GET", "/", "", "*", 304, "", "", "", "no-cache"},
		{"something else known", "GET", "/", "", `"other"`, 200, "<!doctype html>", "", "text/html; charset=utf-8", "no-cache"},
		{"none", "GET", "/assets/main-2.js", "", "", 404, "404 page not found\n", "", "text/plain; charset=utf-8", ""},
		{"not a file of the page", "GET", "/assets/../.keep", "", "", 404, "404 page not found\n", "", "text/plain; charset=utf-8", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask := func(known string) *httptest.ResponseRecorder {
				r := httptest.NewRequest(c.method, c.target, nil)
				if c.accepts != "" {
					r.Header.Set("Accept-Encoding", c.accepts)
				}
				if known != "" {
					r.Header.Set("If-None-Match", known)
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				return w
			}
			w := ask("")
			if c.known != "" {
				w = ask(strings.ReplaceAll(c.known, "$tag", w.Header().Get("ETag")))
			}
			h := w.Header()
			body := w.Body.String()
			if h.Get("Content-Encoding") == "gzip" && body != "" {
				z, err := gzip.NewReader(w.Body)
				if err != nil {
					t.Fatal(err)
				}
				var b bytes.Buffer
				if _, err := b.ReadFrom(z); err != nil {
					t.Fatal(err)
				}
				body = b.String()
			}
			if w.Code != c.status || body != c.body || h.Get("Content-Encoding") != c.encoding || h.Get("Content-Type") != c.kind || h.Get("Cache-Control") != c.caches {
				t.Errorf("%d %q %v", w.Code, body, h)
			}
		})
	}
}

// Nothing may be inline, and nothing may come from elsewhere but what the
// service allows its page.
func TestPolicy(t *testing.T) {
	w := httptest.NewRecorder()
	newSite(t).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	policy := w.Header().Get("Content-Security-Policy")
	for _, directive := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "worker-src 'self'", "connect-src 'self'", "media-src blob:",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
	} {
		if !strings.Contains("; "+policy+"; ", "; "+directive+"; ") {
			t.Errorf("the policy lacks %s: %s", directive, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Error(policy)
	}
	for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if !strings.Contains(w.Header().Get("Permissions-Policy"), "camera=()") {
		t.Error(w.Header())
	}
}

func TestLoad(t *testing.T) {
	site, err := pages.Load(fstest.MapFS{".keep": {}}, pages.Policy{})
	if err != nil || site.Built() {
		t.Errorf("without a build: %v, %v", site, err)
	}
	if site.Asset(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), "x.js") {
		t.Error("a file without a build")
	}
	for name, dist := range map[string]fstest.MapFS{
		"half a build": {"assets/main-1.js.gz": packed(t, "")},
		"unknown type": {"index.html.gz": packed(t, ""), "assets/a.exe.gz": packed(t, "")},
	} {
		if _, err := pages.Load(dist, pages.Policy{}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
