package schedulehttp

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"consuo/internal/schedule"

	"github.com/danielgtaylor/huma/v2"
)

// The types of this file are what travels; their tags make the document. The
// numbers in them repeat the limits of package schedule.

type channel struct {
	ID       string        `json:"id" pattern:"^[A-Za-z0-9_-]{1,64}$" example:"one" doc:"Part of the channel's URLs."`
	Name     string        `json:"name" maxLength:"200" example:"Channel One" doc:"For people, one line."`
	Config   channelConfig `json:"config"`
	Revision int64         `json:"revision" example:"1795348800000000" doc:"Grows with every edit of the channel or its events. Ignored when it is sent."`
}

func channelOf(c schedule.Channel) channel {
	return channel{ID: c.ID, Name: c.Name, Config: channelConfig(c.Config), Revision: c.Revision}
}

// channelInput is a channel as it is sent: all that GET gives may come back.
type channelInput struct {
	ID       *string       `json:"id,omitempty" pattern:"^[A-Za-z0-9_-]{1,64}$" example:"one" doc:"Part of the channel's URLs. In PUT it may be left out."`
	Name     *string       `json:"name,omitempty" maxLength:"200" example:"Channel One" doc:"For people, one line. Without it, the id."`
	Config   channelConfig `json:"config,omitempty"`
	Revision *int64        `json:"revision,omitempty" doc:"Ignored."`
}

// channelConfig is an open JSON object.
type channelConfig json.RawMessage

// MarshalJSON implements json.Marshaler.
func (c channelConfig) MarshalJSON() ([]byte, error) { return json.RawMessage(c).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (c *channelConfig) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	*c = append((*c)[:0], data...)
	return nil
}

// Schema implements huma.SchemaProvider.
func (channelConfig) Schema(huma.Registry) *huma.Schema {
	bound := func(n float64) *float64 { return &n }
	length := schedule.MaxURILength
	return &huma.Schema{
		Type:        huma.TypeObject,
		Description: "What is known is checked, other fields are kept as they are.",
		Properties: map[string]*huma.Schema{
			"tracks":                {Type: huma.TypeArray, Items: &huma.Schema{}, Description: "The tracks that the channel offers; without it they follow from the first scheduled asset."},
			"target_duration":       {Type: huma.TypeInteger, Minimum: bound(1), Maximum: bound(60), Description: "Longest segment, in seconds."},
			"filler":                {Type: huma.TypeString, Format: "uri", MaxLength: &length, Description: "Playlist that fills gaps between events."},
			"delivery":              {Type: huma.TypeString, Description: "URL prefixes \"from=to,…\": where the engine fetches and where players do.", Examples: []any{"http://vod/=https://cdn.example/vod/"}},
			"logo":                  {Type: huma.TypeString, Format: "uri", MaxLength: &length, Description: "Picture for programme guides and players."},
			"group":                 {Type: huma.TypeString, Description: "Group of channels in players (group-title in M3U)."},
			"always_on":             {Type: huma.TypeBoolean, Description: "Play out even when nobody watches."},
			"auto_populate":         {Type: huma.TypeBoolean, Description: "Keep the schedule filled."},
			"auto_populate_content": {Description: "With what: the URL of an Atom, RSS or MRSS feed or of a text with a URL per line, or a list of URLs or of objects {uri, title}.", Examples: []any{"https://feed.example/atom"}},
			"auto_cleanup":          {Description: "Delete old events: true (after 48 hours), or after how long, like \"168h\".", Examples: []any{true}},
			"auto_schedule": {Type: huma.TypeObject, Description: "How to fill the schedule. order: shuffle (default) or sequence; seed: of the shuffle; ahead: how far (\"12h\"); " +
				"zone: IANA name; pad_to: events begin on multiples of so many minutes; at_most_late: how late what follows a block may begin (\"5m\"; default: any time); " +
				"blocks: parts of the day, each with from, to (\"20:00\"), days ([\"mon\"], default all), and its own content, order, pad_to and at_most_late (default: never late).",
				Examples: []any{map[string]any{"ahead": "24h", "zone": "Europe/Stockholm", "blocks": []any{map[string]any{"from": "20:00", "to": "23:00", "content": "https://feed.example/films", "pad_to": 15, "at_most_late": "5m"}}}}, AdditionalProperties: true},
		},
		AdditionalProperties: true,
	}
}

type event struct {
	ID        string  `json:"id" pattern:"^[A-Za-z0-9_-]{1,64}$" example:"news-1200"`
	ChannelID string  `json:"channelId" pattern:"^[A-Za-z0-9_-]{1,64}$" example:"one"`
	Title     string  `json:"title" maxLength:"500" example:"News"`
	StartTime int64   `json:"start_time" example:"1795348800000" doc:"Milliseconds since 1970, UTC."`
	EndTime   int64   `json:"end_time" example:"1795350600000" doc:"Milliseconds since 1970, UTC; the first instant after the event."`
	Start     string  `json:"start" format:"date-time" example:"2026-11-22T12:00:00.000Z" doc:"start_time as of ISO 8601."`
	End       string  `json:"end" format:"date-time" example:"2026-11-22T12:30:00.000Z" doc:"end_time as of ISO 8601."`
	URI       string  `json:"uri" format:"uri" maxLength:"2048" example:"https://vod.example/news/index.m3u8" doc:"HLS playlist of the asset."`
	Duration  float64 `json:"duration" example:"1800" doc:"Seconds."`
	EventDetails
}

