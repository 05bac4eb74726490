package schedulehttp

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"consuo/internal/pages"
	"consuo/internal/service"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	swaggerFiles "github.com/swaggo/files/v2"
	httpSwagger "github.com/swaggo/http-swagger/v2"
)

func apiConfig() huma.Config {
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "Consuo for Go: schedule",
				Version: "1",
				License: &huma.License{Name: "Apache-2.0", URL: "https://www.apache.org/licenses/LICENSE-2.0"},
				Description: "Virtual channels and what each of them plays when. All times are UTC. " +
					"Every answer carries the store's clock in nanoseconds since 1970 in the header Store-Time. " +
					"Errors are problems as of RFC 9457; their detail says what to change.",
			},
			Servers: []*huma.Server{{URL: "/"}},
			Tags: []*huma.Tag{
				{Name: "channels", Description: "Linear services made of VOD assets."},
				{Name: "schedule", Description: "Events: planned airings of assets. Events of a channel don't overlap."},
				{Name: "guide", Description: "For players and programme guides."},
				{Name: "playout", Description: "What really airs, for engines and as a record."},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "One of the keys in API_KEY of the service."},
					"apiKey": {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "One of the keys in API_KEY of the service."},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format}, // the latter is for types that end in +json
		DefaultFormat: "application/json",
		Transformers: []huma.Transformer{func(ctx huma.Context, _ string, v any) (any, error) {
			p, ok := v.(*huma.ErrorModel)
			if refusal, playout := v.(*playoutProblem); playout {
				p, ok = &refusal.ErrorModel, true
			}
			if ok {
				p.Instance = "urn:request:" + service.RequestID(ctx.Context())
				ctx.SetHeader("Cache-Control", "no-store")
			}
			return v, nil
		}},
	}
}

// schemaName is how a type is called in the document.
func schemaName(t reflect.Type, hint string) string {
	return strings.TrimPrefix(huma.DefaultSchemaNamer(t, hint), "Wire")
}

// read begins a row in the table of routes that changes nothing; errors are
// those besides what all of them can answer.
func read(id, path, summary string, errors ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: tags(path),
		Errors:   append(errors, 404, 422, 503),
		Security: []map[string][]string{{}}, // none
	}
}

// write begins a row that changes something; errors are those besides what all of them can answer.
func write(id, method, path, summary string, errors ...int) huma.Operation {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: tags(path),
		// The empty requirement: a service without API_KEY asks for none.
		Security: []map[string][]string{{"bearer": {}}, {"apiKey": {}}, {}},
		Errors:   append(errors, 401, 403, 422, 429, 503),
	}
	switch method {
	case http.MethodDelete:
		op.DefaultStatus = http.StatusNoContent
		return op
	case http.MethodPost:
		op.DefaultStatus = http.StatusCreated
	default:
		op.DefaultStatus = http.StatusOK
	}
	op.Errors = append(op.Errors, 400, 408, 413, 415)
	op.SkipValidateBody = true // body[T] does it
	op.BodyReadTimeout = 30 * time.Second
	op.MaxBodyBytes = maxBody
	return op
}

// large lets a row take an array.
func large(op huma.Operation) huma.Operation {
	op.MaxBodyBytes = maxArrayBody
	return op
}

// answering sets the status of success.
func answering(op huma.Operation, status int) huma.Operation {
	op.DefaultStatus = status
	return op
}

// blob lets a row take bytes of any kind, and answer with nothing.
func blob(op huma.Operation) huma.Operation {
	op.MaxBodyBytes = maxFrozen
	return answering(op, http.StatusNoContent)
}

func tags(path string) []string {
	switch {
	case path == headsPath, strings.HasPrefix(path, "/channels/{channelId}/playout"), strings.HasSuffix(path, "/asrun"):
		return []string{"playout"}
	case strings.HasPrefix(path, "/channels/{channelId}/schedule"), path == inspectPath:
		return []string{"schedule"}
	case strings.HasSuffix(path, "epg.xml"), strings.HasSuffix(path, ".m3u"), strings.HasSuffix(path, "/now"):
		return []string{"guide"}
	}
	return []string{"channels"}
}

