package hlscheck

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// epoch is when the tapes of these tests begin.
var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// response is one playlist that a checker is fed, at an instant counted from epoch.
type response struct {
	at           time.Duration
	uri          string
	body         string
	multivariant bool
}

// breach is a series of responses on which exactly one rule fails.
type breach struct {
	rule *Rule
	name string // what is wrong
	opts Options
	feed []response
}

const videoURI, audioURI = "https://live.example/one/v.m3u8", "https://live.example/one/a.m3u8"

// video is a response of the video track.
func video(at time.Duration, body string) response {
	return response{at: at, uri: videoURI, body: body}
}

// audio is a response of the audio track.
func audio(at time.Duration, body string) response {
	return response{at: at, uri: audioURI, body: body}
}

// master is a response with the multivariant playlist.
func master(body string) response {
	return response{uri: "https://live.example/one/master.m3u8", body: body, multivariant: true}
}

// shot is a segment on a tape.
type shot struct {
	uri      string
	duration string
	offset   time.Duration // of its date from where the tape has it
	tags     string        // more lines before it
	state    string        // lines that hold for it and must stand at the head of a window
	cut      bool          // it has EXT-X-DISCONTINUITY
	undated  bool          // it has no date where it could do without
}

// tape is a live track: shots whose numbers and dates count from those of the first.
type tape struct {
	header  string
	number  uint64 // media sequence number of the first shot
	breaks  uint64 // discontinuity number before the first shot
	target  int
	shots   []shot
	withEnd string // lines at the end of every window
}

// film is a tape of n shots of 6 s with a cut before every eighth, in a playlist of version 6.
func film(n int) tape {
	t := tape{header: "#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n", number: 1000, breaks: 50, target: 6}
	for i := range n {
		t.shots = append(t.shots, shot{uri: fmt.Sprintf("https://cdn.example/%d/%d.ts", i/8, i%8), duration: "6.000", cut: i%8 == 0 && i > 0})
	}
	return t
}

// with returns the tape with one shot changed.
func (t tape) with(i int, change func(s *shot)) tape {
	t.shots = slices.Clone(t.shots)
	change(&t.shots[i])
	return t
}

// each returns the tape with every shot changed.
func (t tape) each(change func(i int, s *shot)) tape {
	t.shots = slices.Clone(t.shots)
	for i := range t.shots {
		change(i, &t.shots[i])
	}
	return t
}

// date is the exact date of a shot without its offset.
func (t tape) date(i int) time.Time {
	date := epoch
	for _, s := range t.shots[:i] {
		d, _, _ := parseDecimal(s.duration)
		date = date.Add(d)
	}
	return date
}

// window is the playlist with the shots from index from (inclusive) to index to (exclusive).
func (t tape) window(from, to int) string {
	breaks := t.breaks
	for _, s := range t.shots[:from] {
		if s.cut {
			breaks++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n%s#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n",
		t.header, t.target, t.number+uint64(from), breaks)
	state := ""
	for i := from; i < to; i++ {
		s := t.shots[i]
		if s.cut {
			b.WriteString("#EXT-X-DISCONTINUITY\n")
		}
		if s.state != state {
			b.WriteString(s.state)
			state = s.state
		}
		b.WriteString(s.tags)
		if i == from || !s.undated {
			fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", stamp(t.date(i).Add(s.offset).Round(time.Millisecond)))
		}
		fmt.Fprintf(&b, "#EXTINF:%s,\n%s\n", s.duration, s.uri)
	}
	return b.String() + t.withEnd
}

// edit replaces a text that must be there once.
func edit(body, old, new string) string {
	if strings.Count(body, old) != 1 {
		panic(fmt.Sprintf("%q is %d times in\n%s", old, strings.Count(body, old), body))
	}
	return strings.Replace(body, old, new, 1)
}

// check feeds a checker.
func check(opts Options, feed []response) *Checker {
	c := New(opts)
	for _, r := range feed {
		if r.multivariant {
			c.Multivariant(epoch.Add(r.at), r.uri, []byte(r.body))
		} else {
			c.Media(epoch.Add(r.at), r.uri, []byte(r.body))
		}
	}
	return c
}

// breaches are all the wrong playlists.
func breaches() []breach {
	return slices.Concat(syntaxBreaches(), keyBreaches(), dateRangeBreaches(), multivariantBreaches(), historyBreaches(), acrossBreaches())
}

func TestEachBreachFailsOneRule(t *testing.T) {
	for _, b := range breaches() {
		t.Run(b.rule.Name+"/"+strings.ReplaceAll(b.name, " ", "_"), func(t *testing.T) {
			c := check(b.opts, b.feed)
			failed := map[string]bool{}
			for _, v := range c.Violations() {
				failed[v.Rule] = true
				if v.Clause != b.rule.Clause && v.Rule == b.rule.Name {
					t.Errorf("clause %q, not %q", v.Clause, b.rule.Clause)
				}
			}
			if len(failed) != 1 || !failed[b.rule.Name] {
				t.Errorf("failed: %v\n%v", slices.Sorted(maps.Keys(failed)), c.Err())
			}
			b.opts.Ignore = append(b.opts.Ignore, b.rule.Name)
			if err := check(b.opts, b.feed).Err(); err != nil {
				t.Errorf("with the rule ignored: %v", err)
			}
		})
	}
}

func TestEveryRuleCanFail(t *testing.T) {
	proven := map[string]bool{}
	for _, b := range breaches() {
		proven[b.rule.Name] = true
	}
	names := map[string]bool{}
	for _, r := range Rules() {
		if r.Name == "" || r.Clause == "" || r.Says == "" {
			t.Errorf("rule %q has the clause %q and says %q", r.Name, r.Clause, r.Says)
		}
		if names[r.Name] {
			t.Errorf("two rules are called %q", r.Name)
		}
		names[r.Name] = true
		if !proven[r.Name] {
			t.Errorf("no breach proves that rule %q can fail", r.Name)
		}
	}
}