// EventDetails are what programme guides show. Tags repeat the limits of schedule.Details.
type EventDetails struct {
	Description string   `json:"description,omitempty" maxLength:"4000" example:"What happened today." doc:"Lines are separated by \\n."`
	Image       string   `json:"image,omitempty" maxLength:"2048" example:"https://img.example/news.jpg" doc:"URL of a picture."`
	Categories  []string `json:"categories,omitempty" maxItems:"10" example:"[\"News\"]" doc:"The most important first."`
	Episode     string   `json:"episode,omitempty" pattern:"^((S[0-9]{1,4})?E[0-9]{1,5})?$" example:"S2E5" doc:"S2E5, or E5 without seasons."`
	Rating      string   `json:"rating,omitempty" maxLength:"40" example:"MPAA:PG" doc:"With its system in front, if that is known."`
	Language    string   `json:"language,omitempty" pattern:"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3})?$" example:"sv" doc:"BCP 47."`
}

const isoMillis = "2006-01-02T15:04:05.000Z"

func eventOf(e schedule.Event) event {
	return event{
		ID: e.ID, ChannelID: e.ChannelID, Title: e.Title, URI: e.URI,
		StartTime: e.Start.UnixMilli(), EndTime: e.End.UnixMilli(),
		Start: e.Start.UTC().Format(isoMillis), End: e.End.UTC().Format(isoMillis),
		Duration:     float64(e.Duration().Milliseconds()) / 1000,
		EventDetails: EventDetails(e.Details),
	}
}

func eventsOf(events []schedule.Event) []event {
	list := make([]event, len(events))
	for i, e := range events {
		list[i] = eventOf(e)
	}
	return list
}

// eventInput is an event as it is sent: each time in either form or in both if
// they agree, so that all that GET gives may come back.
type eventInput struct {
	ID        *string  `json:"id,omitempty" pattern:"^[A-Za-z0-9_-]{1,64}$" example:"news-1200" doc:"Without it the service makes one."`
	ChannelID *string  `json:"channelId,omitempty" doc:"If it is sent, it must be the channel of the path."`
	Title     *string  `json:"title,omitempty" maxLength:"500" example:"News" doc:"One line."`
	StartTime *int64   `json:"start_time,omitempty" example:"1795348800000" doc:"Milliseconds since 1970, UTC. This or start is needed."`
	EndTime   *int64   `json:"end_time,omitempty" example:"1795350600000" doc:"Milliseconds since 1970, UTC. Without it, end and duration, the event is as long as its asset."`
	Start     *string  `json:"start,omitempty" example:"2026-11-22T12:00:00Z" doc:"ISO 8601 with zone; digits after the milliseconds are dropped."`
	End       *string  `json:"end,omitempty" example:"2026-11-22T12:30:00Z" doc:"ISO 8601 with zone."`
	URI       string   `json:"uri" maxLength:"2048" example:"https://vod.example/news/index.m3u8" doc:"HLS playlist of the asset, http or https."`
	Duration  *float64 `json:"duration,omitempty" example:"1800" exclusiveMinimum:"0" maximum:"2678400" doc:"Seconds; stands for the end."`
	EventDetails
}

// eventInputs is one eventInput or an array of them.
type eventInputs struct{}

// Schema implements huma.SchemaProvider.
func (eventInputs) Schema(r huma.Registry) *huma.Schema {
	one := body[eventInput]{}.Schema(r)
	return &huma.Schema{OneOf: []*huma.Schema{one, {Type: huma.TypeArray, Items: one}}}
}

// read turns what was sent into an event. What the request leaves open is
// zero: the id, the end. Faults say where in the request they are.
func (in eventInput) read(channelID, location string) (schedule.Event, []error) {
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, &huma.ErrorDetail{Location: location + "." + field, Message: fmt.Sprintf(format, args...)})
	}
	e := schedule.Event{ChannelID: channelID, URI: in.URI, Details: schedule.Details(in.EventDetails)}
	if in.ID != nil {
		e.ID = *in.ID
	}
	if in.Title != nil {
		e.Title = *in.Title
	}
	if in.ChannelID != nil && *in.ChannelID != channelID {
		fault("channelId", "is %q, but the path says %q", *in.ChannelID, channelID)
	}

	// instant reads one time in its two forms.
	instant := func(name string, iso *string, millis *int64) (t time.Time, given bool) {
		if millis != nil {
			t, given = time.UnixMilli(*millis).UTC(), true
		}
		if iso == nil {
			return t, given
		}
		parsed, err := time.Parse(time.RFC3339, *iso)
		if err != nil {
			fault(name, "must be a time with date and zone, like 2026-11-22T12:00:00Z or 2026-11-22T13:00:00+01:00")
			return t, given
		}
		parsed = parsed.UTC().Truncate(time.Millisecond)
		if given && !parsed.Equal(t) {
			fault(name, "differs from %s_time, which says %s: send one of the two", name, t.Format(isoMillis))
			fault(name+"_time", "differs from %s: send one of the two", name)
		}
		return parsed, true
	}
	before := len(faults)
	var hasStart, hasEnd bool
	e.Start, hasStart = instant("start", in.Start, in.StartTime)
	e.End, hasEnd = instant("end", in.End, in.EndTime)
	if !hasStart && in.Start == nil {
		fault("start", "is missing: send start (ISO 8601) or start_time (milliseconds)")
	}
	if len(faults) > before {
		return e, faults
	}
	if in.Duration != nil {
		duration := time.Duration(math.Round(*in.Duration*1000)) * time.Millisecond
		end := e.Start.Add(duration)
		if hasEnd && !end.Equal(e.End) {
			fault("duration", "differs from end minus start, which is %v seconds: send end or duration", e.Duration().Seconds())
			fault("end", "differs from start plus duration: send end or duration")
		}
		e.End = end
	}
	return e, faults
}
