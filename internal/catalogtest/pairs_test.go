package catalogtest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consuo/internal/playlog"
	"consuo/internal/timeline"
)

// TestPairs makes a channel of every ordered pair of assets that can be
// loaded: the first settles it, the second joins or is refused with a reason,
// and the slate stands in. Some settle with the second asset known. All that is
// refused looks the same on air, so it is read once for each first asset.
// CATALOG_LONG=1 reads every channel twice a second, for each pair both ways.
func TestPairs(t *testing.T) {
	items, whole := load(t)
	long := os.Getenv("CATALOG_LONG") != ""
	step := 5 * time.Second
	if long {
		step = 500 * time.Millisecond
	}
	var firsts []*item
	for _, it := range items {
		if it.err == nil {
			if c, err := newChannel(it, nil); err == nil && c.refused[it.uri] == nil {
				firsts = append(firsts, it)
			}
		}
	}
	table := make([][]byte, len(firsts))
	broken := slices.IndexFunc(items, func(it *item) bool { return it.err != nil })
	type pair struct{ i, j int }
	pairs := make(chan pair)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for p := range pairs {
				a, b := firsts[p.i], items[p.j]
				mark, err := join(a, b, nil, step, long || p.j == broken)
				if err == nil && b.err == nil && (long || (p.i+p.j)%3 == 0) {
					_, err = join(a, b, []*item{b}, step, long)
				}
				if err != nil {
					t.Errorf("%s, then %s: %v", a.name, b.name, err)
				}
				table[p.i][p.j] = mark
			}
		})
	}
	for i := range firsts {
		table[i] = make([]byte, len(items))
		for j := range items {
			pairs <- pair{i, j}
		}
	}
	close(pairs)
	workers.Wait()
	if !whole {
		return
	}
	lines := []string{
		"What becomes of an asset (column) on a channel that another one (row) settled.",
		".  it plays on all tracks of the channel",
		"o  it plays; tracks that it has nothing for are empty subtitles or gaps",
		"S  refused: another shape    C  refused: no codec in common",
		"B  refused: its tracks can't be cut together    X  it can't be loaded, see outcomes.txt",
		"",
	}
	for j := range items {
		lines = append(lines, fmt.Sprintf("%2d %s", j, items[j].name))
	}
	units, tens := "", ""
	for j := range items {
		tens += fmt.Sprint(j / 10)
		units += fmt.Sprint(j % 10)
	}
	lines = append(lines, "", fmt.Sprintf("%-40s %s", "", tens), fmt.Sprintf("%-40s %s", "", units))
	for i, it := range firsts {
		lines = append(lines, fmt.Sprintf("%-40s %s", it.name, table[i]))
	}
	compare(t, "pairs.txt", lines)
}

// join puts a pair on air and returns what became of the second asset; read
// says whether the playlists are looked at where it is refused.
func join(a, b *item, known []*item, step time.Duration, read bool) (mark byte, err error) {
	c, err := newChannel(a, known, b)
	if err != nil {
		return '!', err
	}
	c.events = events(a, b)
	// B's last event is missing at first and joined in progress.
	feed, why := c.feeds[b.uri], c.refused[b.uri]
	if c.unread = why != nil && !read; c.unread {
		if err := c.run(epoch.Add(20*time.Second), step, nil); err != nil {
			return '!', err
		}
		return refusal(why), c.explained(b, why)
	}
	at := func(s int) time.Duration { return time.Duration(s) * time.Second }
	changes := map[time.Duration]func(){
		at(48): func() { c.refused[b.uri] = errors.New("404") },
		at(74): func() {
			if feed != nil {
				delete(c.refused, b.uri)
			}
		},
	}
	if err := c.run(epoch.Add(at(120)), step, changes); err != nil {
		return '!', err
	}
	if _, err := c.onAir(a); err != nil {
		return '!', err
	}
	if why != nil {
		return refusal(why), c.explained(b, why)
	}
	without, err := c.onAir(b)
	if err != nil {
		return '!', err
	}
	if a != b && !c.joined(b) {
		return '!', fmt.Errorf("%s was not joined in progress", b.name)
	}
	if len(without) > 0 {
		return 'o', nil
	}
	return '.', nil
}

// joined says whether an asset that came back was joined in progress; one that
// had ended by then could not be.
func (c *channel) joined(it *item) bool {
	for _, cut := range c.log {
		if cut.Kind == playlog.Event && cut.Reason == playlog.Joined && cut.Airing.URI == it.uri && cut.Start.After(epoch) {
			return true
		}
	}
	return it.asset.Duration() < 30*time.Second
}

// explained checks that the log says why the slate stands in for an asset.
func (c *channel) explained(it *item, why error) error {
	for _, cut := range c.log {
		if cut.Reason == playlog.Failed && cut.Airing.URI == it.uri && strings.Contains(cut.Detail, why.Error()) {
			return nil
		}
	}
	return fmt.Errorf("%s is refused (%w), and the log does not say so", it.name, why)
}

func refusal(err error) byte {
	switch {
	case errors.Is(err, timeline.ErrShape):
		return 'S'
	case errors.Is(err, timeline.ErrCodec):
		return 'C'
	case strings.HasPrefix(err.Error(), "track "):
		return 'B'
	}
	return 'X'
}
