package asset_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"consuo/internal/asset"
)

func TestCheckDelivery(t *testing.T) {
	heads := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heads++
		if r.Method != http.MethodHead || r.Header.Get("Origin") == "" {
			t.Errorf("%s with Origin %q", r.Method, r.Header.Get("Origin"))
		}
		switch r.URL.Path {
		case "/any.ts":
			w.Header().Set("Access-Control-Allow-Origin", "*")
		case "/echo.ts":
			w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		case "/one.ts":
			w.Header().Set("Access-Control-Allow-Origin", "https://only.example")
		case "/gone.ts":
			w.WriteHeader(http.StatusNotFound)
		case "/get-only.ts":
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	defer server.Close()
	l := asset.New(asset.Options{})
	for path, want := range map[string]string{
		"/any.ts": "", "/echo.ts": "", "/get-only.ts": "",
		"/none.ts": "Access-Control-Allow-Origin", "/one.ts": "Access-Control-Allow-Origin", "/gone.ts": "404",
	} {
		got := strings.Join(l.CheckDelivery(t.Context(), server.URL+path), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if heads != 6 {
		t.Errorf("%d requests for 6 checks", heads)
	}
	// What the policy refuses is never asked, and http elsewhere is told.
	if got := l.CheckDelivery(t.Context(), "http://169.254.169.254/x.ts"); got != nil || heads != 6 {
		t.Errorf("a metadata address: %q", got)
	}
	if got := strings.Join(l.CheckDelivery(t.Context(), "http://vod.invalid/x.ts"), "; "); !strings.Contains(got, "https page") {
		t.Errorf("http: %q", got)
	}
}
