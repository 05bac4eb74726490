package schedulehttp

import (
	"encoding/json"
	"fmt"
)

// olderDocument is the document as of OpenAPI 3.0, which generators of clients
// still ask for. huma converts most of it; the rest is done here.
func (h *handler) olderDocument() ([]byte, error) {
	raw, err := h.api.OpenAPI().Downgrade()
	var tree any
	if err == nil {
		err = json.Unmarshal(raw, &tree)
	}
	if err == nil {
		raw, err = json.MarshalIndent(as30(tree), "", "  ")
	}
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI 3.0 document: %w", err)
	}
	return append(raw, '\n'), nil
}

// as30 turns what only 3.1 has into what 3.0 has: there, nothing may stand
// beside a $ref, and bytes are a format.
func as30(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = as30(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = as30(v[key])
		}
		if _, bytes := v["contentMediaType"].(string); bytes && v["type"] == "string" {
			delete(v, "contentMediaType")
			v["format"] = "binary"
		}
		if ref, isRef := v["$ref"].(string); isRef && len(v) > 1 {
			delete(v, "$ref")
			v["allOf"] = []any{map[string]any{"$ref": ref}}
		}
	}
	return v
}
