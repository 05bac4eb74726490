// Package asset loads assets: from the URL of a VOD to its checked playlists.
//
// URLs come from users of the API and from feeds, so that fetching is a trust
// boundary: see Policy, and the limits in Options.
package asset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"consuo/internal/hls"

	"golang.org/x/sync/errgroup"
)

// Options configure a Loader. The zero value of a field stands for the
// default in its comment.
type Options struct {
	Policy Policy

	MaxBody      int64         // bytes of one playlist after decompression; 16 MiB
	MaxPlaylists int           // media playlists of an asset; 100
	MaxSegments  int           // of all its media playlists together; 500,000
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
}

// New makes a Loader.
func New(o Options) *Loader {
	o.MaxBody = cmp.Or(o.MaxBody, 16<<20)
	o.MaxPlaylists = cmp.Or(o.MaxPlaylists, 100)
	o.MaxSegments = cmp.Or(o.MaxSegments, 500_000)
	o.MaxRedirects = cmp.Or(o.MaxRedirects, 5)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.LoadTimeout = cmp.Or(o.LoadTimeout, 30*time.Second)
	o.PerHost = cmp.Or(o.PerHost, 4)
	l := &Loader{options: o, hosts: hostLimit{most: o.PerHost}}
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
// Errors are *Error.
func (l *Loader) Load(ctx context.Context, uri string) (*hls.Presentation, error) {
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
	loaded := make([]*hls.Media, len(todo))
	// Whoever can't get a slot at a host waits, so that these are few.
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * l.options.PerHost)
	for i, uri := range todo {
		g.Go(func() (err error) {
			loaded[i], err = l.media(ctx, p.Multivariant, uri)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	segments := 0
	for i, m := range loaded {
		p.Media[todo[i]] = m
		segments += len(m.Segments)
	}
	if segments > l.options.MaxSegments {
		return nil, &Error{Kind: TooLarge, URL: Redact(uri),
			Err: fmt.Errorf("its media playlists have %d segments, more than %d", segments, l.options.MaxSegments)}
	}
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
		return p.Media[primary].Duration(), nil
	}
	m, err := l.media(ctx, p.Multivariant, primary)
	if err != nil {
		return 0, err
	}
	return m.Duration(), nil
}

// open fetches the playlist at uri. todo are the media playlists that it
// names, each once; none if it is one itself.
func (l *Loader) open(ctx context.Context, uri string) (p *hls.Presentation, todo []string, err error) {
	body, answer, err := l.fetch(ctx, uri)
	if err != nil {
		return nil, nil, err
	}
	mv, media, err := hls.Parse(answer.url, body)
	if err != nil {
		return nil, nil, parseError(Redact(uri), answer.contentType, err)
	}
	p = &hls.Presentation{URL: uri, Multivariant: mv, Media: make(map[string]*hls.Media)}
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
		p.Media[media.URL] = media
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

// media fetches a media playlist of mv.
func (l *Loader) media(ctx context.Context, mv *hls.Multivariant, uri string) (*hls.Media, error) {
	body, answer, err := l.fetch(ctx, uri)
	if err != nil {
		return nil, err
	}
	m, err := mv.ParseMedia(answer.url, body)
	if err != nil {
		return nil, parseError(Redact(uri), answer.contentType, err)
	}
	return m, checkMedia(uri, m)
}

func checkMedia(uri string, m *hls.Media) error {
	if m.IFramesOnly {
		return &Error{Kind: Invalid, URL: Redact(uri), Err: errors.New("it is an I-frame playlist, which is for seeking"),
			Hint: "schedule the multivariant playlist"}
	}
	return nil
}

// answer is what is known of a fetched body.
type answer struct {
	url         string // after redirects
	contentType string
}

// fetch gets a body of at most MaxBody bytes.
func (l *Loader) fetch(ctx context.Context, uri string) ([]byte, answer, error) {
	shown := Redact(uri)
	u, err := url.Parse(uri)
	if err != nil {
		return nil, answer{}, &Error{Kind: Refused, URL: shown, Err: errors.New("the URL can't be parsed"), Hint: "check the URL for typos"}
	}
	if err := l.options.Policy.CheckURL(u); err != nil {
		return nil, answer{}, fetchError(ctx, shown, err)
	}
	release, err := l.hosts.acquire(ctx, u.Host)
	if err != nil {
		return nil, answer{}, fetchError(ctx, shown, err)
	}
	defer release()

	ctx, cancel := context.WithTimeout(ctx, l.options.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, answer{}, fetchError(ctx, shown, err)
	}
	req.Header.Set("Accept", "application/vnd.apple.mpegurl, application/x-mpegurl, */*;q=0.8")
	req.Header.Set("User-Agent", "consuo")
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, answer{}, fetchError(ctx, shown, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if resp.StatusCode != http.StatusOK {
		return nil, answer{}, statusError(shown, resp.StatusCode)
	}
	tooLarge := &Error{Kind: TooLarge, URL: shown, Err: fmt.Errorf("the answer has more than %d bytes", l.options.MaxBody),
		Hint: "is it a media file? the URL must be that of a playlist"}
	if resp.ContentLength > l.options.MaxBody {
		return nil, answer{}, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, l.options.MaxBody+1))
	if err != nil {
		return nil, answer{}, fetchError(ctx, shown, err)
	}
	if int64(len(body)) > l.options.MaxBody {
		return nil, answer{}, tooLarge
	}
	return body, answer{url: resp.Request.URL.String(), contentType: resp.Header.Get("Content-Type")}, nil
}
