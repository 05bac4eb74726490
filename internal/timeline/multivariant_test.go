package timeline_test

import (
	"fmt"
	"testing"

	"consuo/internal/hls"
	"consuo/internal/timeline"
)

// TestManyGroups: groups without anything in common can't make a multivariant
// playlist of any size.
func TestManyGroups(t *testing.T) {
	t.Parallel()
	p := muxed("film", repeat(10, "6")...)
	m := p.Multivariant
	v := m.Variants[0]
	m.Variants = nil
	for i := range 250 {
		v.ClosedCaptions = fmt.Sprintf("cc%d", i)
		m.Variants = append(m.Variants, v)
		for j := range 2 {
			m.Renditions = append(m.Renditions, hls.Rendition{
				Type: hls.ClosedCaptions, GroupID: v.ClosedCaptions, Name: fmt.Sprint(j), Language: fmt.Sprintf("l%d-%d", i, j),
				InstreamID: fmt.Sprintf("CC%d", j+1),
			})
		}
	}
	s, err := timeline.Settle(newAsset(t, p), nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Multivariant.Renditions); n != 2 {
		t.Errorf("%d renditions, want those of one group", n)
	}
}
