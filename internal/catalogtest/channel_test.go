package catalogtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/hlscheck"
	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/timeline"
)

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const base = "https://live.example/channels/one/"

// channel is a channel in simulated time, with the engine's own slate as its
// filler. All that it publishes is read by the checker.
type channel struct {
	settings *playlog.Settings
	feeds    map[string]*timeline.Feed // by URI
	refused  map[string]error          // by URI
	items    map[string]*item          // by URI
	slate    *timeline.Feed
	target   time.Duration
	window   time.Duration
	events   []timeline.Event

	unread bool // no playlist is looked at

	now  time.Time
	tl   *timeline.Timeline
	log  []playlog.Cut
	seen *hlscheck.Checker
}

// newChannel settles a channel from its first asset, with the others known
// ahead or not, and maps all of them.
func newChannel(first *item, known []*item, all ...*item) (*channel, error) {
	var others []*timeline.Asset
	for _, it := range known {
		if it.asset != nil {
			others = append(others, it.asset)
		}
	}
	settings, err := timeline.Settle(first.asset, others)
	if err != nil {
		return nil, err
	}
	c := &channel{
		settings: settings,
		feeds:    make(map[string]*timeline.Feed), refused: make(map[string]error), items: make(map[string]*item),
		target: 6 * time.Second, window: 18 * time.Second, now: epoch,
		seen: hlscheck.New(hlscheck.Options{StoreTime: true}),
	}
	slate, err := playout.Slate()
	if err != nil {
		return nil, err
	}
	opts := timeline.MapOptions{LastResort: true, TargetDuration: c.target, EmptySubtitles: playout.EmptySubtitles}
	if c.slate, err = timeline.Map(settings, slate, opts); err != nil {
		return nil, fmt.Errorf("the slate does not fit: %w", err)
	}
	opts.LastResort = false
	for _, it := range append([]*item{first}, all...) {
		c.items[it.uri] = it
		if it.err != nil {
			c.refused[it.uri] = it.err
			continue
		}
		feed, err := timeline.Map(settings, it.asset, opts)
		if err != nil {
			c.refused[it.uri] = err
			continue
		}
		c.feeds[it.uri] = feed
		c.target = max(c.target, timeline.WholeTarget(feed.Longest()))
		opts.TargetDuration = c.target
	}
	return c, nil
}

func (c *channel) input() timeline.Input {
	return timeline.Input{
		Now: c.now, Lead: playlog.Lead, Events: c.events, Filler: c.slate, FillerKind: playlog.Slate,
		Asset: func(uri string) timeline.AssetState {
			if err := c.refused[uri]; err != nil {
				return timeline.AssetState{Detail: err.Error()}
			}
			return timeline.AssetState{Feed: c.feeds[uri]}
		},
	}
}

// run puts the channel on air and lets time pass until an instant; changes
// happen at their times.
func (c *channel) run(end time.Time, step time.Duration, changes map[time.Duration]func()) error {
	entries := timeline.Begin(timeline.Genesis{
		Input: c.input(), Settings: c.settings, TargetDuration: c.target, Window: c.window, Number: 1,
	})
	c.tl = timeline.New(entries, c.window)
	var cuts []playlog.Cut
	for _, e := range entries {
		cuts = append(cuts, e.Cut)
	}
	if err := c.commit(cuts); err != nil {
		return err
	}
	c.seen.Multivariant(c.now, base+"master.m3u8", c.multivariant())
	done := make(map[time.Duration]bool)
	for c.now.Before(end) {
		for at, change := range changes {
			if !done[at] && !c.now.Before(epoch.Add(at)) {
				done[at] = true
				change()
			}
		}
		if err := c.plan(c.now); err != nil {
			return err
		}
		for k, track := range c.settings.Tracks {
			if c.unread {
				break
			}
			text := c.tl.AppendPlaylist(nil, c.settings, k, c.now)
			if !strings.Contains(string(text), "#EXTINF") {
				return fmt.Errorf("%s: the playlist of track %s is empty", c.now, track.ID)
			}
			c.seen.Media(c.now, base+track.ID+".m3u8", text)
		}
		next := c.now.Add(step)
		if err := c.plan(next); err != nil {
			return err
		}
		c.now = next
	}
	if c.unread {
		return nil
	}
	return c.seen.Err()
}

// plan commits what falls due by an instant, each cut at its time.
func (c *channel) plan(until time.Time) error {
	for {
		planned, ok := c.tl.Plan(c.input())
		if !ok || planned.Commit.After(until) {
			return nil
		}
		if planned.Commit.After(c.now) {
			c.now = planned.Commit
			continue
		}
		if err := c.commit([]playlog.Cut{planned.Cut}); err != nil {
			return err
		}
		c.tl = c.tl.With(c.now, planned.Entry)
	}
}

// commit holds what is planned against the rules of the store.
func (c *channel) commit(cuts []playlog.Cut) error {
	added, err := playlog.Decide(c.log, cuts, c.now, playlog.Lead)
	if err != nil {
		return fmt.Errorf("%s: %w", c.now, err)
	}
	c.log = append(c.log, added...)
	return nil
}

