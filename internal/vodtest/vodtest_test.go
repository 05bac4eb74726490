package vodtest

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"testing/iotest"
	"time"
)

// TestRoundTrip: both ways to read a playlist give the same.
func TestRoundTrip(t *testing.T) {
	origin := New(time.Minute)
	for file, want := range origin.Files("some-film") {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://vod.example/some-film/"+file, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, through := range map[string]func(io.Reader) io.Reader{
			"at once": func(r io.Reader) io.Reader { return r }, "by halves": iotest.HalfReader, "by bytes": iotest.OneByteReader,
		} {
			answer, err := origin.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(through(answer.Body))
			if err != nil || !bytes.Equal(got, want) || bytes.Contains(got, []byte(nameMark)) {
				t.Errorf("%s, %s: %d bytes, want %d (%v)", file, name, len(got), len(want), err)
			}
			_ = answer.Body.Close()
		}
	}
}
