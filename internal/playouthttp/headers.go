package playouthttp

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"consuo/internal/playout"
)

// exposeHeaders names the headers that a page of another origin may read.
const exposeHeaders = "Access-Control-Expose-Headers"

// Header values that never change, as a header map holds them. All answers
// share them; nobody writes to them.
var (
	allOrigins     = []string{"*"}
	exposedHeaders = []string{"Age, Content-Length, Date, ETag, Retry-After, X-Request-Id"}
	nosniff        = []string{"nosniff"}
	varyEncoding   = []string{"Accept-Encoding"}
	gzipEncoding   = []string{"gzip"}
	playlistType   = []string{"application/vnd.apple.mpegurl"}

	settledTracks   = []string{"max-age=5, stale-while-revalidate=30"}
	unsettledTracks = []string{"max-age=1"}
)

// cacheControl says how long a playlist may be kept: a multivariant playlist
// for a moment, as it hardly ever changes, a media playlist for the whole
// seconds until it does. Those are at least one: a CDN that may keep nothing
// asks for every player. A CDN may ride out a restart on a stale one, but
// never serve it while it asks: that makes players late.
func cacheControl(doc *playout.Document, now time.Time) []string {
	if doc.TargetDuration == 0 {
		if doc.Settled {
			return settledTracks
		}
		return unsettledTracks
	}
	age := max(int(doc.Changes.Sub(now)/time.Second), 1)
	target := int(doc.TargetDuration / time.Second)
	if age >= bound || target >= bound {
		return []string{mediaCaching(age, target)}
	}
	return mediaCachings.value(age*bound + target)
}

const bound = 64 // seconds of max-age and target duration whose header is made once

var mediaCachings = newNumbered(bound*bound, func(n int) string { return mediaCaching(n/bound, n%bound) })

// mediaCaching is for a media playlist; both are in seconds.
func mediaCaching(maxAge, target int) string {
	return fmt.Sprintf("public, max-age=%d, stale-if-error=%d", maxAge, 2*target)
}

var contentLengths = newNumbered(32<<10, strconv.Itoa)

// numbered makes header values that depend on a small number, each once.
type numbered struct {
	text func(n int) string
	made []atomic.Pointer[[1]string]
}

func newNumbered(size int, text func(int) string) *numbered {
	return &numbered{text: text, made: make([]atomic.Pointer[[1]string], size)}
}

func (m *numbered) value(n int) []string {
	if n >= len(m.made) {
		return []string{m.text(n)}
	}
	v := m.made[n].Load()
	if v == nil {
		v = &[1]string{m.text(n)}
		m.made[n].Store(v)
	}
	return v[:]
}

// knownTag returns the document's tag that If-None-Match has, nil if it has
// none; selected stands for "*". Either tag will do, as both name the same
// content, and the comparison is the weak one (RFC 9110 13.1.2). The answer
// repeats the client's tag, by which a cache finds what it has.
func knownTag(lines []string, doc *playout.Document, selected []string) []string {
	for _, list := range lines {
		for list = strings.TrimLeft(list, ", \t"); list != ""; list = strings.TrimLeft(list, ", \t") {
			if list[0] == '*' {
				return selected
			}
			list = strings.TrimPrefix(list, "W/")
			if list == "" || list[0] != '"' {
				break
			}
			end := strings.IndexByte(list[1:], '"') + 2
			if end < 2 {
				break
			}
			switch list[:end] {
			case doc.ETag[0]:
				return doc.ETag
			case doc.GzipETag[0]:
				return doc.GzipETag
			}
			list = list[end:]
		}
	}
	return nil
}

// acceptsGzip says whether Accept-Encoding allows gzip and does not prefer
// that there be no encoding (RFC 9110 12.5.3).
func acceptsGzip(lines []string) bool {
	if len(lines) == 1 {
		switch lines[0] {
		case "gzip", "gzip, deflate", "gzip, deflate, br", "gzip, deflate, br, zstd": // as nearly all have it
			return true
		}
	}
	gzip, identity, others := -1, 0, 0 // in thousandths; -1: not named
	for _, list := range lines {
		for list != "" {
			var item string
			item, list, _ = strings.Cut(list, ",")
			coding, parameter, _ := strings.Cut(item, ";")
			q := quality(parameter)
			switch coding = strings.TrimSpace(coding); {
			case strings.EqualFold(coding, "gzip"), strings.EqualFold(coding, "x-gzip"):
				gzip = max(gzip, q)
			case strings.EqualFold(coding, "identity"):
				identity = q
			case coding == "*":
				others = q
			}
		}
	}
	if gzip < 0 {
		gzip = others
	}
	return gzip > 0 && gzip >= identity
}

// quality reads a weight, "q=0.5", in thousandths. None is 1000, and what can't
// be read is 0: the client may not take it.
func quality(parameter string) int {
	parameter = strings.TrimSpace(parameter)
	if parameter == "" {
		return 1000
	}
	if len(parameter) < 3 || parameter[0]|0x20 != 'q' || parameter[1] != '=' {
		return 0
	}
	whole, fraction, _ := strings.Cut(parameter[2:], ".")
	if len(whole) != 1 || whole[0] < '0' || whole[0] > '1' || len(fraction) > 3 {
		return 0
	}
	q, unit := int(whole[0]-'0')*1000, 100
	for i := range len(fraction) {
		if fraction[i] < '0' || fraction[i] > '9' {
			return 0
		}
		q += int(fraction[i]-'0') * unit
		unit /= 10
	}
	return min(q, 1000)
}
