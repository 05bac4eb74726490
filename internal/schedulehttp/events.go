package schedulehttp

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"consuo/internal/schedule"

	"github.com/danielgtaylor/huma/v2"
)

// EventPath names an event.
type EventPath struct {
	ChannelPath
	EventID string `path:"eventId" pattern:"^[A-Za-z0-9_-]{1,64}$" example:"news-1200" doc:"Id of the event."`
}

// eventsOutput is a list in JSON or CSV, or the report of a dry run.
type eventsOutput struct {
	Status int
	Cached
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

type eventOutput struct {
	Status int
	Cached
	Location string `header:"Location"`
	Body     event
}

func eventAnswer(status int, e schedule.Event) *eventOutput {
	out := &eventOutput{Status: status, Body: eventOf(e)}
	out.Cached = cachedAs(contentTag(out.Body))
	return out
}

// RangeQuery is a time range or a day.
type RangeQuery struct {
	Start string `query:"start" example:"1795348800000" doc:"Events that end after this: milliseconds since 1970, or ISO 8601 with zone."`
	End   string `query:"end" example:"1795435200000" doc:"Events that begin before this."`
	Date  string `query:"date" example:"2026-11-22" doc:"Instead of start and end: YYYY-MM-DD, or what toLocaleDateString() makes of a date. With tz that day exactly, without tz all that overlaps that day in any zone."`
	TZ    string `query:"tz" example:"Europe/Stockholm" doc:"IANA name of the zone of date."`
}

func (h *handler) listEvents(ctx context.Context, in *struct {
	ChannelPath
	IfNoneMatch
	RangeQuery
	FormatQuery
	AcceptLanguage string `header:"Accept-Language" doc:"Tells day and month in date apart, where today does not."`
}) (*eventsOutput, error) {
	slot, err := in.slot(time.Now(), in.AcceptLanguage)
	if err != nil {
		return nil, err
	}
	events, _, err := h.Store.Events(ctx, in.ChannelID, slot)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	list := eventsOf(events)
	var out *eventsOutput
	etag := contentTag(list)
	if in.csv() {
		etag = `"csv-` + etag[1:]
		out, err = csvAnswer(in.ChannelID, list)
	} else {
		out, err = jsonAnswer(list, etag)
	}
	if err != nil {
		return nil, err
	}
	out.Cached = cachedAs(etag)
	if in.matches(etag) {
		out.Status, out.Body = http.StatusNotModified, nil
	}
	return out, nil
}

// slot reads the query; what is not given is not bounded.
func (q RangeQuery) slot(now time.Time, acceptLanguage string) (schedule.Slot, error) {
	var faults []error
	fault := func(name, message string) {
		faults = append(faults, &huma.ErrorDetail{Location: "query." + name, Message: message})
	}
	slot := schedule.Slot{Start: schedule.MinTime, End: schedule.MaxTime}
	if q.Date != "" {
		if q.Start != "" || q.End != "" {
			fault("date", "can't be combined with start or end")
		}
		var zone *time.Location
		if q.TZ != "" {
			var err error
			if zone, err = time.LoadLocation(q.TZ); err != nil || q.TZ == "Local" {
				fault("tz", "must be the IANA name of a time zone, like Europe/Stockholm or UTC")
				return slot, invalid(faults)
			}
		}
		day, ok := readDate(q.Date, now, zone, acceptLanguage)
		if !ok {
			fault("date", "must be a date like 2026-11-22, or as toLocaleDateString() writes it, between the years 2000 and 2200")
		}
		return day, invalid(faults)
	}
	if q.TZ != "" {
		fault("tz", "needs date")
	}
	bound := func(name, text string, to *time.Time) {
		if text == "" {
			return
		}
		t, ok := readInstant(text)
		if !ok {
			fault(name, "must be milliseconds since 1970, or a time like 2026-11-22T12:00:00Z")
			return
		}
		*to = t
	}
	bound("start", q.Start, &slot.Start)
	bound("end", q.End, &slot.End)
	if faults == nil && !slot.Start.Before(slot.End) {
		fault("end", "must be after start")
	}
	return slot, invalid(faults)
}

func (h *handler) getEvent(ctx context.Context, in *struct {
	EventPath
	IfNoneMatch
}) (*eventOutput, error) {
	e, err := h.Store.Event(ctx, in.ChannelID, in.EventID)
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	out := eventAnswer(http.StatusOK, e)
	if in.matches(out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

type createdOutput struct {
	Location string `header:"Location"`
	Body     any
}

func (h *handler) createEvents(ctx context.Context, in *struct {
	ChannelPath
	ContentType string `header:"Content-Type" hidden:"true"`
	RawBody     []byte
}) (*createdOutput, error) {
	sent, err := h.readEvents(ctx, in.ChannelID, in.ContentType, in.RawBody)
	if err != nil {
		return nil, err
	}
	events := sent.events
	err = h.Store.Edit(ctx, in.ChannelID, func(tx schedule.Tx) error { return schedule.Insert(tx, events) })
	if err != nil {
		return nil, h.fail(ctx, err, sent.location)
	}
	path := "/channels/" + in.ChannelID + "/schedule"
	if sent.isArray {
		return &createdOutput{Location: path, Body: eventsOf(events)}, nil
	}
	return &createdOutput{Location: path + "/" + events[0].ID, Body: eventOf(events[0])}, nil
}

func (h *handler) putEvent(ctx context.Context, in *struct {
	EventPath
	Precondition
	Body body[eventInput]
}) (*eventOutput, error) {
	input, err := decodeObject[eventInput](h, in.Body.raw)
	if err != nil {
		return nil, err
	}
	if _, err := h.Store.Channel(ctx, in.ChannelID); err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	location := func(int) string { return "body" }
	e, faults := h.readEvent(ctx, input, in.ChannelID, in.EventID, "body")
	if e.ID != in.EventID {
		faults = append(faults, &huma.ErrorDetail{Location: "body.id", Message: fmt.Sprintf("is %q, but the path says %q", e.ID, in.EventID)})
	}
	if err := invalid(faults); err != nil {
		return nil, err
	}
	out := eventAnswer(http.StatusOK, e)
	err = h.Store.Edit(ctx, in.ChannelID, func(tx schedule.Tx) error {
		if err := in.onEvent(tx, e.ID); err != nil {
			return err
		}
		created, err := schedule.Put(tx, e)
		if created {
			out.Status, out.Location = http.StatusCreated, "/channels/"+in.ChannelID+"/schedule/"+e.ID
		}
		return err
	})
	if err != nil {
		return nil, h.fail(ctx, err, location)
	}
	return out, nil
}

func (h *handler) deleteEvent(ctx context.Context, in *struct {
	EventPath
	Precondition
}) (*struct{}, error) {
	err := h.Store.Edit(ctx, in.ChannelID, func(tx schedule.Tx) error {
		if err := in.onEvent(tx, in.EventID); err != nil {
			return err
		}
		return tx.Delete(in.EventID)
	})
	if err != nil {
		return nil, h.fail(ctx, err, nil)
	}
	return nil, nil
}

// readEvent makes an event of what was sent: id is used where it names none,
// and the length of its asset where it says no end.
func (h *handler) readEvent(ctx context.Context, in eventInput, channelID, id, location string) (schedule.Event, []error) {
	e, faults := in.read(channelID, location)
	if e.ID == "" {
		e.ID = id
	}
	if faults != nil {
		// What is known of the times is wrong already: check only the rest.
		rest := e
		rest.Slot = schedule.Slot{Start: schedule.MinTime, End: schedule.MinTime.Add(1)}
		return e, append(faults, faultsAt(location, rest.Check())...)
	}
	if in.End == nil && in.EndTime == nil && in.Duration == nil && schedule.CheckURI(e.URI) == "" {
		duration, err := h.probe(ctx, e.URI)
		if err != nil {
			return e, []error{&huma.ErrorDetail{Location: location + ".duration",
				Message: "is missing, and so is end: send one of them, or a uri whose playlist tells its length: " + err.Error()}}
		}
		e.End = e.Start.Add(duration.Round(time.Millisecond))
	}
	return e, faultsAt(location, e.Check())
}

func (h *handler) probe(ctx context.Context, uri string) (time.Duration, error) {
	if h.Duration == nil {
		return 0, fmt.Errorf("this service does not read playlists")
	}
	return h.Duration(ctx, uri)
}

// newID makes an id of 80 random bits.
func newID() string { return strings.ToLower(rand.Text()[:16]) }
