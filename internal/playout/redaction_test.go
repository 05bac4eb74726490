package playout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/asset"
	"consuo/internal/bubble"
	"consuo/internal/playout"
	"consuo/internal/scheduleclient"
)

// locked is an origin that wants its token in every URL. What is called bad
// is not there, what is called odd is no playlist, and what is called far is
// on a host that nobody reaches: its error names the whole URL.
type locked struct{}

func (locked) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(status int, body string) (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{}, Request: r,
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
	}
	switch path := r.URL.Path; {
	case strings.Contains(path, "/far/"):
		return nil, fmt.Errorf("dial %s: no route", r.URL)
	case r.URL.Query().Get("token") != "secret", strings.Contains(path, "/bad/"):
		return answer(http.StatusForbidden, "token=secret is not right")
	case strings.Contains(path, "/odd/"):
		return answer(http.StatusOK, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=token=secret\nmedia.m3u8?token=secret\n")
	case strings.HasSuffix(path, "/master.m3u8"):
		return answer(http.StatusOK, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000000,CODECS=\"avc1.64001e,mp4a.40.2\",RESOLUTION=640x360\nmedia.m3u8?token=secret\n")
	}
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-TARGETDURATION:6\n")
	for i := range 50 {
		fmt.Fprintf(&b, "#EXTINF:6,\n%d.ts?token=secret\n", i)
	}
	b.WriteString("#EXT-X-ENDLIST\n")
	return answer(http.StatusOK, b.String())
}

// synced is a buffer that goroutines share.
type synced struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *synced) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *synced) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// Tokens are in the playlists, where players need them, and nowhere else:
// neither in the log, on any level, nor in status.
func TestTokensStayInPlaylists(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var log synced
		s := newStation(t, func(o *playout.Options) {
			o.Loader = asset.New(asset.Options{Transport: locked{}})
			o.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			o.SlateURI = uri("bad") + "?token=secret"
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Engine.Run(ctx) }()

		s.set(func() {
			var events []scheduleclient.Event
			for i, name := range []string{"a", "bad", "b", "odd", "far", "c"} {
				e := event(name, time.Duration(i)*2*time.Minute, 2*time.Minute)
				e.URI += "?token=secret"
				events = append(events, e)
			}
			s.events["one"] = events
		})
		var played, told strings.Builder
		for range 14 * 60 / 5 {
			m, err := s.Multivariant(t.Context(), "one")
			if err != nil {
				t.Fatal(err)
			}
			for _, track := range tracks(m) {
				d, err := s.Playlist(t.Context(), "one", track)
				if err != nil {
					t.Fatal(err)
				}
				played.Write(d.Body)
			}
			status, err := s.Status(t.Context(), "one")
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(status)
			if err != nil {
				t.Fatal(err)
			}
			told.Write(text)
			time.Sleep(5 * time.Second)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}

		for _, name := range []string{"a", "b", "c"} {
			if !strings.Contains(played.String(), "https://vod.example/"+name+"/0.ts?token=secret\n") {
				t.Errorf("%s was not played with its token", name)
			}
		}
		for where, text := range map[string]string{"status": told.String(), "the log": log.String()} {
			if i := strings.Index(text, "secret"); i >= 0 {
				t.Errorf("%s has the token: …%s…", where, text[max(0, i-200):min(len(text), i+50)])
			}
			for _, name := range []string{"bad", "odd", "far"} {
				if !strings.Contains(text, "vod.example/"+name+"/") {
					t.Errorf("%s does not tell of %s, so that this test proves nothing", where, name)
				}
			}
		}
	})
}
