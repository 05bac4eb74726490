package hlscheck

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Fetch is how a Player gets a playlist at an instant.
type Fetch func(at time.Time, uri string) (body []byte, err error)

// Player plays one live media playlist in virtual time by the rules for clients (draft 6.3). Loading takes no time, so
// that what it reports is the server's doing: with a network in between things are worse.
//
// It is driven by Run, or, to let several players go side by side, by Reload at the instants that Next gives.
type Player struct {
	uri   string
	fetch Fetch

	due    time.Time // of the next reload
	target time.Duration
	known  []Segment // of the last playlist
	end    time.Time // when all that it has will have been played; zero before the start

	plays    []Play
	stalls   []Stall
	missed   []Missed
	failures []Failure
}

// Play is a segment played from an instant on.
type Play struct {
	Segment
	Start time.Time
}

// Stall is a time without anything to play, after a segment.
type Stall struct {
	Start  time.Time
	Length time.Duration
	After  uint64 // media sequence number
}

// Missed are segments that had left the window, or never were in it, when the player came to load them.
type Missed struct {
	At          time.Time
	First, Last uint64 // media sequence numbers
}

// Failure is a response that a strict player can't use, or contradicts an earlier one.
type Failure struct {
	At  time.Time
	Err error
}

// NewPlayer returns a player of the media playlist at uri that has not begun.
func NewPlayer(uri string, fetch Fetch) *Player { return &Player{uri: uri, fetch: fetch} }

// Run plays from an instant until another.
func (p *Player) Run(from, until time.Time) {
	for at := from; at.Before(until); at = p.Next() {
		p.Reload(at)
	}
}

// Next is the earliest instant at which the player may load its playlist again (draft 6.3.4): a target duration after
// it last began to if the playlist had changed, else half of one.
func (p *Player) Next() time.Time { return p.due }

// retry is how soon a player tries again that has never seen a target duration.
const retry = time.Second

// Reload loads the playlist at an instant and takes up what is new in it.
func (p *Player) Reload(at time.Time) {
	changed, err := p.load(at)
	if err != nil {
		p.failures = append(p.failures, Failure{at, err})
	}
	switch {
	case p.target == 0:
		p.due = at.Add(retry)
	case changed:
		p.due = at.Add(p.target)
	default:
		p.due = at.Add(p.target / 2)
	}
}

// load fetches and checks the playlist, and plays on. It reports whether there was something new.
func (p *Player) load(at time.Time) (changed bool, err error) {
	body, err := p.fetch(at, p.uri)
	if err != nil {
		return false, fmt.Errorf("load %s: %w", p.uri, err)
	}
	var faults []error
	list := scan(body, false, func(r *Rule, format string, args ...any) {
		if fatal(r) {
			faults = append(faults, fmt.Errorf("%s: "+format, append([]any{r.Name}, args...)...))
		}
	})
	if len(faults) > 0 {
		return false, errors.Join(faults...)
	}
	if err := p.contradiction(list.segments); err != nil {
		return false, err
	}
	changed = len(p.known) == 0 || !slices.Equal(p.known, list.segments)
	p.known, p.target = list.segments, list.target
	p.take(at, p.ahead())
	return changed, nil
}

// fatal tells the faults after which a player can't know what to play.
func fatal(r *Rule) bool {
	switch r {
	case ruleUTF8, ruleBOM, ruleExtM3U, ruleTagForm, ruleTagPlace, ruleTagOnce, ruleTargetDuration, ruleExtInf, ruleEmpty,
		ruleAttributeList, ruleAttributeTwice, ruleAttributeType, ruleByteRange, ruleKeyAttributes, ruleMapAttributes:
		return true
	}
	return false
}

// contradiction compares a playlist with the last one: what a strict player gives up on.
func (p *Player) contradiction(segments []Segment) error {
	if len(p.known) == 0 {
		return nil
	}
	if was, is := p.known[0].MediaSequence, segments[0].MediaSequence; is < was {
		return fmt.Errorf("media sequence went back from %d to %d", was, is)
	}
	for i := range segments {
		s := &segments[i]
		at := s.MediaSequence - p.known[0].MediaSequence
		if at >= uint64(len(p.known)) {
			break
		}
		if was := &p.known[at]; was.URI != s.URI || was.Range != s.Range || was.DiscontinuitySequence != s.DiscontinuitySequence {
			return fmt.Errorf("segment %d was %s with discontinuity number %d and is %s with %d", s.MediaSequence,
				was.URI, was.DiscontinuitySequence, s.URI, s.DiscontinuitySequence)
		}
	}
	return nil
}

// ahead returns the listed segments that the player has not taken yet. At the start these begin with the last one that
// is three target durations or more away from the end (draft 6.3.3).
func (p *Player) ahead() []Segment {
	if len(p.plays) > 0 {
		next := p.plays[len(p.plays)-1].MediaSequence + 1
		i := slices.IndexFunc(p.known, func(s Segment) bool { return s.MediaSequence >= next })
		if i < 0 {
			return nil
		}
		return p.known[i:]
	}
	var sum time.Duration
	for i := len(p.known) - 1; i > 0; i-- {
		if sum += p.known[i].Duration; sum >= 3*p.target {
			return p.known[i:]
		}
	}
	return p.known
}

// take queues segments for playing: right after what is queued already, or at once if that has run out.
func (p *Player) take(at time.Time, segments []Segment) {
	for _, s := range segments {
		if n := len(p.plays); n > 0 {
			last := p.plays[n-1].MediaSequence
			if s.MediaSequence > last+1 {
				p.missed = append(p.missed, Missed{at, last + 1, s.MediaSequence - 1})
			}
			if p.end.Before(at) {
				p.stalls = append(p.stalls, Stall{p.end, at.Sub(p.end), last})
				p.end = at
			}
		} else {
			p.end = at
		}
		p.plays = append(p.plays, Play{s, p.end})
		p.end = p.end.Add(s.Duration)
	}
}

// Plays lists what was played and what is queued, by rising instants.
func (p *Player) Plays() []Play { return slices.Clone(p.plays) }

// Stalls lists the stalls until an instant, also one that is not over then.
func (p *Player) Stalls(until time.Time) []Stall {
	all := slices.Clone(p.stalls)
	if n := len(p.plays); n > 0 && p.end.Before(until) {
		all = append(all, Stall{p.end, until.Sub(p.end), p.plays[n-1].MediaSequence})
	}
	return all
}

// Missed lists the segments that the player could not get.
func (p *Player) Missed() []Missed { return slices.Clone(p.missed) }

// Failures lists the responses that the player could not use.
func (p *Player) Failures() []Failure { return slices.Clone(p.failures) }

// Err is nil if the player has played until an instant as a viewer expects: it began, never stood still, and nothing
// was missing or wrong.
func (p *Player) Err(until time.Time) error {
	var faults []error
	if len(p.plays) == 0 {
		faults = append(faults, fmt.Errorf("%s: nothing was played", p.uri))
	}
	for _, s := range p.Stalls(until) {
		faults = append(faults, fmt.Errorf("%s: stalled at %s for %v after segment %d", p.uri, stamp(s.Start), s.Length, s.After))
	}
	for _, m := range p.missed {
		faults = append(faults, fmt.Errorf("%s: at %s segments %d to %d were gone", p.uri, stamp(m.At), m.First, m.Last))
	}
	for _, f := range p.failures {
		faults = append(faults, fmt.Errorf("%s: at %s: %w", p.uri, stamp(f.At), f.Err))
	}
	return errors.Join(faults...)
}
