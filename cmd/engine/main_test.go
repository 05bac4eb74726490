package main

import (
	"io"
	"testing"

	"consuo/internal/service"
)

// Schedule and engine may share a setting that has a key's successor too.
func TestFirstKeyIsSent(t *testing.T) {
	for value, want := range map[string]string{"": "", "old": "old", "old, new": "old", ",new,": "new"} {
		t.Setenv("API_KEY", value)
		cfg := Config{Environment: service.Environment{Port: "8000"}}
		if _, err := service.Load(&cfg, "engine", nil, io.Discard); err != nil {
			t.Fatal(err)
		}
		if got := cfg.apiKey(); got != want {
			t.Errorf("API_KEY=%q: %q is sent, want %q", value, got, want)
		}
	}
}
