package packed_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/hls"
	"consuo/internal/packed"
	"consuo/internal/testneeds"
	"consuo/internal/vodtest"
)

// plain is a playlist as it would be rendered without packing it: what Media
// must say of each segment.
type plain struct {
	text, keys, formats, init, initKeys, initFormats string
}

func render(m *hls.Media, rewrite func(string) string) []plain {
	list := make([]plain, len(m.Segments))
	for i := range m.Segments {
		s, p := &m.Segments[i], &list[i]
		p.text = "#EXTINF:" + s.DurationText + ",\n"
		if s.Range.Length > 0 {
			p.text += fmt.Sprintf("#EXT-X-BYTERANGE:%d@%d\n", s.Range.Length, s.Range.Offset)
		}
		if s.Bitrate > 0 {
			p.text += "#EXT-X-BITRATE:" + strconv.FormatInt(s.Bitrate, 10) + "\n"
		}
		if s.Gap {
			p.text += "#EXT-X-GAP\n"
		}
		p.text += rewrite(s.URI) + "\n"
		sequence := m.MediaSequence + int64(i)
		p.keys, p.formats = renderKeys(s.Keys, sequence, rewrite)
		if s.Map != nil {
			init := *s.Map
			init.URI = rewrite(init.URI)
			p.init = string(hls.AppendMap(nil, &init))
			p.initKeys, p.initFormats = renderKeys(init.Keys, sequence, rewrite)
		}
	}
	return list
}

func renderKeys(source []hls.Key, sequence int64, rewrite func(string) string) (tags, formats string) {
	list := slices.Clone(source)
	var names []string
	for i := range list {
		k := &list[i]
		k.URI = rewrite(k.URI)
		if k.IV != "" {
			k.IV = "0x" + strings.ToUpper(k.IV[2:])
		}
		if identity := k.KeyFormat == "" || k.KeyFormat == "identity"; k.IV == "" && identity && (k.Method == "AES-128" || k.Method == "SAMPLE-AES") {
			k.IV = fmt.Sprintf("0x%032X", sequence)
		}
		names = append(names, cmp.Or(k.KeyFormat, "identity"))
	}
	slices.Sort(names)
	return string(hls.AppendKeys(nil, list)), strings.Join(names, ",")
}

func same(uri string) string { return uri }

func elsewhere(uri string) string {
	return strings.Replace(uri, "https://", "https://cdn.elsewhere.example/", 1)
}

