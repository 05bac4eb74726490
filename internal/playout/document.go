package playout

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"
)

// Document is a playlist as it is served: made once per change and shared by
// every request until the next. It is immutable.
type Document struct {
	Body []byte
	// ETag is strong, with its quotes, as a header map holds it: one value, not
	// to be written to. GzipETag is that of Gzip().
	ETag, GzipETag []string
	// Changes is the instant, on the clock of the process, at which the next
	// document is due; zero for a document that doesn't change.
	Changes time.Time
	// TargetDuration of the playlist; zero for a multivariant playlist.
	TargetDuration time.Duration
	// Settled is false for the multivariant playlist of a channel whose
	// tracks are not decided yet: it may not be kept.
	Settled bool

	zip  sync.Once
	gzip []byte // set by zip
}

// NewDocument makes a document of a playlist's bytes, which it keeps.
func NewDocument(body []byte) *Document {
	sum := sha256.Sum256(body)
	tag := hex.EncodeToString(sum[:12])
	return &Document{Body: body, ETag: []string{`"` + tag + `"`}, GzipETag: []string{`"` + tag + `-gzip"`}, Settled: true}
}

// compressors are used again, as to make one costs several times what it takes
// to compress a playlist.
var compressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is one
	return w
}}

// Gzip returns the body compressed; it is done once, when first asked for.
func (d *Document) Gzip() []byte {
	d.zip.Do(func() {
		var b bytes.Buffer
		w := compressors.Get().(*gzip.Writer)
		defer compressors.Put(w)
		w.Reset(&b)
		_, _ = w.Write(d.Body) // a Buffer takes all
		_ = w.Close()
		d.gzip = b.Bytes()
	})
	return d.gzip
}

// Errors of looking for a playlist.
var (
	ErrUnknownChannel = errors.New("no such channel")
	ErrUnknownTrack   = errors.New("no such track")
	// ErrNotReady: nothing at all can be rendered yet.
	ErrNotReady = errors.New("the channel has no playlist yet")
)
