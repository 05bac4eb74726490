package schedulehttp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"consuo/internal/asrun"
	"consuo/internal/hls"
	"consuo/internal/packed"
	"consuo/internal/playlog"
	"consuo/internal/schedule"

	"github.com/danielgtaylor/huma/v2"
)

// maxAsRun is how many cuts an as-run record may be made of: a month with one
// every minute.
const maxAsRun = 50_000

// airedRow is a row of the as-run record.
type airedRow struct {
	Number       int64    `json:"number" doc:"Of the cut in the playout log; a filler that follows its asset has the same."`
	PlannedStart string   `json:"planned_start,omitempty" example:"2026-11-22T12:00:00.000Z" doc:"Of the event; absent in a gap."`
	PlannedEnd   string   `json:"planned_end,omitempty" example:"2026-11-22T12:30:00.000Z"`
	Start        string   `json:"start" example:"2026-11-22T12:00:01.200Z" doc:"When it went on air."`
	End          string   `json:"end,omitempty" example:"2026-11-22T12:30:01.360Z" doc:"Absent: it is on air."`
	Length       float64  `json:"length" example:"1800.16" doc:"Seconds on air, until now if it still is."`
	Kind         string   `json:"kind" enum:"event,filler,slate"`
	Reason       string   `json:"reason" enum:"scheduled,joined,gap,short,failed,changed"`
	Detail       string   `json:"detail,omitempty" doc:"For people."`
	EventID      string   `json:"event_id,omitempty" example:"news-1200"`
	Title        string   `json:"title,omitempty" example:"News"`
	Asset        string   `json:"asset" example:"https://vod.example/news/index.m3u8" doc:"What was on air."`
	Wanted       string   `json:"wanted,omitempty" doc:"The event's asset, where another one was on air."`
	Segment      int      `json:"segment" doc:"The first of the asset's segments that was on air, counted from 0."`
	Offset       *float64 `json:"offset,omitempty" example:"0" doc:"Seconds from the asset's start to that segment. Absent where the asset is not known any more, and of the built-in slate."`
	Loop         bool     `json:"loop,omitempty" doc:"The asset repeated."`
}

func airedRowOf(r asrun.Row) airedRow {
	a := airedRow{
		Number: r.Number, Start: isoTime(r.Start), End: isoTime(r.End), Length: seconds(r.Length),
		Kind: string(r.Kind), Reason: string(r.Reason), Detail: r.Detail, Asset: r.Asset, Segment: r.Segment, Loop: r.Loop,
	}
	if r.Offset >= 0 {
		offset := seconds(r.Offset)
		a.Offset = &offset
	}
	if p := r.Airing; p != nil {
		a.PlannedStart, a.PlannedEnd = isoTime(p.Start), isoTime(p.End)
		a.EventID, a.Title = p.EventID, p.Title
		if p.URI != r.Asset {
			a.Wanted = p.URI
		}
	}
	return a
}

// isoTime is "" for no time.
func isoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Round(time.Millisecond).Format(isoMillis)
}

// seconds are rounded to milliseconds.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

var asRunColumns = []string{"planned_start", "start", "end", "length", "kind", "reason", "event_id", "title", "asset", "offset", "segment", "wanted", "detail", "planned_end", "number"}

func (a airedRow) cells() []string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }
	offset := ""
	if a.Offset != nil {
		offset = number(*a.Offset)
	}
	return []string{a.PlannedStart, a.Start, a.End, number(a.Length), a.Kind, a.Reason, a.EventID, a.Title, a.Asset, offset,
		strconv.Itoa(a.Segment), a.Wanted, a.Detail, a.PlannedEnd, strconv.FormatInt(a.Number, 10)}
}

// AsRunQuery is a time range or a day.
type AsRunQuery struct {
	Start string `query:"start" example:"1795348800000" doc:"What was on air after this: milliseconds since 1970, or ISO 8601 with zone."`
	End   string `query:"end" example:"1795435200000" doc:"What was on air before this."`
	Date  string `query:"date" example:"2026-11-22" doc:"Instead of start and end: YYYY-MM-DD. Without any of them, the last 24 hours."`
	TZ    string `query:"tz" example:"Europe/Stockholm" doc:"IANA name of the zone of date; without it, UTC."`
}

func (q AsRunQuery) slot(now time.Time) (schedule.Slot, error) {
	if q.Date != "" && q.TZ == "" {
		q.TZ = "UTC"
	}
	slot, err := RangeQuery(q).slot(now, "")
	if err == nil && q.Date == "" && q.Start == "" {
		slot.Start = slot.End.Add(-24 * time.Hour)
		if q.End == "" {
			slot.Start = now.Add(-24 * time.Hour)
		}
	}
	return slot, err
}

