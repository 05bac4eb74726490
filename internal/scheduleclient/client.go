// Package scheduleclient reads the schedule over HTTP: channels and what each
// of them should play when. It is the engine's only knowledge of the schedule
// service, whose packages the engine doesn't import.
//
// It also reads schedules of other make that have the same two GETs, such as
// Eyevinn's schedule service. Reading is lenient: what can't be used of an
// answer is left out and becomes a warning, and an answer that can't be used at
// all is an error that leaves the last good one in force.
package scheduleclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Options of a Client. BaseURL is required.
type Options struct {
	// BaseURL is CHANNELMGRAPI. It may have a path: https://host/api/v1.
	BaseURL string
	// APIKey is sent to the host of BaseURL only.
	APIKey string
	// Transport is for tests; nil is one with limits of its own.
	Transport http.RoundTripper
}

// Client reads a schedule. It is safe for concurrent use.
type Client struct {
	base        string // without slash at its end
	secure      bool   // base is https
	host        string // of base, with port
	apiKey      string
	http        *http.Client
	clock       Clock
	inContainer bool

	mu         sync.Mutex // guards what follows; not held across requests
	list       answer[List]
	schedules  map[string]answer[Schedule]
	storesTime bool // an answer had Store-Time
	// paused has, by whether they write, until when requests are not sent that
	// the schedule has had too many of.
	paused map[bool]pause
}

// pause is what an answer 429 brings.
type pause struct {
	until time.Time
	err   error
}

const (
	timeout      = 5 * time.Second // of a request with its redirects and its answer's body
	maxRedirects = 5
	maxPause     = 30 * time.Second // however long a Retry-After is

	maxList     = 64 << 20 // bytes, uncompressed, as the next
	maxSchedule = 32 << 20

	// granularity of the ranges that are asked for: polls of a moving range
	// ask for the same URL as long as they can, so that the answer may be 304.
	granularity = 10 * time.Minute
)

// idPattern is that of channel ids (design §3).
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// New returns a client. It makes no request.
func New(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimSpace(o.BaseURL))
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "" {
		return nil, errors.New("CHANNELMGRAPI: want the schedule's base URL, such as http://schedule:8001 or https://host/api/v1")
	}
	base.RawQuery, base.Fragment = "", ""
	c := &Client{
		base:        strings.TrimRight(base.JoinPath().String(), "/"),
		secure:      base.Scheme == "https",
		host:        base.Host,
		apiKey:      o.APIKey,
		inContainer: inContainer(),
		schedules:   map[string]answer[Schedule]{},
		paused:      map[bool]pause{},
	}
	transport := o.Transport
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		// As many idle ones, for requests come in bursts: with fewer, those of
		// channels that come on air together would connect one by one.
		t.MaxConnsPerHost, t.MaxIdleConnsPerHost = 64, 64
		t.MaxResponseHeaderBytes = 64 << 10
		transport = t
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: c.redirect}
	return c, nil
}

// Clock is the store's clock, as the answers tell it. Of a schedule that
// doesn't tell, it is the wall clock of this process.
func (c *Client) Clock() *Clock { return &c.clock }

// Channels returns the list of channels. On an error it is the last good list,
// if there is one.
func (c *Client) Channels(ctx context.Context) (List, error) {
	c.mu.Lock()
	last := c.list
	c.mu.Unlock()
	now, err := get(ctx, c, "/channels", maxList, last, decodeList)
	if err != nil {
		return last.value, err
	}
	known := make(map[string]bool, len(now.value.Channels))
	for _, channel := range now.value.Channels {
		known[channel.ID] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = now
	maps.DeleteFunc(c.schedules, func(id string, _ answer[Schedule]) bool { return !known[id] })
	return now.value, nil
}

// Schedule returns the events of a channel that overlap [start, end), and of
// up to ten minutes around, ordered and without overlaps. On an error it is the
// channel's last good schedule, if there is one, whatever range that was for.
// The error is ErrNotFound if there is no such channel.
func (c *Client) Schedule(ctx context.Context, channel string, start, end time.Time) (Schedule, error) {
	if !idPattern.MatchString(channel) {
		return Schedule{}, fmt.Errorf("%w: %q can't be the id of one", ErrNotFound, channel)
	}
	start, end = start.UTC().Truncate(granularity), end.UTC().Add(granularity-1).Truncate(granularity)
	path := fmt.Sprintf("/channels/%s/schedule?start=%d&end=%d", channel, start.UnixMilli(), end.UnixMilli())
	c.mu.Lock()
	last := c.schedules[channel]
	c.mu.Unlock()
	now, err := get(ctx, c, path, maxSchedule, last, func(body []byte) (Schedule, error) {
		return decodeSchedule(body, start, end)
	})
	if err != nil {
		return last.value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.schedules[channel] = now
	return now.value, nil
}
