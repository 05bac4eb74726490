package schedulehttp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"consuo/internal/epg"
	"consuo/internal/schedule"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// AsRun returns what of a channel's events has really aired within a slot, from
// its playout log.
type AsRun func(ctx context.Context, channelID string, within schedule.Slot) ([]schedule.Airing, error)

// guideChannelTime is how long a peer may take to read one channel of a guide.
const guideChannelTime = time.Minute

// A guide without a range reaches from yesterday to two weeks ahead.
const (
	guideBack  = 24 * time.Hour
	guideAhead = 14 * 24 * time.Hour
)

// Base is where the service is reached, as far as a request tells.
type Base struct {
	scheme, host string
}

// Resolve implements huma.Resolver.
func (b *Base) Resolve(ctx huma.Context) []error {
	b.scheme, b.host = "http", ctx.Host()
	if proto := ctx.Header("X-Forwarded-Proto"); ctx.TLS() != nil || proto == "https" {
		b.scheme = "https"
	}
	if !hostPattern.MatchString(b.host) {
		b.host = "localhost" // it would go into an answer as it is
	}
	return nil
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9.:_\[\]-]{1,255}$`)

// guide is the URL of the XMLTV guide.
func (b *Base) guide() string { return b.scheme + "://" + b.host + "/epg.xml" }

// engine is where viewers reach the engine if nobody has said it: beside this
// service, at its usual port.
func (b *Base) engine() string {
	u := url.URL{Host: b.host}
	return "http://" + net.JoinHostPort(u.Hostname(), "8000")
}

// guideChannel is what guides tell of a channel.
func (h *handler) guideChannel(c schedule.Channel, engine string) epg.Channel {
	var config struct{ Logo, Group string }
	_ = json.Unmarshal(c.Config, &config) // what is no text is not shown
	name := c.Name
	if name == "" {
		name = c.ID
	}
	return epg.Channel{ID: c.ID, Name: name, Logo: config.Logo, Group: config.Group, URL: engine + "/live/master.m3u8?channel=" + c.ID}
}

type textOutput struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Link         string `header:"Link" doc:"With rel=status (RFC 8631): the engine's page, where people see what is on; not there if none can be reached."`
	Body         []byte
}

func (h *handler) channelsM3U(ctx context.Context, in *struct{ Base }) (*textOutput, error) {
	channels, err := h.Store.Channels(ctx)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	engine := cmp.Or(h.EngineURL, in.engine())
	list := make([]epg.Channel, len(channels))
	for i, c := range channels {
		list[i] = h.guideChannel(c, engine)
	}
	var b bytes.Buffer
	if err := epg.WriteM3U(&b, in.guide(), list); err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	out := &textOutput{ContentType: "audio/x-mpegurl; charset=utf-8", CacheControl: "max-age=60", Body: b.Bytes()}
	if page := cmp.Or(h.EnginePageURL, engine); page != NoEnginePage {
		out.Link = "<" + page + `/>; rel="status"`
	}
	return out, nil
}

func (h *handler) guide(ctx context.Context, in *struct{ RangeQuery }) (*huma.StreamResponse, error) {
	channels, err := h.Store.Channels(ctx)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	return h.writeGuide(ctx, channels, in.RangeQuery)
}

func (h *handler) channelGuide(ctx context.Context, in *struct {
	ChannelPath
	RangeQuery
}) (*huma.StreamResponse, error) {
	c, err := h.Store.Channel(ctx, in.ChannelID)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	return h.writeGuide(ctx, []schedule.Channel{c}, in.RangeQuery)
}

// writeGuide sends XMLTV channel by channel: a whole guide may be larger than
// what should lie in memory.
func (h *handler) writeGuide(ctx context.Context, channels []schedule.Channel, q RangeQuery) (*huma.StreamResponse, error) {
	now := time.Now()
	within, err := q.slot(now, "")
	if err != nil {
		return nil, err
	}
	if q.Date == "" && q.Start == "" {
		within.Start = now.Add(-guideBack)
	}
	if q.Date == "" && q.End == "" {
		within.End = within.Start.Add(guideBack + guideAhead)
	}
	return &huma.StreamResponse{Body: func(out huma.Context) {
		out.SetHeader("Content-Type", "application/xml; charset=utf-8")
		out.SetHeader("Cache-Control", "max-age=60")
		out.SetStatus(http.StatusOK)
		x := epg.NewXMLTV(out.BodyWriter())
		list := make([]epg.Channel, len(channels))
		for i, c := range channels {
			list[i] = h.guideChannel(c, "")
			x.Channel(list[i])
		}
		_, w := humachi.Unwrap(out)
		for i, c := range channels {
			// A large guide may take a slow peer minutes: each channel has its own time.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(guideChannelTime)) // a writer without deadlines waits for its peer
			events, err := h.airedWithin(ctx, c.ID, within)
			if _, deleted := errors.AsType[*schedule.NotFoundError](err); deleted {
				continue // since the list was read
			}
			if err != nil {
				h.Logger.Error("programme guide is cut off", "err", err, "channel", c.ID)
				panic(http.ErrAbortHandler) // half a guide must not be taken for a whole one
			}
			for _, e := range events {
				x.Event(list[i], e)
			}
			if x.Flush() != nil {
				return
			}
		}
		_ = x.Close() // the peer is gone, there is nobody to tell
	}}, nil
}

// airedWithin reads a channel's part of a guide, whatever has become of the time
// for the whole request.
func (h *handler) airedWithin(ctx context.Context, channelID string, within schedule.Slot) ([]schedule.Event, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
	defer cancel()
	events, _, err := h.Store.Events(ctx, channelID, within)
	if err != nil {
		return nil, err
	}
	return h.asAired(ctx, channelID, events)
}

// asAired puts the times of the playout log in, where something has aired.
func (h *handler) asAired(ctx context.Context, channelID string, events []schedule.Event) ([]schedule.Event, error) {
	if h.AsRun == nil || len(events) == 0 {
		return events, nil
	}
	airings, err := h.AsRun(ctx, channelID, schedule.Slot{Start: events[0].Start, End: events[len(events)-1].End})
	if err != nil {
		return nil, err
	}
	return epg.AsAired(events, airings), nil
}

type nowOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         nowNext
}

type nowNext struct {
	ChannelID string `json:"channelId" example:"one"`
	Time      int64  `json:"time" example:"1795348800000" doc:"The instant of the answer, milliseconds since 1970."`
	Now       *event `json:"now,omitempty" doc:"Absent in a gap of the schedule."`
	Next      *event `json:"next,omitempty" doc:"Absent if nothing more is planned."`
}

func (h *handler) now(ctx context.Context, in *ChannelPath) (*nowOutput, error) {
	now := time.Now()
	events, err := h.Store.Upcoming(ctx, in.ChannelID, now, 2)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	if events, err = h.asAired(ctx, in.ChannelID, events); err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	out := &nowOutput{CacheControl: "no-cache", Body: nowNext{ChannelID: in.ChannelID, Time: now.UnixMilli()}}
	for _, e := range events {
		shown := eventOf(e)
		switch {
		case e.Start.After(now):
			if out.Body.Next == nil {
				out.Body.Next = &shown
			}
		case e.End.After(now):
			out.Body.Now = &shown
		}
	}
	return out, nil
}

// documentText describes the answers that are no JSON.
func (h *handler) documentText() {
	for path, mediaType := range map[string]string{
		"/channels.m3u": "audio/x-mpegurl", "/epg.xml": "application/xml", "/channels/{channelId}/epg.xml": "application/xml",
	} {
		get := h.api.OpenAPI().Paths[path].Get
		if get.Responses["200"] == nil {
			get.Responses["200"] = &huma.Response{Description: "OK"}
		}
		get.Responses["200"].Content = map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString}}}
	}
}
