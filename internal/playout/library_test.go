package playout

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/hls"
	"consuo/internal/packed"
	"consuo/internal/timeline"

	"github.com/prometheus/client_golang/prometheus"
)

// tokens is an origin that has one asset, with a token in the URIs of its segments.
type tokens struct{ token string }

func (o *tokens) Load(_ context.Context, uri string) (*packed.Presentation, error) {
	m, err := hls.ParseMedia(uri, []byte(strings.ReplaceAll("#EXTM3U\n#EXTINF:4,\na.ts?TOKEN\n#EXTINF:4,\nb.ts?TOKEN\n", "TOKEN", o.token)))
	if err != nil {
		return nil, err
	}
	mv := &hls.Multivariant{Variants: []hls.Variant{{URI: uri}}}
	return packed.New(&hls.Presentation{URL: uri, Multivariant: mv, Media: map[string]*hls.Media{uri: m}}), nil
}

func (o *tokens) CheckDelivery(context.Context, string) []string { return nil }

// TestReload: an asset that is the same when it is loaded anew stays the one
// that feeds were made of; fresh tokens make it another.
func TestReload(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		origin := &tokens{token: "1"}
		l := newLibrary(origin, slog.New(slog.DiscardHandler), newMetrics(prometheus.NewRegistry()))
		c := &channel{signal: make(chan struct{}, 1)}
		get := func() *timeline.Asset {
			_, _, _ = l.get(t.Context(), "https://vod.example/a.m3u8", Delivery{}, c)
			bubble.Wait()
			a, _, err := l.get(t.Context(), "https://vod.example/a.m3u8", Delivery{}, c)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		first := get()
		time.Sleep(reloadAfter + time.Second)
		if again := get(); again != first {
			t.Error("another asset, though nothing has changed")
		}
		origin.token = "2"
		time.Sleep(reloadAfter + time.Second)
		if again := get(); again == first || again.Digest != first.Digest || again.FirstURI() != "https://vod.example/a.ts?2" {
			t.Errorf("tokens are not refreshed: %s", again.FirstURI())
		}
	})
}

// TestThawedAssetsAreShared, for as long as anybody has them.
func TestThawedAssetsAreShared(t *testing.T) {
	l := newLibrary(&tokens{}, slog.New(slog.DiscardHandler), newMetrics(prometheus.NewRegistry()))
	thaw := func() (digest string) {
		p, err := new(tokens).Load(t.Context(), "https://vod.example/a.m3u8")
		if err != nil {
			t.Fatal(err)
		}
		a, err := timeline.NewAsset(p, timeline.AssetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		l.shareThawed(a, Delivery{})
		if l.thawed(a.Digest, Delivery{}) != a || l.thawed(a.Digest, Delivery{text: "a=b"}) != nil || l.thawed("other", Delivery{}) != nil {
			t.Error("it is not the one that was thawed")
		}
		return a.Digest
	}
	digest := thaw()
	for range 3 {
		runtime.GC()
	}
	if l.thawed(digest, Delivery{}) != nil {
		t.Error("it is kept for nobody")
	}
	if l.sweep(); len(l.warm) > 0 {
		t.Error("it is remembered for nobody")
	}
}

// faulty is an origin whose answers bring a fault of ours to light.
type faulty struct{ tokens }

func (*faulty) CheckDelivery(context.Context, string) []string { panic("a fault") }

func TestPanicWhileDeliveryIsChecked(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		l := newLibrary(&faulty{}, slog.New(slog.DiscardHandler), newMetrics(prometheus.NewRegistry()))
		c := &channel{signal: make(chan struct{}, 1)}
		_, _, _ = l.get(t.Context(), "https://vod.example/a.m3u8", Delivery{}, c)
		bubble.Wait()
		if _, _, err := l.get(t.Context(), "https://vod.example/a.m3u8", Delivery{}, c); err != nil {
			t.Error(err)
		}
	})
}