// finishDocument adds what huma can't know from the types.
func (h *handler) finishDocument() {
	doc := h.api.OpenAPI()
	for path, item := range doc.Paths {
		if get := item.Get; get != nil {
			if _, cached := get.Responses["200"].Headers["ETag"]; cached {
				get.Responses["304"] = &huma.Response{Description: "Not Modified"}
			}
		}
		if put := item.Put; put != nil && strings.HasSuffix(path, "}") && put.Responses["200"] != nil {
			created := *put.Responses["200"]
			created.Description = "Created"
			put.Responses["201"] = &created
		}
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete} {
			if op == nil {
				continue
			}
			for status, response := range op.Responses {
				for mediaType, media := range response.Content {
					if example, failure := problemExamples[status]; failure {
						with := *media
						code, _ := strconv.Atoi(status) // the keys are numbers
						with.Example = map[string]any{"title": http.StatusText(code), "status": code, "detail": example, "instance": "urn:request:q3x7-1k"}
						response.Content[mediaType] = &with
					}
				}
				if response.Headers == nil {
					response.Headers = map[string]*huma.Param{}
				}
				response.Headers["Store-Time"] = &huma.Param{
					Description: "The store's clock, nanoseconds since 1970.",
					Schema:      &huma.Schema{Type: huma.TypeString, Pattern: "^[0-9]+$"},
				}
			}
		}
	}
}

// documentLists describes the bodies that have several forms.
func (h *handler) documentLists() {
	doc := h.api.OpenAPI()
	schemaOf := func(t reflect.Type) *huma.Schema { return doc.Components.Schemas.Schema(t, true, "") }
	one, text := schemaOf(reflect.TypeFor[event]()), &huma.Schema{Type: huma.TypeString}
	list := &huma.Schema{Type: huma.TypeArray, Items: one}
	header := strings.Join(csvColumns, ",")
	csvMedia := &huma.MediaType{Schema: text, Example: header + "\r\nnews-1200,2026-11-22T12:00:00.000Z,2026-11-22T12:30:00.000Z,News,https://vod.example/news/index.m3u8,,,News|Live,,,en\r\n"}
	sent := eventInputs{}.Schema(doc.Components.Schemas)

	item := doc.Paths["/channels/{channelId}/schedule"]
	item.Get.Responses["200"].Content = map[string]*huma.MediaType{"application/json": {Schema: list}, "text/csv": csvMedia}
	item.Post.Responses["201"].Content = map[string]*huma.MediaType{"application/json": {
		Schema: &huma.Schema{OneOf: []*huma.Schema{one, list}, Description: "An array if an array or CSV was sent."},
	}}
	item.Put.Responses["200"].Content = map[string]*huma.MediaType{"application/json": {
		Schema: &huma.Schema{OneOf: []*huma.Schema{list, schemaOf(reflect.TypeFor[replaceReport]())}, Description: "The range as GET gives it now; of a dry run, what would change."},
	}}
	for _, op := range []*huma.Operation{item.Post, item.Put} {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: sent}, "text/csv": csvMedia}}
	}
}

// problemExamples are details of errors, by status.
var problemExamples = map[string]string{
	"400": "body is not JSON: unexpected end of JSON input, at byte 7",
	"401": "Writing needs one of the keys in API_KEY of the schedule service: send it as \"Authorization: Bearer <key>\" or \"X-API-Key: <key>\".",
	"403": "A page of another origin may not write here. Add its origin to CORS_WHITELIST of the schedule service.",
	"404": "There is no channel \"one\".",
	"408": "The body did not arrive in time.",
	"409": "body overlaps with event news-1200 \"News\" from 2026-11-22T12:00:00Z to 2026-11-22T12:30:00Z: move or delete one of them",
	"412": "Somebody has changed channel one since you have read it. Read it again, and repeat your change with If-Match: \"1795348800000001-6b86b273ff34fce1\".",
	"413": "One event may have 1048576 bytes, an array 8388608.",
	"415": "Send JSON in UTF-8, not compressed, with the header \"Content-Type: application/json\".",
	"422": "body.start is missing: send start (ISO 8601) or start_time (milliseconds)",
	"429": "Too many requests with a wrong key came from this address. Correct the key, and try again in 6 seconds.",
	"500": "The store can't do this now. The log has the reason under the request's id.",
	"503": "The request was cancelled or took too long.",
}

