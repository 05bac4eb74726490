// Package asset loads assets: from the URL of a VOD to its checked playlists.
//
// URLs come from users of the API and from feeds, so that fetching is a trust
// boundary: see Policy, and the limits in Options.
package asset

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"consuo/internal/hls"
	"consuo/internal/packed"

	"golang.org/x/sync/errgroup"
)

// Options configure a Loader. The zero value of a field stands for the
// default in its comment.
type Options struct {
	Policy Policy

	MaxBody      int64         // bytes of one playlist after decompression; 16 MiB
	MaxPlaylists int           // media playlists of an asset; 100
	MaxSegments  int           // of all its media playlists together; 300,000
	MaxRedirects int           // per request; 5
	Timeout      time.Duration // of one request, with redirects and body; 10 s
	LoadTimeout  time.Duration // of one asset, with waiting for its turn; 30 s
	PerHost      int           // requests to one host at a time, of all loads; 4

	// Transport is for tests: it replaces the network, and with it the
	// Policy's check of addresses.
	Transport http.RoundTripper
}

// Loader loads assets. It keeps nothing: neither playlists nor errors, and it
// doesn't try again. Its methods may be called concurrently.
type Loader struct {
	options Options
	client  *http.Client
	hosts   hostLimit
	// parsing holds an element per playlist that is being parsed, which takes
	// several times the memory of its text: as many as can run at a time.
	parsing chan struct{}
}

// New makes a Loader.
func New(o Options) *Loader {
	o.MaxBody = cmp.Or(o.MaxBody, 16<<20)
	o.MaxPlaylists = cmp.Or(o.MaxPlaylists, 100)
	o.MaxSegments = cmp.Or(o.MaxSegments, 300_000)
	o.MaxRedirects = cmp.Or(o.MaxRedirects, 5)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.LoadTimeout = cmp.Or(o.LoadTimeout, 30*time.Second)
	o.PerHost = cmp.Or(o.PerHost, 4)
	l := &Loader{options: o, hosts: hostLimit{most: o.PerHost}, parsing: make(chan struct{}, runtime.GOMAXPROCS(0))}
	l.client = &http.Client{Transport: o.Transport, CheckRedirect: l.checkRedirect}
	if o.Transport == nil {
		l.client.Transport = transport(o)
	}
	return l
}

// transport is the network, where every address passes the Policy after its
// name was resolved. Proxies of the environment are not used: they would
// resolve names where the Policy can't see it.
func transport(o Options) *http.Transport {
	dialer := &net.Dialer{
		Timeout: o.Timeout,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			addr, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("dial: %w", err)
			}
			return o.Policy.CheckAddr(addr.Addr())
		},
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    o.Timeout,
		ResponseHeaderTimeout:  o.Timeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    o.PerHost,
		MaxIdleConns:           100,
		IdleConnTimeout:        90 * time.Second,
	}
}

func (l *Loader) checkRedirect(next *http.Request, via []*http.Request) error {
	if len(via) > l.options.MaxRedirects {
		return errTooManyRedirects
	}
	// It would tell the next host the tokens of this one.
	next.Header.Del("Referer")
	return l.options.Policy.CheckURL(next.URL)
}

// Load fetches the playlist at uri and each media playlist that it names.
//
// A variant or rendition whose playlist is wrong for good (Error.Permanent) is
// left out with a warning, as players do, if the asset is still whole without
// it. A failure that may pass fails the load: what is loaded now may be on air
// for hours. Errors are *Error.
func (l *Loader) Load(ctx context.Context, uri string) (*packed.Presentation, error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.LoadTimeout)
	defer cancel()
	p, todo, err := l.open(ctx, uri)
	if err != nil {
		return nil, err
	}
	if len(todo) > l.options.MaxPlaylists {
		return nil, &Error{Kind: TooLarge, URL: Redact(uri),
			Err: fmt.Errorf("it names %d media playlists, more than %d", len(todo), l.options.MaxPlaylists)}
	}
	var mu sync.Mutex // guards what follows, and p.Media
	failed := make(map[string]*Error)
	segments := 0
	var fault any // a panic

	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * l.options.PerHost) // those without a slot at their host wait
	for _, uri := range todo {
		g.Go(func() error {
			defer func() {
				if f := recover(); f != nil {
					mu.Lock()
					defer mu.Unlock()
					fault = fmt.Sprintf("%v\n%s", f, debug.Stack())
				}
			}()
			m, err := l.media(ctx, p.Multivariant, uri)
			mu.Lock()
			defer mu.Unlock()
			if e, ok := errors.AsType[*Error](err); ok && e.Permanent() {
				failed[uri] = e
				return nil
			}
			if err != nil {
				return err
			}
			if segments += m.Len(); segments > l.options.MaxSegments {
				return &Error{Kind: TooLarge, URL: Redact(p.URL),
					Err: fmt.Errorf("its media playlists have more than %d segments", l.options.MaxSegments)}
			}
			p.Media[uri] = m
			return nil
		})
	}
	err = g.Wait()
	if fault != nil {
		panic(fault) // where the caller can catch it, not in a goroutine, which would end the process
	}
	if err != nil {
		return nil, err
	}
	if len(failed) > 0 {
		if err := leaveOut(p, failed); err != nil {
			return nil, err
		}
	}
	p.Finish()
	return p, nil
}