// check holds a packed playlist to what it was made of: every segment's text
// and times, in order and out of it, also after it was stored.
func check(t *testing.T, m *hls.Media) {
	t.Helper()
	mv := &hls.Multivariant{Variants: []hls.Variant{{URI: "v"}}}
	fresh := packed.New(&hls.Presentation{URL: "u", Multivariant: mv, Media: map[string]*hls.Media{"v": m}})
	data, err := fresh.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := packed.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fresh.Media["v"], stored.Media["v"]) {
		t.Fatal("it is another after it was stored")
	}
	for _, rewrite := range []func(string) string{same, elsewhere} {
		want := render(m, rewrite)
		var r packed.Reader
		checkSegment := func(p *packed.Media, i int) {
			s := p.Scope(&r, i, rewrite)
			got := plain{string(p.AppendSegment(nil, &r, i, rewrite)), s.Keys.Tags, s.Keys.Formats, s.Init, s.InitKeys.Tags, s.InitKeys.Formats}
			if got != want[i] {
				t.Fatalf("segment %d is\n%+v\nwant\n%+v", i, got, want[i])
			}
		}
		for i := range want {
			checkSegment(stored.Media["v"], i)
		}
		for i := range want {
			checkSegment(fresh.Media["v"], i*7919%len(want))
		}
	}
	p := stored.Media["v"]
	var now, longest time.Duration
	for i, s := range m.Segments {
		ended := i // at now: those of no length from i on have ended, too
		for ended < len(m.Segments) && m.Segments[ended].Duration == 0 {
			ended++
		}
		if p.Start(i) != now || p.Duration(i) != s.Duration || p.Ended(now) != ended || p.URI(i) != s.URI {
			t.Fatalf("segment %d begins at %s and lasts %s, and %d have ended; want %s, %s, %d", i, p.Start(i), p.Duration(i), p.Ended(now), now, s.Duration, ended)
		}
		if s.Duration > 0 && p.Ended(now+s.Duration-1) != ended {
			t.Fatalf("%d have ended before segment %d has, want %d", p.Ended(now+s.Duration-1), i, ended)
		}
		now += s.Duration
		longest = max(longest, s.Duration)
		if p.End(i) != now {
			t.Fatalf("segment %d ends at %s, want %s", i, p.End(i), now)
		}
		if (s.Discontinuity && i > 0) != slices.Contains(p.Breaks, i) {
			t.Fatalf("segment %d: discontinuity %t", i, s.Discontinuity)
		}
		if want := strings.Join(append(slices.Clone(s.Cues), ""), "\n"); p.Cues[i] != want {
			t.Fatalf("segment %d: cues %q, want %q", i, p.Cues[i], want)
		}
	}
	if p.Total() != now || p.Start(p.Len()) != now || p.Longest() != longest || p.Ended(now) != p.Len() || p.Ended(-1) != 0 {
		t.Fatalf("it lasts %s, %s at most; want %s, %s", p.Total(), p.Longest(), now, longest)
	}
	durations, err := packed.Durations(data, func(m *hls.Multivariant) string { return m.Variants[0].URI })
	if err != nil || len(durations) != len(m.Segments) || durations[0] != m.Segments[0].Duration {
		t.Fatalf("%d durations: %v", len(durations), err)
	}
}

// TestVectors: every media playlist from the field is read back as it was.
func TestVectors(t *testing.T) {
	root := testneeds.Shared(t, "vectors")
	checked := 0
	err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".m3u8" {
			return err
		}
		body, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if _, m, err := hls.Parse("https://vectors.example/"+filepath.Base(name), body); err == nil && m != nil {
			check(t, m)
			checked++
		}
		return nil
	})
	if err != nil || checked < 90 {
		t.Errorf("%d playlists: %v", checked, err)
	}
}

// seeds are playlists with all that a segment may have.
var seeds = []string{
	"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n#EXTINF:0,\nb.ts\n#EXTINF:4.0,\nb.ts\n",
	"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:9\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:4,\na9.ts\n#EXTINF:4,\na10.ts\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:4,\na11.ts\n" +
		"#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://x,IV=?\",IV=0xab,KEYFORMAT=\"com.apple.streamingkeydelivery\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"k2\"\n#EXT-X-MAP:URI=\"i.mp4\",BYTERANGE=\"9@0\"\n" +
		"#EXTINF:3.999999999,\na12.ts\n#EXT-X-DISCONTINUITY\n#EXT-X-KEY:METHOD=NONE\n#EXT-X-GAP\n#EXTINF:1,\na13.ts\n#EXT-X-CUE-IN\n",
	"#EXTM3U\n#EXT-X-BYTERANGE:10@0\n#EXTINF:1,\na.ts\n#EXT-X-BYTERANGE:90\n#EXTINF:1,\na.ts\n#EXT-X-BITRATE:90\n#EXT-X-CUE-OUT:3\n#EXTINF:1,\na.ts\n#EXT-X-BITRATE:91\n#EXTINF:1,\nb.ts?t=1\n",
	"#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-01T00:00:01Z\",DURATION=1\n#EXTINF:4,\na.ts\n",
}

// FuzzMedia is TestVectors for any playlist.
func FuzzMedia(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, body := range vodtest.New(5 * time.Minute).Files("film") {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const base = "https://vod.example/film/v.m3u8"
		m, err := hls.ParseMedia(base, body)
		if err != nil || len(m.Segments) > 2000 {
			return
		}
		check(t, m)
		if again := readAgain(t, base, body); !reflect.DeepEqual(again, packed.NewMedia(m)) {
			t.Error("it is another as it is read")
		}
	})
}

