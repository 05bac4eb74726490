package load

import (
	"bytes"
	"compress/gzip"
	"errors"
	"hash/maphash"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// playlist is what a player has to know of one.
type playlist struct {
	// Of a media playlist.
	target   time.Duration // zero: it is a multivariant playlist
	sequence int64
	breaks   int64     // discontinuity sequence
	edge     time.Time // end of its last segment; zero: it has no dates
	ended    bool

	// Of a multivariant playlist.
	variants []variant
	audio    map[string]string // URI of a group's default rendition, by group
}

type variant struct{ uri, audio string }

var errNoPlaylist = errors.New("no playlist")

const maxPlaylist = 16 << 20 // bytes, not compressed

// parse reads what matters of a playlist.
func parse(text string) (*playlist, error) {
	if !strings.HasPrefix(text, "#EXTM3U") {
		return nil, errNoPlaylist
	}
	p := &playlist{audio: make(map[string]string)}
	var length time.Duration // of the segment whose URI comes next
	var stream *variant
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		tag, value, _ := strings.Cut(line, ":")
		switch tag {
		case "#EXT-X-TARGETDURATION":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return nil, errNoPlaylist
			}
			p.target = time.Duration(n) * time.Second
		case "#EXT-X-MEDIA-SEQUENCE":
			p.sequence, _ = strconv.ParseInt(value, 10, 64)
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			p.breaks, _ = strconv.ParseInt(value, 10, 64)
		case "#EXT-X-ENDLIST":
			p.ended = true
		case "#EXT-X-PROGRAM-DATE-TIME":
			p.edge, _ = time.Parse("2006-01-02T15:04:05.999999999Z07:00", value)
		case "#EXTINF":
			number, _, _ := strings.Cut(value, ",")
			seconds, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return nil, errNoPlaylist
			}
			length = time.Duration(seconds * float64(time.Second))
		case "#EXT-X-STREAM-INF":
			stream = &variant{audio: attribute(value, "AUDIO")}
		case "#EXT-X-MEDIA":
			group, uri := attribute(value, "GROUP-ID"), attribute(value, "URI")
			if attribute(value, "TYPE") == "AUDIO" && uri != "" && (p.audio[group] == "" || attribute(value, "DEFAULT") == "YES") {
				p.audio[group] = uri
			}
		default:
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if stream != nil {
				stream.uri = line
				p.variants, stream = append(p.variants, *stream), nil
			} else if !p.edge.IsZero() {
				p.edge = p.edge.Add(length)
			}
		}
	}
	if p.target == 0 && len(p.variants) == 0 {
		return nil, errNoPlaylist
	}
	return p, nil
}

// attribute returns the value of an attribute, without its quotes.
func attribute(list, name string) string {
	for list != "" {
		var key, value string
		key, list, _ = strings.Cut(list, "=")
		if quoted, ok := strings.CutPrefix(list, `"`); ok {
			value, list, _ = strings.Cut(quoted, `"`)
			list = strings.TrimPrefix(list, ",")
		} else {
			value, list, _ = strings.Cut(list, ",")
		}
		if strings.TrimSpace(key) == name {
			return value
		}
	}
	return ""
}

// parsed has the playlists that were read lately: a thousand players get the
// same bytes, and should not take a thousand times the processor from the
// server.
type parsed struct {
	seed maphash.Seed
	mu   sync.Mutex
	kept map[uint64]*playlist // by the hash of the bytes as sent; guarded by mu
}

const mostKept = 10_000

func newParsed() *parsed {
	return &parsed{seed: maphash.MakeSeed(), kept: make(map[uint64]*playlist)}
}

// unzipper is used again, as to make one costs more than a playlist.
type unzipper struct {
	gzip.Reader
	text bytes.Buffer
}

var unzippers = sync.Pool{New: func() any { return new(unzipper) }}

// unzip returns a text that is good until the next call.
func (z *unzipper) unzip(body []byte) ([]byte, error) {
	if err := z.Reset(bytes.NewReader(body)); err != nil {
		return nil, err
	}
	z.text.Reset()
	_, err := z.text.ReadFrom(io.LimitReader(&z.Reader, maxPlaylist))
	return z.text.Bytes(), err
}

// read reads the playlist that a server sent, and returns its hash too.
func (c *parsed) read(body []byte, compressed bool) (*playlist, uint64, error) {
	key := maphash.Bytes(c.seed, body)
	c.mu.Lock()
	p := c.kept[key]
	c.mu.Unlock()
	if p != nil {
		return p, key, nil
	}
	text := body
	if compressed {
		z := unzippers.Get().(*unzipper)
		defer unzippers.Put(z)
		var err error
		if text, err = z.unzip(body); err != nil {
			return nil, key, errNoPlaylist
		}
	}
	p, err := parse(string(text))
	if err != nil {
		return nil, key, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= mostKept {
		clear(c.kept)
	}
	c.kept[key] = p
	return p, key, nil
}
