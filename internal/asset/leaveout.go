package asset

import (
	"cmp"
	"maps"
	"slices"

	"consuo/internal/hls"
	"consuo/internal/packed"
)

// leaveOut takes the variants and renditions out of p whose playlists failed,
// and the variants that would have no sound or picture without them. It is the
// failure itself that comes back where nothing worth playing would be left.
func leaveOut(p *packed.Presentation, failed map[string]*Error) error {
	mv := p.Multivariant
	wanted := mv.Variants[mv.Primary()]

	type group struct {
		kind hls.RenditionType
		id   string
	}
	lost := make(map[group]bool) // groups that lost all of their renditions
	kept := mv.Renditions[:0:0]
	for _, r := range mv.Renditions {
		g := group{r.Type, r.GroupID}
		if failed[r.URI] == nil {
			kept = append(kept, r)
			lost[g] = false
		} else if _, known := lost[g]; !known {
			lost[g] = true
		}
	}
	mv.Renditions = kept
	mv.Variants = slices.DeleteFunc(mv.Variants, func(v hls.Variant) bool {
		return failed[v.URI] != nil || lost[group{hls.Audio, v.Audio}] || lost[group{hls.Video, v.Video}]
	})
	for i := range mv.Variants {
		if v := &mv.Variants[i]; lost[group{hls.Subtitles, v.Subtitles}] {
			v.Subtitles = ""
		}
	}

	uris := slices.Sorted(maps.Keys(failed))
	for _, uri := range uris {
		p.Warnings = append(p.Warnings, "left out: "+failed[uri].Error())
	}
	if len(mv.Variants) == 0 || !wanted.AudioOnly() && mv.Variants[mv.Primary()].AudioOnly() {
		return cmp.Or(failed[wanted.URI], failed[uris[0]])
	}
	return nil
}
