// Package schedulehttp is the REST interface of the schedule service: channels,
// events, and the OpenAPI document that describes them.
//
// [New] has the table of all routes. Every answer carries the store's clock in
// the header Store-Time, errors are RFC 9457 problems.
package schedulehttp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consuo/internal/schedule"
	"consuo/internal/service"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// DurationProber returns how long the asset is whose playlist lies at uri. Its
// errors are shown to whoever sent the event.
type DurationProber func(ctx context.Context, uri string) (time.Duration, error)

// Options are what [New] needs. Store, Playout and Logger are required.
type Options struct {
	Store schedule.Store
	// Playout has the logs of Store's channels. Pages may have less than all
	// that is asked for, if they say so.
	Playout PlayoutStore
	Logger  *slog.Logger
	// Origins may call from a browser: "https://host:port", "https://*.host", or
	// "*". Without any, all origins may read and only the same may write.
	Origins []string
	// APIKeys: every write needs one of them. Without any, everybody may write.
	APIKeys []string
	// Duration finds the end of events that are sent without one; nil refuses these.
	Duration DurationProber
	// Inspect looks at assets for people who plan; nil refuses that.
	Inspect Inspector
	// EngineURL is where viewers reach the engine, for links to channels; "" is
	// port 8000 of the host by which this service is reached.
	EngineURL string
	// EnginePageURL is where people who plan reach the engine's page, which a
	// cache for viewers does not pass; "" is as EngineURL, and with
	// [NoEnginePage] the guide has no links to it.
	EnginePageURL string
	// AsRun tells what has aired; without it guides have the planned times.
	AsRun AsRun
	// Reports has what the auto-scheduler reports; nil if none runs.
	Reports Reports
}

// NoEnginePage is the [Options.EnginePageURL] of a service whose users can't
// reach the engine's page.
const NoEnginePage = "none"

// Sizes of request bodies in bytes; more is answered with 413.
const (
	maxBody      = 1 << 20
	maxArrayBody = 8 << 20
	maxFrozen    = 8 << 20
)

// handler serves the operations. It is immutable, but for a cache.
type handler struct {
	Options
	api         huma.API
	segments    segmentCache
	inspections *inspections
}

// New returns the service's routes.
func New(o Options) (http.Handler, error) {
	router, _, err := build(o)
	return router, err
}

// Document is the OpenAPI 3.1 document of the service, indented JSON.
func Document() ([]byte, error) {
	_, h, err := build(Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return h.document()
}

// build makes the whole service; the first routes match first.
func build(o Options) (*chi.Mux, *handler, error) {
	guards, err := guards(o)
	if err != nil {
		return nil, nil, err
	}
	router := chi.NewRouter()
	router.Use(service.Route, storeTime, bounded)
	router.Use(guards...)
	inspections := newInspections(o.Inspect)
	router.Use(inspections.limited, varies, middleware.GetHead)
	router.NotFound(notFound)
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		allowed := strings.Join(allowedMethods(router, r), ", ")
		w.Header().Set("Allow", allowed)
		service.WriteProblem(w, r, http.StatusMethodNotAllowed, "This path has the methods "+allowed+".")
	})

	h := &handler{Options: o, api: humachi.New(router, apiConfig()), inspections: inspections}

	huma.Register(h.api, read("list-channels", "/channels", "All channels"), h.listChannels)
	huma.Register(h.api, write("create-channel", http.MethodPost, "/channels", "Make a channel", 409), h.createChannel)
	huma.Register(h.api, read("get-channel", "/channels/{channelId}", "One channel"), h.getChannel)
	huma.Register(h.api, write("put-channel", http.MethodPut, "/channels/{channelId}", "Change or make a channel", 412), h.putChannel)
	huma.Register(h.api, write("delete-channel", http.MethodDelete, "/channels/{channelId}", "Delete a channel and all that belongs to it", 404, 412), h.deleteChannel)

	huma.Register(h.api, read("list-events", "/channels/{channelId}/schedule", "Events that overlap a range or a day, in order"), h.listEvents)
	huma.Register(h.api, large(write("create-events", http.MethodPost, "/channels/{channelId}/schedule", "Plan one event, or an array of events: all or none", 404, 409)), h.createEvents)
	huma.Register(h.api, large(write("replace-events", http.MethodPut, "/channels/{channelId}/schedule", "Make a day or range be what the body says: all or nothing", 404, 409, 412)), h.replaceEvents)
	huma.Register(h.api, read("get-event", "/channels/{channelId}/schedule/{eventId}", "One event"), h.getEvent)
	huma.Register(h.api, write("put-event", http.MethodPut, "/channels/{channelId}/schedule/{eventId}", "Change or plan an event", 404, 409, 412), h.putEvent)
	huma.Register(h.api, write("delete-event", http.MethodDelete, "/channels/{channelId}/schedule/{eventId}", "Delete an event", 404, 412), h.deleteEvent)

	huma.Register(h.api, read("now-next", "/channels/{channelId}/now", "What is on air now and next"), h.now)
	huma.Register(h.api, read("channels-m3u", "/channels.m3u", "All channels as a playlist for Kodi, Jellyfin and other players"), h.channelsM3U)
	huma.Register(h.api, read("epg", "/epg.xml", "Programme guide of all channels, XMLTV; from yesterday to two weeks ahead without a range"), h.guide)
	huma.Register(h.api, read("channel-epg", "/channels/{channelId}/epg.xml", "Programme guide of a channel, XMLTV"), h.channelGuide)

	huma.Register(h.api, read("read-playout", "/channels/{channelId}/playout", "The playout log: what really airs"), h.readPlayout)
	huma.Register(h.api, large(write("append-playout", http.MethodPost, "/channels/{channelId}/playout", "Append to the playout log if nobody else has", 404, 409)), h.appendPlayout)
	huma.Register(h.api, read("get-frozen-asset", "/channels/{channelId}/playout/assets/{digest}", "What an asset consisted of when it was planned", 409), h.frozen)
	huma.Register(h.api, blob(write("put-frozen-asset", http.MethodPut, "/channels/{channelId}/playout/assets/{digest}", "Keep what an asset consists of beside the log", 404, 409)), h.freeze)

	huma.Register(h.api, read("list-playout", headsPath, "How the playout logs end of all channels that somebody watches"), h.listHeads)
	huma.Register(h.api, answering(large(write("watch-playout", http.MethodPost, headsPath, "Say that somebody watches channels")), http.StatusNoContent), h.watch)

	huma.Register(h.api, read("get-autoschedule", "/channels/{channelId}/autoschedule", "What the auto-scheduler does for a channel, and which entries it can't use"), h.autoschedule)

	huma.Register(h.api, read("as-run", "/channels/{channelId}/asrun", "What was on air, from the playout log"), h.asRun)

	huma.Register(h.api, answering(write("inspect-asset", http.MethodPost, inspectPath, "What an asset is, and whether a channel could play it", 404), http.StatusOK), h.inspectAsset)

	h.documentText()
	h.documentPlayout()
	h.documentAsRun()
	h.finishDocument()
	h.documentLists()
	h.documentBodies()
	if err := h.mountDocs(router); err != nil {
		return nil, nil, err
	}
	return router, h, nil
}

