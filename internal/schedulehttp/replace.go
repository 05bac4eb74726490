package schedulehttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"consuo/internal/schedule"

	"github.com/danielgtaylor/huma/v2"
)

// replaceReport is what a dry run answers.
type replaceReport struct {
	Created   []event          `json:"created" nullable:"false"`
	Updated   []eventUpdate    `json:"updated" nullable:"false"`
	Deleted   []event          `json:"deleted" nullable:"false"`
	Unchanged int              `json:"unchanged" example:"12"`
	Conflicts []reportConflict `json:"conflicts" nullable:"false" doc:"With any, the request would be refused with 409."`
}

type eventUpdate struct {
	Before event `json:"before"`
	After  event `json:"after"`
}

type reportConflict struct {
	Location string `json:"location" example:"body[3]" doc:"Where in the request the event is."`
	Message  string `json:"message" example:"overlaps with …"`
	With     event  `json:"with"`
}

// errDryRun ends the transaction of a dry run.
var errDryRun = errors.New("dry run")

func (h *handler) replaceEvents(ctx context.Context, in *struct {
	ChannelPath
	Precondition
	RangeQuery
	DryRun      bool   `query:"dry_run" doc:"Change nothing, and answer with what would change."`
	ContentType string `header:"Content-Type" hidden:"true"`
	RawBody     []byte
}) (*eventsOutput, error) {
	within, err := in.exact()
	if err != nil {
		return nil, err
	}
	sent, err := h.readEvents(ctx, in.ChannelID, in.ContentType, in.RawBody)
	if err != nil {
		return nil, err
	}
	var faults []error
	for i, e := range sent.events {
		if !e.Overlaps(within) {
			faults = append(faults, &huma.ErrorDetail{Location: sent.location(i) + ".start",
				Message: fmt.Sprintf("lies outside of the range that is replaced, %s to %s", within.Start.Format(isoMillis), within.End.Format(isoMillis))})
		}
		if sent.anonymous[i] {
			sent.events[i].ID = ""
		}
	}
	if err := invalid(faults); err != nil {
		return nil, err
	}
	var after []schedule.Event
	var plan schedule.Replacement
	err = h.Store.Edit(ctx, in.ChannelID, func(tx schedule.Tx) (err error) {
		if in.Precondition != (Precondition{}) {
			before, err := tx.Events(within)
			if err != nil {
				return err
			}
			if err := in.check("schedule of this range", contentTag(eventsOf(before))); err != nil {
				return err
			}
		}
		if plan, err = schedule.PlanReplace(tx, within, sent.events, newID); err != nil {
			return err
		}
		if in.DryRun {
			return errDryRun
		}
		if err := plan.Apply(tx); err != nil {
			return err
		}
		after, err = tx.Events(within)
		return err
	})
	if errors.Is(err, errDryRun) {
		return jsonAnswer(reportOf(plan, sent.location), "")
	}
	if err != nil {
		return nil, h.fail(ctx, err, sent.location)
	}
	list := eventsOf(after)
	return jsonAnswer(list, contentTag(list))
}

// exact is a range that is edited: it has no generous readings.
func (q RangeQuery) exact() (schedule.Slot, error) {
	if q.Date == "" {
		slot, err := q.slot(time.Time{}, "")
		if err == nil && (q.Start == "" || q.End == "") {
			err = invalid([]error{&huma.ErrorDetail{Location: "query", Message: "must say what is replaced: start and end, or date and tz"}})
		}
		return slot, err
	}
	if _, err := time.Parse(time.DateOnly, q.Date); err != nil {
		return schedule.Slot{}, invalid([]error{&huma.ErrorDetail{Location: "query.date", Message: "must be like 2026-11-22 to replace that day"}})
	}
	if q.TZ == "" {
		return schedule.Slot{}, invalid([]error{&huma.ErrorDetail{Location: "query.tz", Message: "must be the zone of date to replace that day, like Europe/Stockholm or UTC"}})
	}
	return q.slot(time.Time{}, "")
}

func reportOf(plan schedule.Replacement, location func(int) string) replaceReport {
	report := replaceReport{
		Created: eventsOf(plan.Created), Updated: []eventUpdate{}, Deleted: eventsOf(plan.Deleted),
		Unchanged: plan.Unchanged, Conflicts: []reportConflict{},
	}
	for _, u := range plan.Updated {
		report.Updated = append(report.Updated, eventUpdate{eventOf(u.Before), eventOf(u.After)})
	}
	for _, c := range plan.Conflicts {
		report.Conflicts = append(report.Conflicts, reportConflict{location(c.Index), c.String(), eventOf(c.Other)})
	}
	return report
}

// jsonAnswer writes what has several forms. No tag: it is not kept.
func jsonAnswer(v any, etag string) (*eventsOutput, error) {
	out := &eventsOutput{Status: http.StatusOK, ContentType: "application/json"}
	if etag != "" {
		out.Cached = cachedAs(etag)
	} else {
		out.CacheControl = "no-store"
	}
	var b bytes.Buffer
	if err := huma.DefaultJSONFormat.Marshal(&b, v); err != nil { // as all other answers
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	out.Body = b.Bytes()
	return out, nil
}

// sentEvents are those of a request.
type sentEvents struct {
	events    []schedule.Event
	anonymous []bool // that came without an id and got one
	isArray   bool
	location  func(int) string // where in the request an event is
}

// readEvents reads the events of a body: JSON or CSV, one or many. Those
// without an id get one, those without an end the length of their asset.
func (h *handler) readEvents(ctx context.Context, channelID, contentType string, raw []byte) (sent sentEvents, err error) {
	var inputs []eventInput
	var faults []error
	if isCSV(contentType) {
		var lines []string
		inputs, lines, faults, err = readCSV(raw)
		sent.isArray, sent.location = true, func(i int) string { return lines[i] }
	} else {
		inputs, sent.isArray, faults, err = decodeObjects[eventInput](h, raw)
		sent.location = func(i int) string {
			if sent.isArray {
				return fmt.Sprintf("body[%d]", i)
			}
			return "body"
		}
	}
	if err != nil {
		return sent, err
	}
	if err := invalid(faults); err != nil {
		return sent, err
	}
	// Before anything is fetched for a channel that there is not.
	if _, err := h.Store.Channel(ctx, channelID); err != nil {
		return sent, h.fail(ctx, err, sent.location)
	}
	sent.events, sent.anonymous = make([]schedule.Event, len(inputs)), make([]bool, len(inputs))
	for i, input := range inputs {
		e, found := h.readEvent(ctx, input, channelID, newID(), sent.location(i))
		sent.events[i], faults = e, append(faults, found...)
		sent.anonymous[i] = input.ID == nil
	}
	return sent, invalid(faults)
}