func (c *channel) multivariant() []byte {
	b := fmt.Appendf(nil, "#EXTM3U\n#EXT-X-VERSION:%d\n", c.settings.Version)
	for _, r := range c.settings.Multivariant.Renditions {
		if r.URI != "" {
			r.URI += ".m3u8"
		}
		b = hls.AppendRendition(b, &r)
	}
	for _, v := range c.settings.Multivariant.Variants {
		v.URI += ".m3u8"
		b = hls.AppendVariant(b, &v)
	}
	return b
}

// aired counts the segments of an asset's own that track k showed while its
// events were on air, and complains where something else was in their place.
// What the asset has no playlist for, and what its playlist is too short for,
// is gaps or empty subtitles.
func (c *channel) aired(it *item, k int) (own int, err error) {
	uri := base + c.settings.Tracks[k].ID + ".m3u8"
	segments := c.seen.Segments(uri)
	for i, cut := range c.log {
		if cut.Kind != playlog.Event || cut.Airing.URI != it.uri {
			continue
		}
		feed := cut.Asset.Feeds[k]
		if feed < 0 {
			continue
		}
		first := cut.Tracks[k].MediaSequence
		last := int64(1) << 62
		if i+1 < len(c.log) {
			last = c.log[i+1].Tracks[k].MediaSequence - 1
		}
		begun := false // the implicit filler after the asset is not the asset
		for _, s := range segments {
			if n := int64(s.MediaSequence); n < first || n > last {
				continue
			}
			switch {
			case it.own[feed][s.URI]:
				own++
				begun = true
			case strings.HasPrefix(s.URI, "slate/"), s.Gap && strings.HasSuffix(s.URI, "/gap"):
			default:
				return own, fmt.Errorf("track %s: segment %d of %s is %s", c.settings.Tracks[k].ID, s.MediaSequence, it.name, s.URI)
			}
			if !begun {
				return own, fmt.Errorf("track %s: %s begins with %s", c.settings.Tracks[k].ID, it.name, s.URI)
			}
		}
	}
	return own, nil
}

// tracks tells in a few words what a channel consists of.
func (c *channel) tracks() string {
	var words []string
	for _, t := range c.settings.Tracks {
		words = append(words, t.ID)
	}
	first := c.settings.Tracks[0]
	shape := string(first.Container)
	if first.Muxed {
		shape += " muxed"
	}
	return shape + ": " + strings.Join(words, " ")
}

// onAir checks that every playlist of the channel had the asset's own segments
// where the mapping gives it one, and returns the tracks that have none.
func (c *channel) onAir(it *item) (without []string, err error) {
	feed := c.feeds[it.uri]
	for k, t := range c.settings.Tracks {
		n, err := c.aired(it, k)
		if err != nil {
			return nil, err
		}
		has := feed.Source.Feeds[k] >= 0
		if has && n == 0 {
			return nil, fmt.Errorf("track %s showed no segment of %s", t.ID, it.name)
		}
		if !has {
			without = append(without, t.ID)
		}
	}
	return without, nil
}

// TestCatalog puts each asset on air alone, from before its beginning to after
// its end: its own segments must be on every track.
func TestCatalog(t *testing.T) {
	items, whole := load(t)
	lines := make([]string, len(items))
	t.Run("asset", func(t *testing.T) {
		for i, it := range items {
			t.Run(it.name, func(t *testing.T) {
				t.Parallel()
				lines[i] = fmt.Sprintf("%-40s %s", it.name, outcome(t, it))
			})
		}
	})
	if whole {
		compare(t, "outcomes.txt", lines)
	}
}

func outcome(t *testing.T, it *item) string {
	if it.err != nil {
		return "refused: " + it.err.Error()
	}
	c, err := newChannel(it, nil)
	if err != nil {
		return "refused: " + err.Error()
	}
	if err := c.refused[it.uri]; err != nil {
		return "refused: " + err.Error()
	}
	length := min(it.asset.Duration(), 5*time.Minute)
	c.events = []timeline.Event{
		{ID: "1", URI: it.uri, Start: epoch.Add(-20 * time.Second), End: epoch.Add(time.Minute)},
		{ID: "2", URI: it.uri, Start: epoch.Add(75 * time.Second), End: epoch.Add(75*time.Second + length + 10*time.Second)},
	}
	if err := c.run(epoch.Add(2*time.Minute+length), 500*time.Millisecond, nil); err != nil {
		t.Errorf("%v\n%s", err, c.multivariant())
	}
	without, err := c.onAir(it)
	if err != nil {
		t.Error(err)
	}
	text := "plays " + c.tracks()
	if len(without) > 0 {
		text += "; empty: " + strings.Join(without, " ")
	}
	if len(it.presentation.Warnings) > 0 {
		text += "; " + strings.Join(it.presentation.Warnings, "; ")
	}
	return text
}

// events are an afternoon of two assets in a minute or two: both joined in
// progress and cut in the middle, back to back and with a gap between, one of
// them missing at first and coming back.
func events(a, b *item) []timeline.Event {
	at := func(s float64) time.Time { return epoch.Add(time.Duration(s * float64(time.Second))) }
	return slices.Clip([]timeline.Event{
		{ID: "1", URI: a.uri, Start: at(-45), End: at(9)},
		{ID: "2", URI: b.uri, Start: at(9), End: at(31.7)},
		{ID: "3", URI: a.uri, Start: at(31.7), End: at(52)},
		{ID: "4", URI: b.uri, Start: at(64), End: at(104)},
	})
}
