package hlscheck

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options say what a run promises. The zero value is the strict reading of the design.
type Options struct {
	// MinWindow is the least duration of the primary's playlist. Below three target durations it has no effect: those
	// are the least of every media playlist (draft 6.2.2).
	MinWindow time.Duration
	// MaxWindow is the most that a media playlist may last; zero means that it does not matter.
	MaxWindow time.Duration
	// DateTolerance is how much two dates may differ that should be one; zero means 2 ms: each is rounded to 1 ms.
	DateTolerance time.Duration
	// BreakSkew is how far a discontinuity of another track may lie from the primary's, and how long its hole there
	// may be; zero means one segment.
	BreakSkew time.Duration
	// StoreTime says that `at` is the instant for which the playlist was made, on the clock of its dates: then a
	// segment is listed neither before it has been recorded nor much later, and two answers for one instant are equal.
	StoreTime bool
	// GrowingTargetDuration allows the target duration to grow (design: a longer asset later). It never shrinks.
	GrowingTargetDuration bool
	// Rebases allows the numbers to jump by 32 or more, to an entirely new window (design, log protocol 5).
	Rebases bool
	// QueryMayChange leaves the query strings of segment, key and map URIs out of what must stay the same.
	QueryMayChange bool
	// AbsoluteURIs demands that segment URIs are absolute.
	AbsoluteURIs bool
	// Ignore lists rules, by name, that are not applied.
	Ignore []string
}

// Violation is one rule broken once.
type Violation struct {
	Rule, Clause string
	URI          string // of the playlist
	At           time.Time
	Detail       string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s %s: %s (%s): %s", stamp(v.At), v.URI, v.Rule, v.Clause, v.Detail)
}

// stamp is an instant to the millisecond, as playlists write it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// mostPerRule is how many violations of one rule in one playlist are kept: a fault of the first minute would else be
// reported at every reload of a simulated month.
const mostPerRule = 10

// Checker watches the output of one channel through one run. It is not safe for concurrent use.
type Checker struct {
	opts       Options
	violations []Violation
	counts     map[[2]string]int // by rule and playlist

	multivariant    string   // body of the first multivariant playlist
	multivariantURI string   // resolved
	listed          []string // resolved media playlist URIs of the multivariant playlist, without repetition
	primary         string   // the listed one that leads: the first with video, else the first
	tracks          []*track
	ranges          map[string]dateRange // every date range seen, by ID
	interned        map[string]string    // URIs and other text that repeats: a segment must not hold on to its playlist
}

// New returns a Checker that has seen nothing yet.
func New(opts Options) *Checker {
	if opts.DateTolerance == 0 {
		opts.DateTolerance = 2 * time.Millisecond
	}
	return &Checker{opts: opts, counts: map[[2]string]int{}, ranges: map[string]dateRange{}, interned: map[string]string{}}
}

// reporter returns what records violations of the playlist at uri in the response of the instant at.
func (c *Checker) reporter(at time.Time, uri string) reporter {
	return func(r *Rule, format string, args ...any) {
		if slices.Contains(c.opts.Ignore, r.Name) {
			return
		}
		key := [2]string{r.Name, uri}
		c.counts[key]++
		if c.counts[key] > mostPerRule {
			return
		}
		c.violations = append(c.violations, Violation{r.Name, r.Clause, uri, at, fmt.Sprintf(format, args...)})
	}
}

// Multivariant takes a response with the multivariant playlist, fetched from uri.
func (c *Checker) Multivariant(at time.Time, uri string, body []byte) {
	report := c.reporter(at, uri)
	if c.multivariantURI != "" {
		if string(body) != c.multivariant {
			report(ruleMultivariantKept, "%s", firstDifference(c.multivariant, string(body)))
		}
		return
	}
	c.multivariant, c.multivariantURI, c.primary = string(body), uri, ""
	p := scan(body, true, report)
	add := func(text string) string {
		c.checkURI(text, report)
		u := resolve(uri, text)
		if !slices.Contains(c.listed, u) {
			c.listed = append(c.listed, u)
		}
		return u
	}
	led := false // by a variant with video
	for _, v := range p.streams {
		if v.uri == "" {
			continue
		}
		u := add(v.uri)
		if c.primary == "" || (v.video() && !led) {
			c.primary, led = u, v.video()
		}
	}
	for _, l := range p.renditions {
		if u, found := l.get("URI"); found {
			add(u)
		}
	}
	for _, u := range p.others {
		c.checkURI(u, report)
	}
}

