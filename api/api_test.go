package api_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"consuo/api"
	"consuo/internal/schedulehttp"
)

var update = flag.Bool("update", false, "write the document")

func TestDocument(t *testing.T) {
	got, err := schedulehttp.Document()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, api.OpenAPI) {
		t.Error("openapi.json is not what the code makes: run go generate ./api")
	}
}