// Duration is the length of an asset, exact: the sum of the segments of its
// primary variant (hls.Multivariant.Primary). No other media playlist is
// fetched. Errors are *Error.
func (l *Loader) Duration(ctx context.Context, uri string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.LoadTimeout)
	defer cancel()
	p, todo, err := l.open(ctx, uri)
	if err != nil {
		return 0, err
	}
	primary := p.Multivariant.Variants[p.Multivariant.Primary()].URI
	if len(todo) == 0 {
		return p.Media[primary].Total(), nil
	}
	m, err := l.media(ctx, p.Multivariant, primary)
	if err != nil {
		return 0, err
	}
	return m.Total(), nil
}

// open fetches the playlist at uri. todo are the media playlists that it
// names, each once; none if it is one itself.
func (l *Loader) open(ctx context.Context, uri string) (p *packed.Presentation, todo []string, err error) {
	var mv *hls.Multivariant
	var media *hls.Media
	err = l.fetch(ctx, uri, func(base string, body []byte) (err error) {
		mv, media, err = hls.Parse(base, body)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	p = &packed.Presentation{URL: uri, Multivariant: mv, Media: make(map[string]*packed.Media)}
	if media != nil {
		if err := checkMedia(uri, media); err != nil {
			return nil, nil, err
		}
		p.Multivariant = &hls.Multivariant{
			URL:                 media.URL,
			Version:             media.Version,
			IndependentSegments: media.IndependentSegments,
			Variants:            []hls.Variant{{URI: media.URL}},
		}
		p.Media[media.URL] = packed.NewMedia(media)
		return p, nil, nil
	}
	seen := make(map[string]bool)
	add := func(uri string) {
		if uri != "" && !seen[uri] {
			seen[uri] = true
			todo = append(todo, uri)
		}
	}
	for _, v := range mv.Variants {
		add(v.URI)
	}
	for _, r := range mv.Renditions {
		add(r.URI)
	}
	return p, todo, nil
}

// media fetches a media playlist of mv. Its segments go from the parser to the
// packer one by one.
func (l *Loader) media(ctx context.Context, mv *hls.Multivariant, uri string) (m *packed.Media, err error) {
	var unfit error
	err = l.fetch(ctx, uri, func(base string, body []byte) error {
		packer := packers.Get().(*packed.Packer)
		parsed, err := mv.ReadMedia(base, body, packer.Add)
		if err != nil {
			return err // and nobody uses that packer again
		}
		m = packer.Finish(parsed)
		if len(body) <= mostPooled {
			packers.Put(packer)
		}
		unfit = checkMedia(uri, parsed)
		return nil
	})
	return m, cmp.Or(err, unfit)
}

// packers are used again but for those of the largest playlists: what they make
// shares none of their memory.
var packers = sync.Pool{New: func() any { return new(packed.Packer) }}

func checkMedia(uri string, m *hls.Media) error {
	if m.IFramesOnly {
		return &Error{Kind: Invalid, URL: Redact(uri), Err: errors.New("it is an I-frame playlist, which is for seeking"),
			Hint: "schedule the multivariant playlist"}
	}
	return nil
}

// fetch gets a body of at most MaxBody bytes and has it parsed; base is where
// redirects ended.
func (l *Loader) fetch(ctx context.Context, uri string, parse func(base string, body []byte) error) error {
	shown := Redact(uri)
	u, err := url.Parse(uri)
	if err != nil {
		return &Error{Kind: Refused, URL: shown, Err: errors.New("the URL can't be parsed"), Hint: "check the URL for typos"}
	}
	if err := l.options.Policy.CheckURL(u); err != nil {
		return fetchError(ctx, shown, err)
	}
	release, err := l.hosts.acquire(ctx, u.Host)
	if err != nil {
		return fetchError(ctx, shown, err)
	}
	defer release()

	body := bodies.Get().(*bytes.Buffer)
	defer func() {
		if body.Reset(); body.Cap() <= mostPooled {
			bodies.Put(body)
		}
	}()
	resp, err := l.get(ctx, uri, body)
	switch {
	case err != nil:
		return fetchError(ctx, shown, err)
	case resp.StatusCode != http.StatusOK:
		return statusError(shown, resp.StatusCode)
	case int64(body.Len()) > l.options.MaxBody:
		return &Error{Kind: TooLarge, URL: shown, Err: fmt.Errorf("the answer has more than %d bytes", l.options.MaxBody),
			Hint: "is it a media file? the URL must be that of a playlist"}
	}
	select {
	case l.parsing <- struct{}{}:
		defer func() { <-l.parsing }()
	case <-ctx.Done():
		return fetchError(ctx, shown, ctx.Err())
	}
	if err := parse(resp.Request.URL.String(), body.Bytes()); err != nil {
		return parseError(shown, resp.Header.Get("Content-Type"), err)
	}
	return nil
}

// bodies are buffers that are used again, up to a size: parsers keep nothing of
// them.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const mostPooled = 1 << 20

// get makes the request and reads the body of a 200, at most one byte more
// than MaxBody. The limit is on what comes out of decompression.
func (l *Loader) get(ctx context.Context, uri string, body *bytes.Buffer) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.apple.mpegurl, application/x-mpegurl, */*;q=0.8")
	req.Header.Set("User-Agent", "consuo")
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if resp.StatusCode != http.StatusOK {
		return resp, nil
	}
	_, err = body.ReadFrom(io.LimitReader(resp.Body, l.options.MaxBody+1))
	return resp, err
}
