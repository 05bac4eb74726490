package playouthttp

import (
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"consuo/internal/playout"
)

func TestAcceptsGzip(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"GZip"}, true},
		{[]string{"x-gzip"}, true},
		{[]string{"gzip, deflate, br, zstd"}, true},
		{[]string{"deflate , gzip ; q=0.8"}, true},
		{[]string{"gzip;q=1.000"}, true},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip;q=0.000"}, false},
		{[]string{"gzip;q=0.001"}, true},
		{[]string{"gzip;Q=0.5"}, true},
		{[]string{"*"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"*, gzip;q=0"}, false},
		{[]string{"gzip, *;q=0"}, true},
		{[]string{"br, *;q=0.1"}, true},
		{[]string{"identity"}, false},
		{[]string{"identity, gzip;q=0.5"}, false},
		{[]string{"identity;q=0.5, gzip"}, true},
		{[]string{"identity;q=0, gzip"}, true},
		{[]string{"br", "gzip"}, true},
		{[]string{"gzipped"}, false},
		{[]string{"gzip;q=x"}, false},
		{[]string{"gzip;q=2"}, false},
		{[]string{"gzip;level=9"}, false},
		{[]string{"gzip;q=0.1234"}, false},
		{[]string{",,;,gzip,"}, true},
	} {
		if got := acceptsGzip(c.lines); got != c.want {
			t.Errorf("acceptsGzip(%q) = %v", c.lines, got)
		}
	}
}

func TestKnownTag(t *testing.T) {
	doc := playout.NewDocument([]byte("x"))
	plain, zipped := doc.ETag[0], doc.GzipETag[0]
	for _, c := range []struct {
		lines []string
		want  []string
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{plain}, doc.ETag},
		{[]string{zipped}, doc.GzipETag},
		{[]string{"W/" + plain}, doc.ETag},
		{[]string{` "a" ,` + "\t" + plain}, doc.ETag},
		{[]string{`"a"`, plain}, doc.ETag},
		{[]string{zipped + "," + plain}, doc.GzipETag},
		{[]string{"*"}, doc.GzipETag}, // as selected below
		{[]string{`"a", *`}, doc.GzipETag},
		{[]string{plain[1 : len(plain)-1]}, nil}, // no quotes
		{[]string{plain[:len(plain)-1]}, nil},
		{[]string{`"` + plain + `"`}, nil},
		{[]string{"W/"}, nil},
		{[]string{`"`}, nil},
		{[]string{`w/` + plain}, nil},
	} {
		if got := knownTag(c.lines, doc, doc.GzipETag); !slices.Equal(got, c.want) {
			t.Errorf("knownTag(%q) = %v", c.lines, got)
		}
	}
}

var mediaCachePattern = regexp.MustCompile(`^public, max-age=(\d+), stale-if-error=(\d+)$`)

// A media playlist is never kept beyond its next change, except for the second
// that is the least, and never for a second less than it may.
func TestMaxAge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for range 10_000 {
		left := time.Duration(random.Int64N(int64(90*time.Second))) - 10*time.Second
		if random.IntN(10) == 0 {
			left = left.Truncate(time.Second)
		}
		doc := playout.NewDocument(nil)
		doc.Changes, doc.TargetDuration = now.Add(left), time.Duration(1+random.IntN(90))*time.Second
		got := cacheControl(doc, now)
		m := mediaCachePattern.FindStringSubmatch(got[0])
		if len(got) != 1 || m == nil {
			t.Fatalf("Cache-Control %q", got)
		}
		seconds, err := strconv.Atoi(m[1])
		age := time.Duration(seconds) * time.Second
		if err != nil || seconds < 1 || seconds > 1 && age > left || left-age >= time.Second {
			t.Errorf("%s, %s before the change", got[0], left)
		}
		if m[2] != strconv.Itoa(2*int(doc.TargetDuration/time.Second)) {
			t.Errorf("%s, target duration %s", got[0], doc.TargetDuration)
		}
	}
	unknown := playout.NewDocument(nil)
	unknown.TargetDuration = 6 * time.Second
	if got := cacheControl(unknown, now)[0]; got != "public, max-age=1, stale-if-error=12" {
		t.Errorf("without an instant of change: %s", got)
	}
}

func TestContentLengths(t *testing.T) {
	for _, n := range []int{0, 1, 999, 32<<10 - 1, 32 << 10, 1 << 30} {
		for range 2 { // the second is the one that was kept
			if got := contentLengths.value(n); len(got) != 1 || got[0] != strconv.Itoa(n) {
				t.Errorf("length %d: %q", n, got)
			}
		}
	}
}

// The quick way through a query finds what net/url does.
func FuzzQueryChannel(f *testing.F) {
	for _, q := range []string{"channel=one", "x=1&channel=one", "channel", "channel&channel=a", "channel=a=b", "channel=%6f", "a;channel=x", "&&channel=", "Channel=a", "channel=a+b", "channelx=1"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		u := &url.URL{RawQuery: query}
		if got, want := queryChannel(u), u.Query().Get("channel"); got != want {
			t.Errorf("queryChannel of %q = %q, want %q", query, got, want)
		}
	})
}

// What this package takes for a name is what it then looks up: no URL leads to
// a name with a character that means something elsewhere.
func FuzzParsePlaylist(f *testing.F) {
	for _, target := range []string{"/live/master.m3u8?channel=one", "/channels/one/v720.m3u8", "/channels//.m3u8", "/live/.m3u8", "/live//a.m3u8", "/channels/a/b/c.m3u8"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Skip()
		}
		name, ok := parsePlaylist(u)
		if !ok {
			return
		}
		if name.track != "" && validID(name.track) && name.channel != "" && validID(name.channel) && name.query == "" {
			if want := "/channels/" + name.channel + "/" + name.track + ".m3u8"; u.Path != want {
				t.Errorf("%q is read as %q", target, want)
			}
		}
	})
}