// Examples of what is sent.
var (
	channelExample = map[string]any{"id": "one", "name": "Channel One", "config": map[string]any{"filler": "https://vod.example/filler/index.m3u8"}}
	eventExample   = map[string]any{"id": "news-1200", "title": "News", "uri": "https://vod.example/news/index.m3u8", "start": "2026-11-22T12:00:00Z", "duration": 1800}
)

// documentBodies adds examples of whole bodies.
func (h *handler) documentBodies() {
	for _, item := range h.api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Put, item.Post} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			media := op.RequestBody.Content["application/json"]
			switch op.OperationID {
			case "create-channel", "put-channel":
				media.Example = channelExample
			case "put-event", "create-events":
				media.Example = eventExample
			case "replace-events":
				media.Example = []any{eventExample}
			case "inspect-asset":
				media.Example = map[string]any{"uri": "https://vod.example/news/index.m3u8", "channelId": "one"}
			}
		}
	}
}

// document is the OpenAPI document as it is served and committed.
func (h *handler) document() ([]byte, error) {
	raw, err := json.Marshal(h.api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// dist is what web/ builds; without Node.js it is empty.
//
//go:embed all:page/dist
var dist embed.FS

// guide is the full page.
var guide = func() *pages.Site {
	built, err := fs.Sub(dist, "page/dist")
	if err != nil {
		panic(err)
	}
	return pages.Must(pages.Load(built, pages.Policy{Connect: "'self'"}))
}()

//go:embed page/plain.html
var plain []byte

// mountDocs adds the pages for people. All they need is in the binary.
func (h *handler) mountDocs(router chi.Router) error {
	document, err := h.document()
	if err != nil {
		return err
	}
	older, err := h.olderDocument()
	if err != nil {
		return err
	}
	const csp = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	plainPage := static("text/html; charset=utf-8", csp, plain)
	router.Get("/plain", plainPage)
	router.Get("/", plainPage)
	if guide.Built() {
		router.Get("/", guide.Index)
	}
	router.Get("/assets/*", func(w http.ResponseWriter, r *http.Request) {
		if !guide.Asset(w, r, chi.URLParam(r, "*")) {
			notFound(w, r)
		}
	})
	router.Get("/api/docs/openapi.json", static("application/json", "", document))
	router.Get("/api/docs/openapi-3.0.json", static("application/json", "", older))
	router.Get("/api/docs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "docs/") // relative: a proxy may have put a path before ours
		w.WriteHeader(http.StatusPermanentRedirect)
	})
	ui := httpSwagger.Handler(httpSwagger.URL("openapi.json"))
	router.Get("/api/docs/*", func(w http.ResponseWriter, r *http.Request) {
		file := chi.URLParam(r, "*")
		if file == "" {
			file = "index.html"
		}
		if info, err := fs.Stat(swaggerFiles.FS, file); err != nil || info.IsDir() {
			notFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("Content-Security-Policy",
			"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
		ui(w, &http.Request{ // it looks at nothing else, and knows no HEAD
			Method:     http.MethodGet,
			URL:        &url.URL{Path: "/" + file},
			RequestURI: "/api/docs/" + url.PathEscape(file),
			Header:     http.Header{},
		})
	})
	return nil
}

func static(contentType, csp string, content []byte) http.HandlerFunc {
	length := strconv.Itoa(len(content))
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Content-Length", length)
		h.Set("Cache-Control", "no-cache")
		if csp != "" {
			h.Set("Content-Security-Policy", csp)
		}
		_, _ = w.Write(content) // the peer is gone, there is nobody to tell
	}
}
