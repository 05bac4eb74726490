package hlscheck

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// origin serves a tape with windows of 30 s at least, except where change says otherwise.
func origin(t tape, change func(at time.Duration, body string) (string, error)) Fetch {
	return func(at time.Time, _ string) ([]byte, error) {
		body, _ := t.live(at.Sub(epoch), 30*time.Second, time.Time{})
		if change == nil {
			return []byte(body), nil
		}
		body, err := change(at.Sub(epoch), body)
		return []byte(body), err
	}
}

// at is an instant of the tests.
func at(d time.Duration) time.Time { return epoch.Add(d) }

func TestPlayerPlaysFromThreeTargetDurationsBack(t *testing.T) {
	p := NewPlayer(videoURI, origin(film(100), nil))
	p.Run(at(61*time.Second), at(300*time.Second))
	if err := p.Err(at(300 * time.Second)); err != nil {
		t.Error(err)
	}
	plays := p.Plays()
	if first := plays[0]; first.MediaSequence != 1007 || !first.Start.Equal(at(61*time.Second)) {
		t.Errorf("began with %d at %s", first.MediaSequence, stamp(first.Start)) // the window ended with 1009
	}
	for i, s := range plays {
		if s.MediaSequence != 1007+uint64(i) || !s.Start.Equal(at(61*time.Second+time.Duration(i)*6*time.Second)) {
			t.Errorf("play %d is %d at %s", i, s.MediaSequence, stamp(s.Start))
		}
	}
}

func TestPlayerReloadsByTheRules(t *testing.T) {
	var loads []time.Duration
	p := NewPlayer(videoURI, origin(film(100), func(at time.Duration, body string) (string, error) {
		loads = append(loads, at)
		if at > 68*time.Second && at < 76*time.Second {
			return "", errors.New("503")
		}
		return body, nil
	}))
	p.Run(at(61*time.Second), at(86*time.Second))
	// Changed: 6 s. Failed at 73 s: 3 s.
	want := []time.Duration{61, 67, 73, 76, 82}
	for i := range want {
		want[i] *= time.Second
	}
	if !slices.Equal(loads, want) {
		t.Errorf("loads at %v, not %v", loads, want)
	}
	if f := p.Failures(); len(f) != 1 || !f[0].At.Equal(at(73*time.Second)) || !strings.HasSuffix(f[0].Err.Error(), ": 503") {
		t.Errorf("failures %v", f)
	}
	loads = nil
	p = NewPlayer(videoURI, origin(film(10), func(at time.Duration, body string) (string, error) {
		loads = append(loads, at)
		return body, nil
	}))
	p.Run(at(61*time.Second), at(72*time.Second)) // nothing new: 3 s
	if want := []time.Duration{61 * time.Second, 67 * time.Second, 70 * time.Second}; !slices.Equal(loads, want) {
		t.Errorf("loads at %v, not %v", loads, want)
	}
}

func TestPlayerReportsStalls(t *testing.T) {
	// The playlist stands still from 70 s to 100 s.
	tape := film(100)
	p := NewPlayer(videoURI, func(now time.Time, _ string) ([]byte, error) {
		d := now.Sub(epoch)
		if d >= 70*time.Second && d < 100*time.Second {
			d = 70 * time.Second
		}
		body, _ := tape.live(d, 60*time.Second, time.Time{})
		return []byte(body), nil
	})
	p.Run(at(61*time.Second), at(90*time.Second))
	// It has played 1007 to 1010 by 85 s.
	if got, want := p.Stalls(at(90*time.Second)), []Stall{{at(85 * time.Second), 5 * time.Second, 1010}}; !slices.Equal(got, want) {
		t.Errorf("stalls %v, not %v", got, want)
	}
	if p.Stalls(at(85*time.Second)) != nil {
		t.Error("stalled too early")
	}
	p.Run(p.Next(), at(200*time.Second))
	if got, want := p.Stalls(at(200*time.Second)), []Stall{{at(85 * time.Second), 15 * time.Second, 1010}}; !slices.Equal(got, want) {
		t.Errorf("stalls %v, not %v", got, want)
	}
	if err := p.Err(at(200 * time.Second)); err == nil || !strings.Contains(err.Error(), "stalled at 2026-11-22T12:01:25.000Z for 15s after segment 1010") {
		t.Error(err)
	}
}

func TestPlayerReportsMissedSegments(t *testing.T) {
	p := NewPlayer(videoURI, origin(film(100), func(at time.Duration, body string) (string, error) {
		if at > 70*time.Second && at < 130*time.Second {
			return "", errors.New("502")
		}
		return body, nil
	}))
	p.Run(at(61*time.Second), at(140*time.Second))
	// At 67 s it had 1010; the next good answer, at 130 s, lists 1016 to 1020.
	if got, want := p.Missed(), []Missed{{at(130 * time.Second), 1011, 1015}}; !slices.Equal(got, want) {
		t.Errorf("missed %v, not %v", got, want)
	}
	if err := p.Err(at(140 * time.Second)); err == nil || !strings.Contains(err.Error(), "segments 1011 to 1015 were gone") {
		t.Error(err)
	}
}

func TestPlayerRefusesWhatContradicts(t *testing.T) {
	tests := map[string]struct {
		change func(body string) string
		want   string
	}{
		"not a playlist":       {func(string) string { return "<html>" }, "extm3u"},
		"empty":                {func(string) string { return "" }, "empty"},
		"a step back":          {func(b string) string { return edit(b, "E:1006\n", "E:1000\n") }, "media sequence went back from 1005 to 1000"},
		"another segment":      {func(b string) string { return edit(b, "/0/7.ts", "/0/x.ts") }, "segment 1007 was https://cdn.example/0/7.ts"},
		"frozen discontinuity": {func(b string) string { return edit(b, "E:50\n", "E:49\n") }, "discontinuity number 50"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := NewPlayer(videoURI, origin(film(100), func(at time.Duration, body string) (string, error) {
				if at == 67*time.Second {
					return tt.change(body), nil
				}
				return body, nil
			}))
			p.Run(at(61*time.Second), at(120*time.Second))
			f := p.Failures()
			if len(f) != 1 || !strings.Contains(f[0].Err.Error(), tt.want) {
				t.Errorf("failures %v", f)
			}
			if s := p.Stalls(at(120 * time.Second)); s != nil {
				t.Errorf("it did not go on: %v", s)
			}
		})
	}
}

func TestPlayerThatNeverBegins(t *testing.T) {
	loads := 0
	p := NewPlayer(videoURI, func(time.Time, string) ([]byte, error) { loads++; return nil, errors.New("404") })
	p.Run(at(0), at(10*time.Second))
	if err := p.Err(at(10 * time.Second)); loads != 10 || err == nil || !strings.HasPrefix(err.Error(), videoURI+": nothing was played") {
		t.Errorf("%d loads: %v", loads, err)
	}
	if len(p.Plays()) != 0 || len(p.Missed()) != 0 || len(p.Stalls(at(10*time.Second))) != 0 {
		t.Error("played something")
	}
}
