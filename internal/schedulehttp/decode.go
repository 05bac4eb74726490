package schedulehttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"consuo/internal/schedule"

	"github.com/danielgtaylor/huma/v2"
)

// body is a request body that the document describes as a T. huma only reads
// it; the functions below decode it more strictly than encoding/json does.
type body[T any] struct{ raw []byte }

// Schema implements huma.SchemaProvider.
func (body[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

func (b *body[T]) setRaw(data []byte) { b.raw = bytes.Clone(data) }

// unmarshal is the Unmarshal of the API's only format. All request bodies are a body[T].
func unmarshal(data []byte, v any) error {
	b, ok := v.(interface{ setRaw([]byte) })
	if !ok {
		return fmt.Errorf("decode a %T: operations must take a body[T] and set SkipValidateBody", v)
	}
	b.setRaw(data)
	return nil
}

// decodeObject decodes a body that is one T.
func decodeObject[T any](h *handler, raw []byte) (v T, err error) {
	tree, err := parse(raw)
	if err != nil {
		return v, err
	}
	v, faults := convert[T](h, raw, tree, "body")
	return v, invalid(faults)
}

// decodeObjects decodes a body that is one T or an array of them; isArray says
// which. The faults are those of all elements.
func decodeObjects[T any](h *handler, raw []byte) (values []T, isArray bool, faults []error, err error) {
	tree, err := parse(raw)
	if err != nil {
		return nil, false, nil, err
	}
	items, isArray := tree.([]any)
	if !isArray {
		if len(raw) > maxBody {
			return nil, false, nil, huma.NewError(http.StatusRequestEntityTooLarge, fmt.Sprintf("One event may have %d bytes, an array %d.", maxBody, maxArrayBody))
		}
		v, faults := convert[T](h, raw, tree, "body")
		return []T{v}, false, faults, nil
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(raw, &raws); err != nil {
		return nil, true, nil, malformed("body", err.Error())
	}
	for i, item := range items {
		v, found := convert[T](h, raws[i], item, fmt.Sprintf("body[%d]", i))
		values, faults = append(values, v), append(faults, found...)
	}
	return values, true, faults, nil
}

// convert checks tree, which is raw parsed, with the schema of T and turns it into a T.
func convert[T any](h *handler, raw []byte, tree any, location string) (v T, faults []error) {
	registry := h.api.OpenAPI().Components.Schemas
	schema := registry.Schema(reflect.TypeFor[T](), true, "")
	path := huma.NewPathBuffer(nil, 0)
	path.Push(location)
	var result huma.ValidateResult
	huma.Validate(registry, schema, path, huma.ModeWriteToServer, tree, &result)
	if len(result.Errors) > 0 {
		return v, result.Errors
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return v, []error{&huma.ErrorDetail{Location: location + "." + e.Field, Message: "must be a " + e.Type.String() + ", not " + e.Value}}
		}
		return v, []error{&huma.ErrorDetail{Location: location, Message: err.Error()}}
	}
	return v, nil
}

// parse reads JSON as encoding/json does, and refuses what that overlooks:
// text that is not UTF-8, data behind the value, and a key that occurs twice
// in an object, of which others than us might read the other value.
func parse(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, malformed("body", "is not UTF-8")
	}
	if err := json.Unmarshal(raw, new(json.RawMessage)); err != nil {
		reason := err.Error()
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			reason = fmt.Sprintf("%s, at byte %d", reason, e.Offset)
		}
		return nil, malformed("body", "is not JSON: "+reason)
	}
	return parseValue(json.NewDecoder(bytes.NewReader(raw)), "body", 0)
}

// maxDepth of nested values; ours have three.
const maxDepth = 50

// parseValue reads one value of a text that is known to be valid.
func parseValue(d *json.Decoder, location string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, malformed(location, fmt.Sprintf("is nested deeper than %d", maxDepth))
	}
	token, err := d.Token()
	if err != nil {
		return nil, malformed(location, err.Error()) // for instance the number 1e999
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := parseValue(d, fmt.Sprintf("%s[%d]", location, len(list)), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		object := map[string]any{}
		for d.More() {
			token, err := d.Token()
			if err != nil {
				return nil, malformed(location, err.Error())
			}
			key := token.(string) // the decoder gives nothing else here
			if _, again := object[key]; again {
				return nil, malformed(location+"."+key, "occurs twice")
			}
			if object[key], err = parseValue(d, location+"."+key, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return object, err
	}
	return token, nil
}

func malformed(location, reason string) error {
	return huma.Error400BadRequest(location+" "+reason, &huma.ErrorDetail{Location: location, Message: reason})
}

// invalid is the answer to faults, nil if there are none.
func invalid(faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	return huma.Error422UnprocessableEntity("", faults...)
}

// faultsAt are faults of the domain, with the place in the request.
func faultsAt(location string, faults []schedule.Fault) []error {
	errs := make([]error, 0, len(faults))
	for _, f := range faults {
		errs = append(errs, &huma.ErrorDetail{Location: location + "." + f.Field, Message: f.Message})
	}
	return errs
}

const maxDetails = 50

// newProblem makes every error of this service. Without a message, detail is
// made of the faults. Echoed values are dropped when they are not short.
func newProblem(status int, message string, faults ...error) huma.StatusError {
	if status == http.StatusInternalServerError && message == "cannot read request body" {
		status = http.StatusBadRequest // huma takes a caller that breaks off for a fault of ours
	}
	p := &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: message}
	var lines []string
	for _, fault := range faults {
		if fault == nil {
			continue
		}
		d := &huma.ErrorDetail{Message: fault.Error()}
		if e, ok := fault.(huma.ErrorDetailer); ok {
			d = e.ErrorDetail()
			switch v := d.Value.(type) {
			case string:
				if len(v) > 200 {
					d.Value = nil
				}
			case map[string]any, []any:
				d.Value = nil
			}
		}
		if len(p.Errors) < maxDetails {
			p.Errors = append(p.Errors, d)
		}
		lines = append(lines, strings.TrimSpace(d.Location+" "+d.Message))
	}
	if message == "" || message == "validation failed" { // the latter is huma's own
		const few = 3
		p.Detail = strings.Join(lines[:min(len(lines), few)], "; ")
		if len(lines) > few {
			p.Detail += fmt.Sprintf("; and %d more", len(lines)-few)
		}
	}
	return p
}

func init() {
	// huma has these as globals only. Nothing else in the module uses huma.
	huma.NewError = newProblem
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true
}