// A discontinuity before the first segment is none within the asset.
func TestBreaks(t *testing.T) {
	m, err := hls.ParseMedia("https://vod.example/v.m3u8", []byte("#EXTM3U\n#EXT-X-DISCONTINUITY\n#EXTINF:4,\n0.ts\n#EXTINF:4,\n1.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:4,\n2.ts\n"))
	if err != nil {
		t.Fatal(err)
	}
	if breaks := packed.NewMedia(m).Breaks; !slices.Equal(breaks, []int{2}) {
		t.Errorf("breaks before %v", breaks)
	}
}

// readAgain packs a playlist as it is read, with a packer that was used before,
// and from memory that is used again.
func readAgain(t *testing.T, base string, body []byte) *packed.Media {
	t.Helper()
	var p packed.Packer
	var result *packed.Media
	var mv hls.Multivariant
	for _, text := range []string{seeds[1], seeds[2] + seeds[3], string(body)} {
		shared := []byte(text)
		m, err := mv.ReadMedia(base, shared, p.Add)
		if err != nil {
			t.Fatal(err)
		}
		result = p.Finish(m)
		for i := range shared {
			shared[i] = 'x'
		}
	}
	return result
}

// TestReadAgain is that of all kinds of playlists, for the ordinary test run.
func TestReadAgain(t *testing.T) {
	const base = "https://vod.example/film/v.m3u8"
	bodies := vodtest.New(5 * time.Minute).Files("film")
	for i, s := range seeds {
		bodies[fmt.Sprint("seed", i, ".m3u8")] = []byte(s)
	}
	delete(bodies, "master.m3u8")
	for name, body := range bodies {
		m, err := hls.ParseMedia(base, body)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(readAgain(t, base, body), packed.NewMedia(m)) {
			t.Errorf("%s: it is another as it is read", name)
		}
	}
}

