package schedulehttp

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"consuo/internal/playlog"
	"consuo/internal/schedule"

	"github.com/danielgtaylor/huma/v2"
)

// PlayoutStore keeps playout logs.
type PlayoutStore interface {
	playlog.Log
	// Cuts returns the cuts that are needed to tell what was on air within a
	// slot, in order, limit at most. What ends the last may follow the slot.
	Cuts(ctx context.Context, channel string, within schedule.Slot, limit int) ([]playlog.Cut, error)
}

// playoutPage is an answer of the playout log.
type playoutPage playlog.Page

// MarshalJSON implements json.Marshaler.
func (p playoutPage) MarshalJSON() ([]byte, error) { return playlog.Page(p).MarshalJSON() }

// Schema implements huma.SchemaProvider.
func (playoutPage) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(playlog.WirePage, true, "")
}

// cutInput is a cut as it is sent.
type cutInput playlog.Cut

// UnmarshalJSON implements json.Unmarshaler.
func (c *cutInput) UnmarshalJSON(data []byte) error { return (*playlog.Cut)(c).UnmarshalJSON(data) }

// Schema implements huma.SchemaProvider.
func (cutInput) Schema(r huma.Registry) *huma.Schema { return r.Schema(playlog.WireCut, true, "") }

type appendInput struct {
	ID   string     `json:"id" example:"6NUQXW4AFTGF2LHCGHZ3EAMDZI" doc:"Of the log, as the sender has read it."`
	Cuts []cutInput `json:"cuts" doc:"One or an atomic batch; none says only that somebody watches the channel."`
}

// playoutProblem is a refusal of the log.
type playoutProblem struct {
	huma.ErrorModel
	Code string       `json:"code,omitempty" enum:"conflict,other_history,too_late,other_log,implausible,not_frozen" doc:"Why, for programs."`
	Page *playoutPage `json:"page,omitempty" doc:"The log from the first of the sent cuts on; its last cut where what was sent can't be read."`
}

type playoutOutput struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Body         playoutPage
}

func playoutAnswer(status int, page playlog.Page) *playoutOutput {
	return &playoutOutput{Status: status, CacheControl: "no-store", Body: playoutPage(page)}
}

// refusals are the errors of a log that are answers.
var refusals = []struct {
	err    error
	status int
	code   string
}{
	{playlog.ErrConflict, http.StatusConflict, "conflict"},
	{playlog.ErrOtherHistory, http.StatusConflict, "other_history"},
	{playlog.ErrTooLate, http.StatusConflict, "too_late"},
	{playlog.ErrOtherLog, http.StatusConflict, "other_log"},
	{playlog.ErrImplausible, http.StatusUnprocessableEntity, "implausible"},
	{playlog.ErrNotFrozen, http.StatusNotFound, "not_frozen"},
}

// failPlayout turns an error of the log into an answer. A page without an id
// is not sent.
func (h *handler) failPlayout(ctx context.Context, err error, page playlog.Page) error {
	for _, r := range refusals {
		if !errors.Is(err, r.err) {
			continue
		}
		p := &playoutProblem{
			ErrorModel: huma.ErrorModel{Status: r.status, Title: http.StatusText(r.status), Detail: err.Error()},
			Code:       r.code,
		}
		if page.ID != "" {
			p.Page = (*playoutPage)(&page)
		}
		return p
	}
	return h.fail(ctx, err, nil)
}

func (h *handler) readPlayout(ctx context.Context, in *struct {
	ChannelPath
	After int64 `query:"after" example:"-100" doc:"Cuts with higher numbers; below zero: that many of the latest. A page has at most 1,000; more says that it is full."`
}) (*playoutOutput, error) {
	page, err := h.Playout.Read(ctx, in.ChannelID, in.After)
	if err != nil {
		return nil, h.failPlayout(ctx, err, page)
	}
	return playoutAnswer(http.StatusOK, page), nil
}

func (h *handler) appendPlayout(ctx context.Context, in *struct {
	ChannelPath
	Body body[appendInput]
}) (*playoutOutput, error) {
	input, err := decodeObject[appendInput](h, in.Body.raw)
	if problem, ok := errors.AsType[*huma.ErrorModel](err); ok && problem.Status == http.StatusUnprocessableEntity {
		page, err := h.Playout.Read(ctx, in.ChannelID, -1)
		if err != nil {
			return nil, h.failPlayout(ctx, err, page)
		}
		return nil, &playoutProblem{ErrorModel: *problem, Code: "implausible", Page: (*playoutPage)(&page)}
	}
	if err != nil {
		return nil, err
	}
	status, cuts := http.StatusOK, make([]playlog.Cut, len(input.Cuts))
	for i, c := range input.Cuts {
		status, cuts[i] = http.StatusCreated, playlog.Cut(c)
	}
	page, err := h.Playout.Append(ctx, in.ChannelID, input.ID, cuts)
	if err != nil {
		return nil, h.failPlayout(ctx, err, page)
	}
	return playoutAnswer(status, page), nil
}

