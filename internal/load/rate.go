package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"
)

var errNothingThere = errors.New("no channel has a playlist")

// constant sends requests for the media playlists of all channels at a constant
// rate, in turn over all connections.
func (l *load) constant(ctx context.Context) error {
	urls, err := l.mediaPlaylists(ctx)
	if err != nil {
		return err
	}
	// What it took to wake the channels does not count.
	l.recorder, l.begun = newRecorder(), time.Now()
	l.until = l.begun.Add(l.For)
	interval := time.Duration(float64(time.Second) / l.Rate)
	group, ctx := errgroup.WithContext(ctx)
	for k := range l.Players {
		var tracks []*track
		for i := k; i < len(urls); i += l.Players {
			tracks = append(tracks, &track{run: l, url: urls[i]})
		}
		if len(tracks) == 0 {
			tracks = []*track{{run: l, url: urls[k%len(urls)]}}
		}
		group.Go(func() error {
			c := newConn(l)
			defer c.close()
			for n := k; ; n += l.Players {
				due := l.begun.Add(interval * time.Duration(n))
				if !due.Before(l.until) || !l.sleep(ctx, due) {
					return nil
				}
				l.behind.add(time.Since(due))
				tracks[n/l.Players%len(tracks)].reload(ctx, c, due)
			}
		})
	}
	return group.Wait()
}

// mediaPlaylists returns the URLs of all media playlists of all channels, mixed.
func (l *load) mediaPlaylists(ctx context.Context) ([]*url.URL, error) {
	p := &player{load: l, conn: newConn(l), random: rand.New(rand.NewPCG(l.Seed, 0))}
	defer p.conn.close()
	var urls []*url.URL
	for _, channel := range l.Channels {
		u, err := l.multivariant(channel)
		if err != nil {
			return nil, err
		}
		p.multivariant = u
		for _, t := range p.choose(ctx) {
			urls = append(urls, t.url)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if len(urls) == 0 {
		return nil, errNothingThere
	}
	p.random.Shuffle(len(urls), func(i, j int) { urls[i], urls[j] = urls[j], urls[i] })
	return urls, nil
}