func notFound(w http.ResponseWriter, r *http.Request) {
	service.WriteProblem(w, r, http.StatusNotFound, "There is nothing at this path. /api/docs/ describes what there is.")
}

// storeTime sends the store's clock, in nanoseconds since 1970. It is read
// before the answer is made, so that an answer never knows less than all that
// was stored before its Store-Time.
func storeTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Store-Time", strconv.FormatInt(time.Now().UnixNano(), 10))
		next.ServeHTTP(w, r)
	})
}

// requestTime is how long a request may keep the store.
const requestTime = 30 * time.Second

// bounded ends what takes longer than any caller waits, for instance for a disk
// that hangs.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func allowedMethods(router *chi.Mux, r *http.Request) (allowed []string) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if router.Match(chi.NewRouteContext(), method, r.URL.Path) {
			allowed = append(allowed, method)
			if method == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	return allowed
}

// fail turns an error of the store into an answer. Location says where in the
// body an event is; only edits of events need it.
func (h *handler) fail(ctx context.Context, err error, location func(index int) string) error {
	if e, ok := errors.AsType[*schedule.NotFoundError](err); ok {
		return huma.Error404NotFound("There is no " + e.Kind + " " + strconv.Quote(e.ID) + ".")
	}
	if e, ok := errors.AsType[*schedule.ExistsError](err); ok {
		return huma.Error409Conflict("There is already a channel "+strconv.Quote(e.ID)+": change it with PUT /channels/"+e.ID+", or choose another id.",
			&huma.ErrorDetail{Location: "body.id", Message: "is taken", Value: e.ID})
	}
	if e, ok := errors.AsType[*schedule.ConflictError](err); ok {
		details := make([]error, 0, len(e.Conflicts))
		for _, c := range e.Conflicts {
			details = append(details, &huma.ErrorDetail{Location: location(c.Index), Message: c.String(), Value: eventOf(c.Other)})
		}
		return huma.Error409Conflict("", details...)
	}
	if e, ok := errors.AsType[*changedError](err); ok {
		return fail412(e.Error(), e.etag)
	}
	if e, ok := errors.AsType[*existsError](err); ok {
		return fail412(e.Error(), "")
	}
	if ctx.Err() != nil {
		return huma.Error503ServiceUnavailable("The request was cancelled or took too long.")
	}
	h.Logger.Error("store fails", "err", err, "request_id", service.RequestID(ctx))
	return huma.Error500InternalServerError("The store can't do this now. The log has the reason under the request's id.")
}
