package schedulehttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"consuo/internal/asset"
	"consuo/internal/inspect"
	"consuo/internal/schedule"
	"consuo/internal/service"

	"github.com/danielgtaylor/huma/v2"
)

// Inspector says what the asset at uri is, and whether a channel could play it;
// ch may be nil. Its errors are shown to whoever asks.
type Inspector func(ctx context.Context, uri string, ch *inspect.Channel) (*inspect.Report, error)

// Limits of inspections, which make this service load up to a hundred
// playlists each.
const (
	inspectTimeout    = 20 * time.Second
	inspectionsAtOnce = 4 // of all callers
	// An address may make so many at once, and then one every so often.
	inspectBurst = 30
	inspectEvery = time.Second
)

type inspectInput struct {
	URI       string `json:"uri" maxLength:"2048" example:"https://vod.example/news/index.m3u8" doc:"HLS playlist of the asset, http or https."`
	ChannelID string `json:"channelId,omitempty" pattern:"^[A-Za-z0-9_-]{1,64}$" example:"one" doc:"Say whether this channel could play it."`
}

type inspectOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         inspection
}

type inspection struct {
	URI      string          `json:"uri" format:"uri" example:"https://vod.example/news/index.m3u8"`
	Title    string          `json:"title,omitempty" example:"News" doc:"As the playlist says (EXT-X-SESSION-DATA com.apple.hls.title), else a guess from its URL."`
	Duration float64         `json:"duration" example:"1799.96" doc:"Seconds, to the millisecond: how long an event of it is without end."`
	Tracks   []assetTrack    `json:"tracks" nullable:"false"`
	Warnings []string        `json:"warnings" nullable:"false" doc:"For people: what of it is not used as it stands, or would keep players from playing it."`
	Channel  *channelVerdict `json:"channel,omitempty" doc:"If a channel was named."`
}

type assetTrack struct {
	Media     string `json:"media" enum:"video,audio,subtitle"`
	Container string `json:"container" enum:"ts,fmp4,packed,webvtt"`
	Muxed     bool   `json:"muxed,omitempty" doc:"Video and audio in the same segments."`
	Codecs    string `json:"codecs,omitempty" example:"avc1.4d401f,mp4a.40.2" doc:"As of RFC 6381."`
	Width     int    `json:"width,omitempty" example:"1280"`
	Height    int    `json:"height,omitempty" example:"720"`
	Bandwidth int64  `json:"bandwidth,omitempty" example:"2500000" doc:"Bits per second."`
	Language  string `json:"language,omitempty" example:"sv"`
	Name      string `json:"name,omitempty" example:"Svenska"`
}

type channelVerdict struct {
	ID      string `json:"id" example:"one"`
	Joins   *bool  `json:"joins,omitempty" doc:"Absent: it can't be told, see reason."`
	Reason  string `json:"reason,omitempty" example:"another shape than the channel's: the channel is MPEG-TS with video and audio together; the asset is fMP4 with audio apart" doc:"The engine's reason not to play it."`
	Settled bool   `json:"settled" doc:"Whether the channel's tracks are decided. Until it is first on air, its first event decides them."`
}

// inspections has the limits. The zero value has no inspector.
type inspections struct {
	inspect Inspector
	slots   chan struct{}
	callers *throttle
}

func newInspections(inspect Inspector) *inspections {
	return &inspections{inspect: inspect, slots: make(chan struct{}, inspectionsAtOnce), callers: newThrottle(inspectBurst, inspectEvery)}
}

// do inspects in its turn.
func (i *inspections) do(ctx context.Context, uri string, ch *inspect.Channel) (*inspect.Report, error) {
	if i.inspect == nil {
		return nil, errors.New("this service does not read playlists")
	}
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return i.inspect(ctx, uri, ch)
}

// limited lets each address inspect only so often. Everybody else's requests
// pass.
func (i *inspections) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == inspectPath {
			from, now := clientAddr(r), time.Now()
			if wait := i.callers.wait(from, "", now); wait > 0 {
				seconds := int64((wait + time.Second - 1) / time.Second)
				w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
				service.WriteProblem(w, r, http.StatusTooManyRequests, fmt.Sprintf("Too many inspections were asked for from this address. Try again in %d seconds.", seconds))
				return
			}
			i.callers.count(from, now)
		}
		next.ServeHTTP(w, r)
	})
}

const inspectPath = "/inspect"

func (h *handler) inspectAsset(ctx context.Context, in *struct{ Body body[inspectInput] }) (*inspectOutput, error) {
	input, err := decodeObject[inspectInput](h, in.Body.raw)
	if err != nil {
		return nil, err
	}
	if reason := schedule.CheckURI(input.URI); reason != "" {
		return nil, invalid(faultsAt("body", []schedule.Fault{{Field: "uri", Message: reason}}))
	}
	var ch *inspect.Channel
	if input.ChannelID != "" {
		if ch, err = h.inspectedOn(ctx, input.ChannelID); err != nil {
			return nil, h.fail(ctx, err, nil)
		}
	}
	limit, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	report, err := h.inspections.do(limit, input.URI, ch)
	if errors.Is(err, context.DeadlineExceeded) && limit.Err() != nil {
		if _, late := errors.AsType[*asset.Error](err); !late {
			return nil, huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("Many inspections are under way. Try again in some seconds."), http.Header{"Retry-After": {"5"}})
		}
	}
	if err != nil {
		return nil, invalid([]error{&huma.ErrorDetail{Location: "body.uri", Message: "can't be played: " + err.Error()}})
	}
	return &inspectOutput{CacheControl: "no-store", Body: inspectionOf(input, report)}, nil
}

// inspectedOn reads what a verdict about a channel needs.
func (h *handler) inspectedOn(ctx context.Context, channelID string) (*inspect.Channel, error) {
	c, err := h.Store.Channel(ctx, channelID)
	if err != nil {
		return nil, err
	}
	ch := &inspect.Channel{Config: c.Config}
	page, err := h.Playout.Read(ctx, channelID, -1)
	if err != nil {
		return nil, err
	}
	if ch.Settings = page.Settings; len(page.Cuts) > 0 {
		ch.TargetDuration = page.Cuts[len(page.Cuts)-1].TargetDuration
	}
	next, err := h.Store.Upcoming(ctx, channelID, time.Now(), 1)
	if err != nil {
		return nil, err
	}
	if len(next) > 0 {
		ch.First = next[0].URI
	}
	return ch, nil
}

func inspectionOf(in inspectInput, r *inspect.Report) inspection {
	out := inspection{URI: in.URI, Title: r.Title, Duration: seconds(r.Duration), Tracks: []assetTrack{}, Warnings: append([]string{}, r.Warnings...)}
	for _, t := range r.Tracks {
		out.Tracks = append(out.Tracks, assetTrack{
			Media: string(t.Media), Container: string(t.Container), Muxed: t.Muxed, Codecs: t.Codecs,
			Width: t.Width, Height: t.Height, Bandwidth: t.Bandwidth, Language: t.Language, Name: t.Name,
		})
	}
	if v := r.Verdict; v != nil {
		out.Channel = &channelVerdict{ID: in.ChannelID, Reason: v.Reason, Settled: v.Settled}
		if v.Unknown != "" {
			out.Channel.Reason = v.Unknown
		} else {
			out.Channel.Joins = &v.Joins
		}
	}
	return out
}
