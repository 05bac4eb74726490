// Package load puts the load of players on an engine, or on a cache in front of
// one, and reports how it was served: how fast, what failed, and which playlists
// would have made a player wait.
//
// Players behave as RFC 8216 6.3.4 has it: a player reads the multivariant
// playlist once, then the media playlists of one variant, each again a target
// duration after it began to read it if it had changed, else half of one. They
// load no segments. The other mode, Options.Rate, is a constant rate of requests
// for media playlists, each counted from the instant at which it was due, so
// that a server that stands still is not spared the requests it would have had.
package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say what load to put on what. Base, Channels, Players and For are
// required.
type Options struct {
	Base     string   // http URL of the server, "http://127.0.0.1:8000"; may have a path
	Channels []string // ids; players are spread over them evenly
	Path     string   // of a multivariant playlist, {id} stands for the channel; "": /live/master.m3u8?channel={id}

	Players int           // with Rate: connections
	RampUp  time.Duration // within which the players begin
	For     time.Duration // of the load, ramp-up included
	Rate    float64       // requests a second instead of players that keep the reload rules; 0: those

	Gzip        bool          // ask for gzip
	Conditional bool          // ask with If-None-Match
	Timeout     time.Duration // of a request; 0: 10 s
	Slack       time.Duration // how much later than a target duration a playlist may come, see Report.Late; 0: 1 s
	Seed        uint64        // of the players' choices

	// AllowRemote allows servers that are not on this machine: make sure that
	// they are yours.
	AllowRemote bool
}

// mostRate is more than one goroutine can keep, and its interval is not zero.
const mostRate = 1_000_000

func (o *Options) complete() error {
	if o.Path == "" {
		o.Path = "/live/master.m3u8?channel={id}"
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Slack == 0 {
		o.Slack = time.Second
	}
	base, err := url.Parse(o.Base)
	switch {
	case err != nil || base.Scheme != "http" || base.Host == "":
		return fmt.Errorf("%q is no http URL of a server", o.Base)
	case len(o.Channels) == 0:
		return errors.New("name a channel at least")
	case !strings.Contains(o.Path, "{id}"):
		return fmt.Errorf("path %q has no {id} for the channel", o.Path)
	case o.Players < 1:
		return errors.New("at least one player is needed")
	case o.For <= 0:
		return errors.New("say for how long")
	case o.RampUp < 0 || o.RampUp > o.For:
		return errors.New("the ramp-up must end before the load does")
	case !(0 <= o.Rate && o.Rate <= mostRate): // NaN is neither
		return fmt.Errorf("the rate is %g a second: want up to %d", o.Rate, mostRate)
	}
	return nil
}

// multivariant is the URL of a channel's multivariant playlist.
func (o *Options) multivariant(channel string) (*url.URL, error) {
	return url.Parse(strings.TrimSuffix(o.Base, "/") + strings.ReplaceAll(o.Path, "{id}", url.QueryEscape(channel)))
}

// Run puts load on a server until Options.For has passed or ctx ends. What goes
// wrong is in the report; an error says that there could be no load at all.
func Run(ctx context.Context, o Options) (Report, error) {
	if err := o.complete(); err != nil {
		return Report{}, err
	}
	dialer := &net.Dialer{Timeout: o.Timeout}
	if !o.AllowRemote {
		dialer.Control = loopbackOnly
	}
	pause, done, err := newPause()
	if err != nil {
		return Report{}, err
	}
	report, err := run(ctx, o, dialer.DialContext, pause)
	return report, errors.Join(err, done())
}

type dial func(ctx context.Context, network, address string) (net.Conn, error)

// run is Run with complete options over any network; pause is time.Sleep or a
// better one.
func run(ctx context.Context, o Options, dial dial, pause func(time.Duration)) (Report, error) {
	l := &load{Options: o, dial: dial, pause: pause, recorder: newRecorder(), parsed: newParsed()}
	first, err := l.multivariant(o.Channels[0])
	if err != nil {
		return Report{}, err
	}
	// Whether there is a server at all is better known before there are a thousand players.
	probe, err := dial(ctx, "tcp", address(first))
	if err != nil {
		return Report{}, err
	}
	_ = probe.Close()

	l.begun = time.Now()
	l.until = l.begun.Add(o.For)
	if o.Rate > 0 {
		err = l.constant(ctx)
	} else {
		err = l.players(ctx)
	}
	return l.report(), err
}

// load is a run.
type load struct {
	Options
	*recorder
	dial   dial
	pause  func(time.Duration) // of constant
	parsed *parsed

	begun, until time.Time // no request begins later
}

// players has all players play.
func (l *load) players(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range l.Players {
		u, err := l.multivariant(l.Channels[i%len(l.Channels)])
		if err != nil {
			return err
		}
		begin := l.begun.Add(l.RampUp * time.Duration(i) / time.Duration(l.Players))
		group.Go(func() error {
			p := &player{load: l, conn: newConn(l), multivariant: u, random: rand.New(rand.NewPCG(l.Seed, uint64(i)))}
			defer p.conn.close()
			p.play(ctx, begin)
			return nil
		})
	}
	return group.Wait()
}

// sleep waits for an instant; it says whether there is time for a request then.
func (l *load) sleep(ctx context.Context, at time.Time) bool {
	if !at.Before(l.until) {
		at = l.until
	}
	if d := time.Until(at); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil && time.Now().Before(l.until)
}

var errRemote = errors.New("the server is not on this machine: load is for your own servers only (AllowRemote)")

// loopbackOnly is a net.Dialer's Control, called with the address that a name
// was resolved to.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	addr, err := netip.ParseAddrPort(address)
	if err == nil && !addr.Addr().Unmap().IsLoopback() {
		err = errRemote
	}
	return err
}
