package playout

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"consuo/internal/hls"
	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

// retirement is how long the URLs of provisional tracks go on after a channel
// has settled.
const retirement = time.Hour

// view is what a channel shows to requests. It is immutable but for the
// documents that its tracks keep.
type view struct {
	settings     *playlog.Settings
	multivariant *Document
	tracks       map[string]*track
	rendered     *rendered
	retired      *view     // tracks that were replaced
	until        time.Time // when the retired ones are gone
}

// rendered is the latest instant, Unix nanoseconds, of which anything of a
// channel was rendered. Views share it, unless store time has jumped between
// them: then instants mean something else.
type rendered struct{ atomic.Int64 }

// track has the playlist of a track: assembled when it is first asked for
// after a change, then shared by all until the next.
type track struct {
	index    int
	settings *playlog.Settings
	rendered *rendered
	tl       atomic.Pointer[timeline.Timeline]
	doc      atomic.Pointer[Document]
	mu       sync.Mutex // held while the document is made
}

// newTracks returns a view without a multivariant playlist.
func newTracks(settings *playlog.Settings, tl *timeline.Timeline, latest *rendered) *view {
	v := &view{settings: settings, tracks: make(map[string]*track, len(settings.Tracks)), rendered: latest}
	for k, t := range settings.Tracks {
		v.tracks[t.ID] = &track{index: k, settings: settings, rendered: latest}
		v.tracks[t.ID].tl.Store(tl)
	}
	return v
}

// newView returns what is shown after a view (nil: after nothing). Where the
// timeline only goes on, tracks and their documents are taken over: what they
// have published is still true.
func newView(before *view, channel string, settings *playlog.Settings, tl *timeline.Timeline, latest *rendered) *view {
	if before != nil && before.settings == settings && before.rendered == latest && before.timeline().Base() == tl.Base() {
		for _, t := range before.tracks {
			t.tl.Store(tl)
		}
		return before
	}
	v := newTracks(settings, tl, latest)
	if before != nil && before.settings == settings {
		v.multivariant, v.retired, v.until = before.multivariant, before.retired, before.until
		return v
	}
	v.multivariant = NewDocument(appendMultivariant(nil, channel, settings))
	v.multivariant.Settled = !isSlate(settings)
	if before != nil {
		v.retired, v.until = &view{settings: before.settings, tracks: before.tracks}, time.Now().Add(retirement)
	}
	return v
}

// track returns a track by its id, or nil.
func (v *view) track(id string) *track {
	if t := v.tracks[id]; t != nil {
		return t
	}
	if v.retired != nil && time.Now().Before(v.until) {
		return v.retired.tracks[id]
	}
	return nil
}

// appendMultivariant writes the multivariant playlist. Its URIs are relative
// and right in both folders that it is served from.
func appendMultivariant(dst []byte, channel string, s *playlog.Settings) []byte {
	uri := func(track string) string { return track + ".m3u8?channel=" + channel }
	dst = append(dst, "#EXTM3U\n#EXT-X-VERSION:"...)
	dst = append(dst, byte('0'+s.Version), '\n')
	if s.Multivariant.IndependentSegments {
		dst = append(dst, "#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	}
	for _, r := range s.Multivariant.Renditions {
		if r.URI != "" {
			r.URI = uri(r.URI)
		}
		dst = hls.AppendRendition(dst, &r)
	}
	for _, v := range s.Multivariant.Variants {
		v.URI = uri(v.URI)
		dst = hls.AppendVariant(dst, &v)
	}
	return dst
}

// playlist returns the playlist of a track as it is now.
func (c *channel) playlist(ctx context.Context, t *track) (*Document, error) {
	asked := time.Now()
	if d := t.doc.Load(); d != nil && asked.Before(d.Changes) {
		return d, nil
	}
	if now := c.e.Now(); now.UnixNano() > c.complete.Load() {
		c.await(ctx, now)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	local := time.Now()
	before := t.doc.Load()
	if before != nil && local.Before(before.Changes) {
		return before, nil
	}
	now := t.rendered.instant(c.e.Now())
	tl := t.tl.Load()
	target := tl.OnAir(now).TargetDuration
	body := tl.AppendPlaylist(make([]byte, 0, 4096), t.settings, t.index, now)
	if len(body) == 0 || tl.Stands(now) > target*3/2 {
		// None is better than one without segments, or one that should have
		// changed by now (draft 6.2.2): whoever asks can ask another engine.
		return nil, ErrNotReady
	}
	d := NewDocument(body)
	d.Changes = local.Add(tl.NextChange(t.index, now).Sub(now))
	d.TargetDuration = target
	c.e.m.rendered(asked, local, before)
	t.doc.Store(d)
	return d, nil
}

// instant returns the instant to render: never an earlier one than has been
// rendered (design §2, log protocol rule 1).
func (r *rendered) instant(now time.Time) time.Time {
	for {
		last := r.Load()
		if now.UnixNano() <= last {
			return time.Unix(0, last).UTC()
		}
		if r.CompareAndSwap(last, now.UnixNano()) {
			return now
		}
	}
}

// timeline returns the timeline that the view shows.
func (v *view) timeline() *timeline.Timeline {
	return v.tracks[v.settings.Tracks[0].ID].tl.Load()
}