// FrozenPath names a frozen asset.
type FrozenPath struct {
	ChannelPath
	Digest string `path:"digest" pattern:"^[A-Za-z0-9_-]{1,64}$" example:"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" doc:"Of the asset's playlists, as cuts name it."`
	LogID  string `query:"id" required:"true" maxLength:"64" example:"6NUQXW4AFTGF2LHCGHZ3EAMDZI" doc:"Of the log."`
}

func (h *handler) freeze(ctx context.Context, in *struct {
	FrozenPath
	RawBody []byte `contentType:"application/octet-stream"`
}) (*struct{}, error) {
	if err := h.Playout.Freeze(ctx, in.ChannelID, in.LogID, in.Digest, in.RawBody); err != nil {
		return nil, h.failPlayout(ctx, err, playlog.Page{})
	}
	return nil, nil
}

type frozenOutput struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

func (h *handler) frozen(ctx context.Context, in *struct{ FrozenPath }) (*frozenOutput, error) {
	data, err := h.Playout.Frozen(ctx, in.ChannelID, in.LogID, in.Digest)
	if err != nil {
		return nil, h.failPlayout(ctx, err, playlog.Page{})
	}
	return &frozenOutput{ContentType: "application/octet-stream", CacheControl: "no-store", Body: data}, nil
}

// documentPlayout adds what the types don't say.
func (h *handler) documentPlayout() {
	doc := h.api.OpenAPI()
	schemas := doc.Components.Schemas
	problem := &huma.MediaType{Schema: schemas.Schema(reflect.TypeFor[playoutProblem](), true, "")}
	log, assets := doc.Paths["/channels/{channelId}/playout"], doc.Paths["/channels/{channelId}/playout/assets/{digest}"]
	for _, item := range []*huma.PathItem{log, assets} {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put} {
			if op == nil {
				continue
			}
			for _, status := range []string{"404", "409", "422"} {
				if response := op.Responses[status]; response != nil {
					response.Content = map[string]*huma.MediaType{"application/problem+json": problem}
				}
			}
		}
	}
	heard := *log.Post.Responses["201"]
	heard.Description = "OK: no cuts were sent"
	log.Post.Responses["200"] = &heard
	assets.Put.RequestBody.Required = false // no bytes are bytes too
	binary := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	assets.Get.Responses["200"].Content = map[string]*huma.MediaType{"application/octet-stream": {Schema: binary}}
	describe := func(t reflect.Type, texts map[string]string) {
		for name, text := range texts {
			schemas.SchemaFromRef(schemas.Schema(t, true, "").Ref).Properties[name].Description = text
		}
	}
	describe(playlog.WirePage, map[string]string{
		"id":       "Random; another one than before means that the channel was made anew: begin anew as well.",
		"now":      "Nanoseconds since 1970, UTC. The log is complete for cuts that start before now + lead.",
		"lead":     "How long before its start a cut must be appended, nanoseconds.",
		"settings": "Those in force after the last cut of the log.",
		"watched":  "When an engine last said that somebody watches, before this; nanoseconds since 1970. Absent: never.",
		"floor":    "Of a log without a cut: the least numbers that it may begin with, as a channel with this id was deleted that had lower ones. Absent: none is remembered.",
		"cuts":     "In order.",
		"more":     "The log goes on after the last of these: ask again with its number.",
	})
	describe(playlog.WireCut, map[string]string{
		"number":                 "1 for the first of a log, then one more for each.",
		"previous":               "Digest of the cut before it: where the log ends with another one, the answer is 409 other_history. Absent: not checked.",
		"start":                  "Nanoseconds since 1970, UTC.",
		"kind":                   "event, filler or slate.",
		"reason":                 "scheduled, joined, gap, short, failed or changed.",
		"detail":                 "For people.",
		"rebase":                 "Starts numbers afresh; may start in the past.",
		"provisional":            "Aired while the store was away.",
		"airing":                 "The event that the cut airs or stands in for.",
		"asset":                  "What plays.",
		"loop":                   "The asset repeats, and there is no filler.",
		"filler":                 "What repeats after the asset's end.",
		"tracks":                 "Where each track is at the start.",
		"discontinuity_sequence": "Of the first segments.",
		"target_duration":        "Nanoseconds, whole seconds.",
		"settings":               "On the first cut of a log and on rebases.",
	})
}
