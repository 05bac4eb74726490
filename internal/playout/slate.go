package playout

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"consuo/internal/hls"
	"consuo/internal/packed"
	"consuo/internal/slate"
	"consuo/internal/timeline"
)

// slateBase stands for the folder that playlists lie in: what begins with it
// is written as a relative URI, because only players know the engine's
// address. It never is requested.
const slateBase = "http://slate.invalid/"

// EmptySubtitles is the URI in playlists, relative to their folder, of a WebVTT
// file without a cue.
const EmptySubtitles = "slate/" + slate.EmptyVTT

// Slate is the slate in all its shapes as one asset: mapping then picks for
// each track of a channel the playlist that suits it.
func Slate() (*timeline.Asset, error) { return builtinSlate() }

var builtinSlate = sync.OnceValues(func() (*timeline.Asset, error) {
	all := &hls.Presentation{
		URL:          "slate/v1",
		Multivariant: &hls.Multivariant{IndependentSegments: true},
		Media:        make(map[string]*hls.Media),
	}
	for i, name := range slate.Playlists() {
		m, err := readSlate(name, hls.ParseMultivariant)
		if err != nil {
			return nil, err
		}
		for _, v := range m.Variants {
			if v.Audio != "" {
				v.Audio = fmt.Sprintf("%s-%d", v.Audio, i)
			}
			if err := addSlate(all, v.URI); err != nil {
				return nil, err
			}
			all.Multivariant.Variants = append(all.Multivariant.Variants, v)
		}
		for _, r := range m.Renditions {
			r.GroupID = fmt.Sprintf("%s-%d", r.GroupID, i)
			if err := addSlate(all, r.URI); err != nil {
				return nil, err
			}
			all.Multivariant.Renditions = append(all.Multivariant.Renditions, r)
		}
	}
	return timeline.NewAsset(packed.New(all), timeline.AssetOptions{Rewrite: func(uri string) string {
		return "slate/" + strings.TrimPrefix(uri, slateBase)
	}})
})

func addSlate(all *hls.Presentation, uri string) error {
	if all.Media[uri] != nil {
		return nil
	}
	m, err := readSlate(strings.TrimPrefix(uri, slateBase), hls.ParseMedia)
	all.Media[uri] = m
	return err
}

func readSlate[T any](name string, parse func(base string, body []byte) (T, error)) (T, error) {
	body, err := fs.ReadFile(slate.FS(), name)
	if err != nil {
		var none T
		return none, err
	}
	return parse(slateBase+name, body)
}

// provisional is what a channel without a schedule is made of: the slate's
// muxed MPEG-TS alone.
var provisional = sync.OnceValues(func() (*timeline.Asset, error) {
	m, err := readSlate(slate.MuxedTS, hls.ParseMultivariant)
	if err != nil {
		return nil, err
	}
	p := &hls.Presentation{URL: slateBase + slate.MuxedTS, Multivariant: m, Media: make(map[string]*hls.Media)}
	for _, v := range m.Variants {
		if err := addSlate(p, v.URI); err != nil {
			return nil, err
		}
	}
	return timeline.NewAsset(packed.New(p), timeline.AssetOptions{})
})

// isBuiltin says whether an asset is the slate, which every engine has.
func isBuiltin(a *timeline.Asset) bool {
	slate, err := Slate()
	return err == nil && a.Digest == slate.Digest
}
