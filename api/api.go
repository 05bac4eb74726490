// Package api holds the OpenAPI document of the schedule service. It is
// generated from the code, committed so that a change shows in a review, and
// served by the service at /api/docs/openapi.json.
package api

import _ "embed"

//go:generate go test . -run TestDocument -update

// OpenAPI is the document, version 3.1, JSON.
//
//go:embed openapi.json
var OpenAPI []byte
