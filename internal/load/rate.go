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

// mostDue is how many requests a connection may be behind before the others are
// held up as well: the server stands still then.
const mostDue = 1000

// longestPause is how soon a pause notices that the load is to end.
const longestPause = 100 * time.Millisecond

// constant sends requests for the media playlists of all channels at a constant
// rate, in turn over all connections. One goroutine keeps the time for all.
func (l *load) constant(ctx context.Context) error {
	urls, err := l.mediaPlaylists(ctx)
	if err != nil {
		return err
	}
	// What it took to wake the channels does not count.
	l.recorder, l.begun = newRecorder(), time.Now()
	l.until = l.begun.Add(l.For)
	group, ctx := errgroup.WithContext(ctx)
	due := make([]chan time.Time, l.Players) // of each connection
	for k := range due {
		due[k] = make(chan time.Time, mostDue)
		tracks := []*track{l.track(urls[k%len(urls)])}
		for i := k + l.Players; i < len(urls); i += l.Players {
			tracks = append(tracks, l.track(urls[i]))
		}
		group.Go(func() error {
			l.take(ctx, tracks, due[k])
			return nil
		})
	}
	interval := time.Duration(float64(time.Second) / l.Rate)
	for n := 0; ; n++ {
		at := l.begun.Add(interval * time.Duration(n))
		if !at.Before(l.until) || ctx.Err() != nil {
			break
		}
		for wait := time.Until(at); wait > 0 && ctx.Err() == nil; wait = time.Until(at) {
			l.pause(min(wait, longestPause))
		}
		due[n%len(due)] <- at
	}
	for _, c := range due {
		close(c)
	}
	return group.Wait()
}

// take sends requests for tracks in turn when they are due, over one connection.
func (l *load) take(ctx context.Context, tracks []*track, due <-chan time.Time) {
	c := newConn(l)
	defer c.close()
	next := 0
	for at := range due {
		now := time.Now()
		if ctx.Err() != nil || !now.Before(l.until) {
			continue
		}
		l.behind.add(now.Sub(at))
		tracks[next%len(tracks)].reload(ctx, c, at)
		next++
	}
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
			urls = append(urls, t.target.url)
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
