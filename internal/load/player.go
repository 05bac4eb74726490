package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"
)

// again is when a player tries again what has failed.
const again = time.Second

// player plays one channel.
type player struct {
	*load
	conn         *conn
	multivariant *url.URL
	random       *rand.Rand
}

// play plays from an instant until the end of the load.
func (p *player) play(ctx context.Context, begin time.Time) {
	for p.sleep(ctx, begin) {
		tracks := p.choose(ctx)
		for len(tracks) > 0 {
			t := tracks[0]
			for _, other := range tracks[1:] {
				if other.due.Before(t.due) {
					t = other
				}
			}
			if !p.sleep(ctx, t.due) {
				return
			}
			t.reload(ctx, p.conn, time.Now())
			if t.failures > 2 { // its URL may be of the past
				break
			}
		}
		begin = time.Now().Add(again)
	}
}

// choose reads the multivariant playlist, and returns the tracks of a variant;
// none if that failed.
func (p *player) choose(ctx context.Context) []*track {
	sent := time.Now()
	a, err := p.conn.get(ctx, p.target(p.multivariant), "")
	if ctx.Err() != nil {
		return nil
	}
	p.answered(multivariantPlaylist, a, err, time.Since(sent))
	if err != nil || a.status != 200 {
		return nil
	}
	list, _, err := p.parsed.read(a.body, a.gzip)
	if err != nil || len(list.variants) == 0 {
		p.failed("no multivariant playlist")
		return nil
	}
	v := list.variants[p.random.IntN(len(list.variants))]
	uris := []string{v.uri}
	if audio := list.audio[v.audio]; audio != "" && audio != v.uri {
		uris = append(uris, audio)
	}
	var tracks []*track
	for _, uri := range uris {
		u, err := p.multivariant.Parse(uri)
		if err != nil {
			p.failed("no URL in a multivariant playlist")
			return nil
		}
		tracks = append(tracks, p.track(u))
	}
	return tracks
}

// track is a media playlist as one player sees it.
type track struct {
	run      *load
	target   target
	due      time.Time // when it is to be read again
	tag      string    // of the last answer
	seen     *playlist
	hash     uint64
	changed  time.Time // when seen was seen first
	failures int       // in a row
}

// track returns a track that is due at once.
func (l *load) track(u *url.URL) *track {
	return &track{run: l, target: l.target(u), due: time.Now()}
}

// reload reads the playlist; the answer is counted from an instant on.
func (t *track) reload(ctx context.Context, c *conn, from time.Time) {
	l, sent := t.run, time.Now()
	tag := ""
	if l.Conditional {
		tag = t.tag
	}
	a, err := c.get(ctx, t.target, tag)
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	what := mediaPlaylist
	if err == nil && a.status == 304 {
		what = notModified
	}
	l.answered(what, a, err, now.Sub(from))
	l.served.add(now.Sub(sent))
	list, hash := t.seen, t.hash
	switch {
	case err == nil && a.status == 304 && t.seen != nil:
	case err == nil && a.status == 200:
		if list, hash, err = l.parsed.read(a.body, a.gzip); err != nil || list.target == 0 {
			l.failed("no media playlist")
			t.fail(sent)
			return
		}
		t.tag = a.tag
	default:
		t.fail(sent)
		return
	}
	t.failures = 0
	t.judge(list, hash, now)
	wait := list.target / 2
	if hash != t.hash || t.seen == nil {
		t.seen, t.hash, t.changed, wait = list, hash, now, list.target
	}
	t.due = sent.Add(wait)
}

func (t *track) fail(sent time.Time) {
	t.failures++
	t.due = sent.Add(again)
}

// judge counts what would make a player wait or stumble.
func (t *track) judge(list *playlist, hash uint64, now time.Time) {
	l := t.run
	if !list.edge.IsZero() && !list.ended {
		age := now.Sub(list.edge)
		l.age.add(age)
		if age > list.target+l.Slack {
			l.late.Add(1)
			l.example("late", fmt.Sprintf("%s at %s: its last segment ended %s before", t.target.url, now.UTC().Format(time.RFC3339Nano), age))
		}
	}
	if t.seen == nil {
		return
	}
	if hash == t.hash && !list.ended && now.Sub(t.changed) > list.target*3/2 {
		l.stale.Add(1)
		l.example("stale", fmt.Sprintf("%s at %s: the same for %s", t.target.url, now.UTC().Format(time.RFC3339Nano), now.Sub(t.changed)))
	}
	if list.sequence < t.seen.sequence || list.breaks < t.seen.breaks {
		l.backward.Add(1)
		l.example("backward", fmt.Sprintf("%s at %s: from %d/%d to %d/%d", t.target.url, now.UTC().Format(time.RFC3339Nano),
			t.seen.sequence, t.seen.breaks, list.sequence, list.breaks))
	}
}