func (h *handler) asRun(ctx context.Context, in *struct {
	ChannelPath
	AsRunQuery
	FormatQuery
}) (*eventsOutput, error) {
	now := time.Now()
	slot, err := in.slot(now)
	if err != nil {
		return nil, err
	}
	rows, err := h.aired(ctx, in.ChannelID, slot, now, h.lengths(ctx, in.ChannelID))
	if err != nil {
		return nil, err
	}
	list := make([]airedRow, len(rows))
	for i, r := range rows {
		list[i] = airedRowOf(r)
	}
	out := &eventsOutput{Status: http.StatusOK, ContentType: "application/json"}
	out.CacheControl = "no-store"
	if !in.csv() {
		out.Body, err = json.Marshal(list)
		return out, err
	}
	out.ContentType, out.Disposition = "text/csv; charset=utf-8", `attachment; filename="`+in.ChannelID+`-asrun.csv"`
	out.Body, err = asRunCSV(list)
	return out, err
}

// aired returns what was on air within a slot.
func (h *handler) aired(ctx context.Context, channelID string, slot schedule.Slot, now time.Time, lengths asrun.Lengths) ([]asrun.Row, error) {
	cuts, err := h.Playout.Cuts(ctx, channelID, slot, maxAsRun+1)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	if len(cuts) > maxAsRun {
		return nil, invalid([]error{&huma.ErrorDetail{Location: "query.end", Message: fmt.Sprintf("lies so late that the range has more than %d cuts: ask for less at a time", maxAsRun)}})
	}
	rows := asrun.Rows(cuts, now, lengths)
	within := rows[:0]
	for _, r := range rows {
		if r.Start.Before(slot.End) && (r.End.IsZero() || r.End.After(slot.Start)) {
			within = append(within, r)
		}
	}
	return within, nil
}

// lengths reads frozen assets, each once.
func (h *handler) lengths(ctx context.Context, channelID string) asrun.Lengths {
	missing := make(map[string]bool) // digests: the built-in slate is nowhere kept
	id := ""
	return func(s playlog.Source) []time.Duration {
		if s.Digest == "" || len(s.Feeds) == 0 || missing[s.Digest] {
			return nil
		}
		key := playlist{s.Digest, s.Feeds[0]}
		if d := h.segments.get(key); d != nil {
			return d
		}
		if id == "" {
			page, err := h.Playout.Read(ctx, channelID, -1)
			if err != nil {
				return nil
			}
			id = page.ID
		}
		data, err := h.Playout.Frozen(ctx, channelID, id, s.Digest)
		if err != nil {
			missing[s.Digest] = true
			return nil
		}
		d := durations(data, s.Feeds[0])
		if d == nil {
			missing[s.Digest] = true
		}
		h.segments.put(key, d)
		return d
	}
}

// playlist is one of an asset's.
type playlist struct {
	digest string
	feed   int
}

// segmentCache has the durations of segments by playlist. A digest says what
// they are, so that they never change; unpacking them takes most of the time of
// an as-run record, which anybody may ask for.
type segmentCache struct {
	mu    sync.Mutex // guards what follows
	known map[playlist][]time.Duration
	size  int
}

// maxCached is how many durations a segmentCache has at most: 8 MB.
const maxCached = 1 << 20

func (c *segmentCache) get(key playlist) []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[key]
}

func (c *segmentCache) put(key playlist, durations []time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size += len(durations); c.known == nil || c.size > maxCached {
		c.known, c.size = make(map[playlist][]time.Duration), len(durations)
	}
	c.known[key] = durations
}

// durations reads those of the segments of one playlist out of a frozen asset;
// nil where they can't be had. Playlists count as the engine counts them: those
// of variants and then of renditions, each once.
func durations(data []byte, feed int) []time.Duration {
	list, err := packed.Durations(data, func(m *hls.Multivariant) string {
		seen := make(map[string]bool)
		nth := func(uri string) bool {
			if uri == "" || seen[uri] {
				return false
			}
			seen[uri] = true
			return len(seen) == feed+1
		}
		for _, v := range m.Variants {
			if nth(v.URI) {
				return v.URI
			}
		}
		for _, r := range m.Renditions {
			if nth(r.URI) {
				return r.URI
			}
		}
		return ""
	})
	if err != nil {
		return nil
	}
	return list
}

func asRunCSV(list []airedRow) ([]byte, error) {
	rows := make([][]string, len(list))
	for i, a := range list {
		rows[i] = a.cells()
	}
	return encodeCSV(asRunColumns, rows)
}

// documentAsRun describes the two forms of the record.
func (h *handler) documentAsRun() {
	doc := h.api.OpenAPI()
	row := doc.Components.Schemas.Schema(reflect.TypeFor[airedRow](), true, "")
	doc.Paths["/channels/{channelId}/asrun"].Get.Responses["200"].Content = map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{Type: huma.TypeArray, Items: row}},
		"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString}, Example: strings.Join(asRunColumns, ",") + "\r\n"},
	}
}