// TestLarge: a presentation that is large as it is stored is compressed, and can
// be read back.
func TestLarge(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("#EXTM3U\n")
	for range 60_000 {
		fmt.Fprintf(&b, "#EXTINF:4,\n%016x%016x.ts\n", rng.Uint64(), rng.Uint64())
	}
	m, err := hls.ParseMedia("https://vod.example/film/v.m3u8", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	mv := &hls.Multivariant{Variants: []hls.Variant{{URI: "v"}}}
	fresh := packed.New(&hls.Presentation{URL: "u", Multivariant: mv, Media: map[string]*hls.Media{"v": m}})
	data, err := fresh.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if gzip := "\x1f\x8b"; !strings.HasPrefix(string(data), gzip) {
		t.Errorf("%d bytes are not compressed", len(data))
	}
	if stored, err := packed.Unmarshal(data); err != nil || !reflect.DeepEqual(stored, fresh) {
		t.Errorf("it is another after it was stored: %v", err)
	}
}

// TestUnmarshalRefuses: what was damaged is an error, not a fault on air.
func TestUnmarshalRefuses(t *testing.T) {
	mv := &hls.Multivariant{Variants: []hls.Variant{{URI: "v"}}}
	m, err := hls.ParseMedia("https://vod.example/film/v.m3u8", []byte(seeds[1]))
	if err != nil {
		t.Fatal(err)
	}
	pack := func() *packed.Presentation {
		return packed.New(&hls.Presentation{URL: "u", Multivariant: mv, Media: map[string]*hls.Media{"v": m}})
	}
	for name, damage := range map[string]func(p *packed.Presentation, m *packed.Media){
		"multivariant": func(p *packed.Presentation, _ *packed.Media) { p.Multivariant = nil },
		"digest":       func(p *packed.Presentation, _ *packed.Media) { p.Digest = "x" },
		"no media":     func(p *packed.Presentation, _ *packed.Media) { p.Media["v"] = nil },
		"no segments":  func(_ *packed.Presentation, m *packed.Media) { m.Index = nil },
		"index":        func(_ *packed.Presentation, m *packed.Media) { m.Index[2] = 99 },
		"negative":     func(_ *packed.Presentation, m *packed.Media) { m.Lengths[0].Duration = -1 },
		"endless":      func(_ *packed.Presentation, m *packed.Media) { m.Lengths[0].Duration = 1<<63 - 1 },
		"no length": func(_ *packed.Presentation, m *packed.Media) {
			for i := range m.Lengths {
				m.Lengths[i].Duration = 0
			}
		},
		"years": func(_ *packed.Presentation, m *packed.Media) { m.Lengths[0].Duration = 1 << 60 },
		"crowded": func(p *packed.Presentation, _ *packed.Media) {
			p.Media["v"].Times = p.Media["v"].Plus(make([]packed.Length, 100))
			p.Media["v"].Paths = &packed.Texts{Count: p.Media["v"].Len(), First: []byte("a.ts"), Data: make([]byte, p.Media["v"].Len())}
			p.Media["v"].Tags, p.Media["v"].Scopes, p.Media["v"].ScopeFrom = nil, nil, nil
		},
		"no URIs":     func(_ *packed.Presentation, m *packed.Media) { m.Paths = nil },
		"other URIs":  func(_ *packed.Presentation, m *packed.Media) { m.Paths = m.Scopes },
		"short URIs":  func(_ *packed.Presentation, m *packed.Media) { m.Paths.Data = m.Paths.Data[:len(m.Paths.Data)-1] },
		"long URIs":   func(_ *packed.Presentation, m *packed.Media) { m.Paths.Data = append(m.Paths.Data, 0) },
		"scopes":      func(_ *packed.Presentation, m *packed.Media) { m.Scopes.First[0] = 0 },
		"scope order": func(_ *packed.Presentation, m *packed.Media) { m.ScopeFrom[0] = 1 },
		"scope count": func(_ *packed.Presentation, m *packed.Media) { m.ScopeFrom = m.ScopeFrom[1:] },
		"breaks":      func(_ *packed.Presentation, m *packed.Media) { m.Breaks = []int{0} },
		"late breaks": func(_ *packed.Presentation, m *packed.Media) { m.Breaks = []int{m.Len()} },
	} {
		p := pack()
		damage(p, p.Media["v"])
		data, err := p.Marshal()
		if err != nil {
			continue
		}
		if _, err := packed.Unmarshal(data); err == nil {
			t.Errorf("%s: it is accepted", name)
		}
	}
	data, err := pack().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := packed.Unmarshal(data); err != nil {
		t.Errorf("what was not damaged: %v", err)
	}
	if _, err := packed.Unmarshal(data[:len(data)/2]); err == nil {
		t.Error("half of it is accepted")
	}
}

// TestNothingPinned: what is kept for hours shares no memory with the text that
// it was made of.
func TestNothingPinned(t *testing.T) {
	const size = 16 << 20
	var p *packed.Media
	used := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := used()
	func() {
		comments := strings.Repeat("#"+strings.Repeat("x", 1<<10)+"\n", size>>10)
		body := "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"https://key.example/k\",IV=0x12,KEYFORMAT=\"identity\"\n#EXT-X-MAP:URI=\"https://vod.example/i.mp4\"\n" +
			"#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n" +
			"#EXT-X-DATERANGE:ID=\"a\",CLASS=\"class\",CUE=\"ONCE\",START-DATE=\"2026-01-01T00:00:01Z\",SCTE35-OUT=0xFC,X-A=\"b\"\n" +
			"#EXT-X-CUE-OUT:30\n#EXTINF:4.000,\nhttps://cdn.example/a.ts\n" + comments + "#EXT-X-GAP\n#EXTINF:4,\nb.ts\n#EXT-X-CUE-IN\n"
		m, err := hls.ParseMedia("https://vod.example/film/v.m3u8", []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		p = packed.NewMedia(m)
	}()
	if after := used(); after > before+size/4 {
		t.Errorf("%d bytes are kept", after-before)
	}
	if len(p.Ranges) != 1 || len(p.Cues) != 2 {
		t.Errorf("it is not what it was made of: %+v", p)
	}
}
