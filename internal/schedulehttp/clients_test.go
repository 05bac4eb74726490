package schedulehttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"consuo/internal/browsertest"
)

// What one of Consuo's web components saw, by testdata/clients.mjs.
type seenByClient struct {
	Locale, Date string
	Guide        json.RawMessage
	Next         struct{ Now, Next, Error string }
	Nowhere      struct{ Error string }
	Write        struct {
		Status int
		Error  string
	}
}

// Consuo's published components read our schedule from a page of another
// origin, in every locale: from any page without CORS_WHITELIST, from the
// listed ones with it. (The packages themselves are not to be had here; the
// script does what they do.)
func TestClientsInBrowser(t *testing.T) {
	script, err := os.ReadFile("testdata/clients.mjs")
	if err != nil {
		t.Fatal(err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><title>A page of somebody else</title>")
	}))
	defer page.Close()
	required := []map[string]string{
		{"locale": "en-US", "timezone": "America/Los_Angeles"},
		{"locale": "sv-SE", "timezone": "Europe/Stockholm"},
		{"locale": "de-DE", "timezone": "Europe/Berlin"},
	}
	more := []map[string]string{
		{"locale": "nl-NL", "timezone": "Europe/Amsterdam"}, {"locale": "ko-KR", "timezone": "Asia/Seoul"}, {"locale": "ja-JP", "timezone": "Asia/Tokyo"},
		{"locale": "cs-CZ", "timezone": "Europe/Prague"}, {"locale": "ar-EG", "timezone": "Africa/Cairo"}, {"locale": "fa-IR", "timezone": "Asia/Tehran"},
		{"locale": "th-TH", "timezone": "Asia/Bangkok"}, {"locale": "en-GB", "timezone": "Pacific/Kiritimati"}, {"locale": "pt-BR", "timezone": "Pacific/Pago_Pago"},
	}
	for _, c := range []struct {
		name        string
		origins     []string
		locales     []map[string]string
		read, write bool
	}{
		{"no whitelist", nil, append(required, more...), true, false},
		{"on the whitelist", []string{"https://other.example", page.URL}, required, true, true},
		{"not on the whitelist", []string{"https://other.example"}, required[:1], false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			service := newClient(t, Options{Origins: c.origins})
			service.do("POST", "/channels", nil, `{"id":"one"}`)
			now := time.Now()
			at := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
			body := fmt.Sprintf(`[{"id":"film","title":"A film <b>","uri":"https://vod.example/film.m3u8","start_time":%d,"end_time":%d},
				{"title":"News","uri":"https://vod.example/news.m3u8","start_time":%d,"duration":1799.5}]`, at(-2*time.Hour), at(time.Hour), at(time.Hour))
			if a := service.do("POST", "/channels/one/schedule", nil, body); a.status != 201 {
				t.Fatal(a)
			}
			arguments, err := json.Marshal(map[string]any{"page": page.URL, "api": service.server.URL, "locales": c.locales})
			if err != nil {
				t.Fatal(err)
			}
			var all []seenByClient
			if err := json.Unmarshal(browsertest.RunScript(t, string(script), string(arguments)), &all); err != nil {
				t.Fatal(err)
			}
			if len(all) != len(c.locales) {
				t.Fatalf("%d answers", len(all))
			}
			for _, seen := range all {
				if !c.read {
					if !strings.Contains(string(seen.Guide), "Failed to fetch") || seen.Next.Error == "" || seen.Write.Error == "" {
						t.Errorf("%s reads: %s %+v %+v", seen.Locale, seen.Guide, seen.Next, seen.Write)
					}
					continue
				}
				want := `{"title":"A film <b>","uri":"https://vod.example/film.m3u8","duration":10800,"width":500,"start":true,"end":true}`
				if !strings.HasPrefix(string(seen.Guide), "["+want) {
					t.Errorf("%s, %s: the guide shows %s", seen.Locale, seen.Date, seen.Guide)
				}
				if seen.Next.Now != "A film <b>" || seen.Next.Next != "News" {
					t.Errorf("%s: up next shows %+v", seen.Locale, seen.Next)
				}
				if seen.Nowhere.Error == "" {
					t.Errorf("%s: an unknown channel looks like an empty one", seen.Locale)
				}
				if c.write != (seen.Write.Status == 201) {
					t.Errorf("%s: writing %+v", seen.Locale, seen.Write)
				}
			}
		})
	}
}

// The guide's request, byte for byte as it arrives: what browsers write for
// today in every locale of the list, unescaped but for what a browser escapes.
func TestDateFormsOverHTTP(t *testing.T) {
	c := newClient(t, Options{})
	c.do("POST", "/channels", nil, `{"id":"one"}`)
	now := time.Now().UTC()
	if a := c.do("POST", "/channels/one/schedule", nil, fmt.Sprintf(`{"title":"On","uri":"https://a/b","start_time":%d,"duration":7200}`, now.Add(-time.Hour).UnixMilli())); a.status != 201 {
		t.Fatal(a)
	}
	digits := func(s, zero string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return []rune(zero)[0] + r - '0'
			}
			return r
		}, s)
	}
	y, m, d := now.Date()
	for _, text := range []string{
		fmt.Sprintf("%d/%d/%d", m, d, y),                          // en-US
		now.Format("2006-01-02"),                                  // sv-SE, en-CA, fr-CA
		fmt.Sprintf("%d.%d.%d", d, m, y),                          // de, fi, nb, ru
		now.Format("02.01.2006"),                                  // da, pl
		now.Format("02/01/2006"),                                  // en-GB, fr, es, it, pt
		fmt.Sprintf("%d-%d-%d", d, m, y),                          // nl
		fmt.Sprintf("%d/%d/%d", y, m, d),                          // ja, zh
		fmt.Sprintf("%d. %d. %d.", y, m, d),                       // ko, hu
		fmt.Sprintf("%d. %d. %d", d, m, y),                        // cs, sk, sl
		digits(fmt.Sprintf("%d\u200f/%d\u200f/%d", d, m, y), "٠"), // ar
		fmt.Sprintf("%d/%d/%d", d, m, y+543),                      // th
	} {
		for _, language := range []string{"", "en-US,en;q=0.9", "sv-SE", "de-DE,de;q=0.9,en;q=0.8"} {
			header := http.Header{"Origin": {"https://page.example"}}
			if language != "" {
				header.Set("Accept-Language", language)
			}
			// fetch() escapes blanks and what is not ASCII.
			query := strings.ReplaceAll(url.PathEscape(text), "%2F", "/")
			a := c.do("GET", "/channels/one/schedule?date="+query, header, "")
			if a.status != 200 || !strings.HasPrefix(a.body, "[{") || a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%q for %q: %d %s", text, language, a.status, a.body)
			}
		}
	}
}
