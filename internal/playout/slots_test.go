package playout_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/playlog"
	"consuo/internal/scheduleclient"
)

// TestOriginsThatHang: the assets of other origins are loaded as if nothing
// were, and so are those of an origin one of whose assets hangs.
func TestOriginsThatHang(t *testing.T) {
	onAir(t, func(t *testing.T, s *station) {
		const hanging = 20 // origins, of 10 assets each
		airs := func(channel, uri string) {
			s.channels = append(s.channels, scheduleclient.Channel{ID: channel, Name: channel, Revision: "1"})
			s.events[channel] = []scheduleclient.Event{{ID: channel, URI: uri, Start: time.Now().UTC(), End: time.Now().UTC().Add(time.Hour)}}
		}
		s.set(func() {
			for i := range hanging * 10 {
				uri := fmt.Sprintf("https://hangs-%d.example/%d/master.m3u8", i%hanging, i)
				s.delay[uri], s.faults[uri] = 30*time.Second, errors.New("timeout")
				airs(fmt.Sprintf("hangs-%d", i), uri)
			}
			for i := range 2 { // of the same origin as a
				uri := fmt.Sprintf("https://vod.example/hangs-%d/master.m3u8", i)
				s.delay[uri], s.faults[uri] = 30*time.Second, errors.New("timeout")
				airs(fmt.Sprintf("one-hangs-%d", i), uri)
			}
			airs("healthy", uri("a"))
		})
		time.Sleep(10 * time.Second) // the list is read again
		for i := range s.channels {
			if id := s.channels[i].ID; strings.Contains(id, "hangs") {
				go func() { _, _ = s.Multivariant(t.Context(), id) }()
			}
		}
		bubble.Wait()
		time.Sleep(500 * time.Millisecond) // all hang
		begun := time.Now()
		if _, err := s.Multivariant(t.Context(), "healthy"); err != nil {
			t.Fatal(err)
		}
		status, err := s.Status(t.Context(), "healthy")
		if err != nil || status.Now == nil || status.Now.Kind != playlog.Event {
			t.Fatalf("on air: %+v, %v", status.Now, err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it is on air after %s", took)
		}
		// An origin that has hung is trusted again once it answers.
		s.set(func() {
			for i := range hanging * 10 {
				uri := fmt.Sprintf("https://hangs-%d.example/%d/master.m3u8", i%hanging, i)
				delete(s.delay, uri)
				delete(s.faults, uri)
				s.assets[uri] = s.assets["https://vod.example/a/master.m3u8"]
			}
		})
		for end := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Second) {
			on := 0
			for i := range hanging * 10 {
				id := fmt.Sprintf("hangs-%d", i)
				_, _ = s.Multivariant(t.Context(), id)
				if status, err := s.Status(t.Context(), id); err == nil && status.Now != nil && status.Now.Kind == playlog.Event {
					on++
				}
			}
			if on == hanging*10 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%d of %d are on air", on, hanging*10)
			}
		}
	})
}