// firstDifference shows where two texts part.
func firstDifference(a, b string) string {
	was, is := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(was), len(is)) {
		if was[i] != is[i] {
			return fmt.Sprintf("line %d was %q and is %q", i+1, clip(was[i]), clip(is[i]))
		}
	}
	return fmt.Sprintf("%d lines became %d", len(was), len(is))
}

// Playlists lists the media playlists of the multivariant playlist, resolved, each once, in its order.
func (c *Checker) Playlists() []string { return slices.Clone(c.listed) }

// Primary is the resolved URI of the media playlist that leads: the first variant with video, else the first
// variant, or without a multivariant playlist the first media playlist given.
func (c *Checker) Primary() string { return c.primary }

// Media takes a response with the media playlist at uri (resolved against that of the multivariant playlist). Responses
// must come in the order in which a viewer gets them; at is when this one was made.
func (c *Checker) Media(at time.Time, uri string, body []byte) {
	report := c.reporter(at, uri)
	t := c.track(uri, report)
	if c.opts.StoreTime && t.fed && at.Equal(t.at) && string(body) != t.body {
		report(ruleSameInstant, "%s", firstDifference(t.body, string(body)))
	}
	if !t.fed || string(body) != t.body {
		p := scan(body, false, report)
		t.body = string(body)
		if len(p.segments) > 0 {
			c.follow(t, at, p, report)
		}
	}
	t.at, t.fed = at, true
	if len(t.window) > 0 {
		c.punctual(t, at, report)
		c.across(t, at, report)
	}
}

// track returns the memory of a media playlist, made at its first response.
func (c *Checker) track(uri string, report reporter) *track {
	if i := slices.IndexFunc(c.tracks, func(t *track) bool { return t.uri == uri }); i >= 0 {
		return c.tracks[i]
	}
	if c.multivariantURI != "" && !slices.Contains(c.listed, uri) {
		report(rulePlaylistUnknown, "the multivariant playlist %s does not list it", c.multivariantURI)
	}
	if c.primary == "" {
		c.primary = uri
	}
	t := &track{uri: uri}
	c.tracks = append(c.tracks, t)
	return t
}

// Violations lists what was broken so far, in the order of the responses; of the same rule in the same playlist only
// the first ten. Playlists that the multivariant playlist lists and that never came are at the end.
func (c *Checker) Violations() []Violation {
	all := slices.Clone(c.violations)
	if slices.Contains(c.opts.Ignore, rulePlaylistMissing.Name) {
		return all
	}
	for _, uri := range c.listed {
		if !slices.ContainsFunc(c.tracks, func(t *track) bool { return t.uri == uri }) {
			all = append(all, Violation{rulePlaylistMissing.Name, rulePlaylistMissing.Clause, uri, time.Time{}, "was never there"})
		}
	}
	return all
}

// Err is nil when no rule was broken. Else it tells how many violations there were of each rule, and the first of them.
func (c *Checker) Err() error {
	all := c.Violations()
	if len(all) == 0 {
		return nil
	}
	total := len(all) - len(c.violations)
	for _, n := range c.counts {
		total += n
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d violations", total)
	const most = 20
	for i, v := range all {
		if i == most {
			fmt.Fprintf(&b, "\n  … and %d more", total-most)
			break
		}
		fmt.Fprintf(&b, "\n  %s", v)
	}
	return errors.New(b.String())
}

// Segments lists every segment ever seen in the media playlist at uri, once, in order.
func (c *Checker) Segments(uri string) []Segment {
	for _, t := range c.tracks {
		if t.uri == uri {
			return slices.Clone(t.history)
		}
	}
	return nil
}

// intern returns a copy of s that is shared by all who need the same text, and whether it is new.
func (c *Checker) intern(s string) (string, bool) {
	if known, found := c.interned[s]; found {
		return known, false
	}
	s = strings.Clone(s)
	c.interned[s] = s
	return s, true
}
