package asrun_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"consuo/internal/asrun"
	"consuo/internal/playlog"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// cut starts at a minute after noon, with the asset's segment first.
func cut(number int64, minute float64, kind playlog.Kind, asset string, first int) playlog.Cut {
	return playlog.Cut{
		Number: number, Start: noon.Add(time.Duration(minute * float64(time.Minute))), Kind: kind, Reason: playlog.Scheduled,
		Asset: playlog.Source{URI: asset, Digest: asset, Feeds: []int{0}}, Loop: kind != playlog.Event,
		Filler: playlog.Source{URI: "filler", Digest: "filler", Feeds: []int{0}},
		Tracks: []playlog.Position{{First: first}},
	}
}

func rebase(c playlog.Cut) playlog.Cut { c.Rebase = true; return c }

func TestRows(t *testing.T) {
	// A film of ten segments of a minute.
	lengths := func(s playlog.Source) []time.Duration {
		if s.Digest != "film" {
			return nil
		}
		return slices.Repeat([]time.Duration{time.Minute}, 10)
	}
	filler := func(n int64, minute float64) playlog.Cut { return cut(n, minute, playlog.Filler, "filler", 0) }
	film := func(n int64, minute float64, first int) playlog.Cut {
		return cut(n, minute, playlog.Event, "film", first)
	}
	for _, c := range []struct {
		name string
		cuts []playlog.Cut
		now  float64 // minute
		want []string
	}{
		{"nothing", nil, 5, nil},
		{"on air and ahead", []playlog.Cut{filler(1, 0), film(2, 4, 0), filler(3, 14)}, 5,
			[]string{"1 filler filler 0-4 from unknown", "2 event film 4- 1m0s from 0s"}},
		{"joined, over, and cut short", []playlog.Cut{film(1, 0, 4), filler(2, 6), film(3, 8, 0), filler(4, 12)}, 20,
			[]string{"1 event film 0-6 from 4m0s", "2 filler filler 6-8 from unknown", "3 event film 8-12 from 0s", "4 filler filler 12- 8m0s from unknown"}},
		{"filler follows by itself", []playlog.Cut{film(1, 0, 7), film(2, 5, 0)}, 30,
			[]string{"1 event film 0-3 from 7m0s", "1 filler filler 3-5 from 0s", "2 event film 5-15 from 0s", "2 filler filler 15- 15m0s from 0s"}},
		{"a rebase replaces what had not begun", []playlog.Cut{filler(1, 0), film(2, 10, 0), filler(3, 20), rebase(film(4, 9, 2)), filler(5, 12)}, 30,
			[]string{"1 filler filler 0-9 from unknown", "4 event film 9-12 from 2m0s", "5 filler filler 12- 18m0s from unknown"}},
		{"a segment that the asset does not have", []playlog.Cut{film(1, 0, 11), filler(2, 6)}, 7,
			[]string{"1 event film 0-6 from unknown", "2 filler filler 6- 1m0s from unknown"}},
	} {
		var got []string
		for _, r := range asrun.Rows(c.cuts, noon.Add(time.Duration(c.now*float64(time.Minute))), lengths) {
			text := fmt.Sprintf("%d %s %s %v-", r.Number, r.Kind, r.Asset, r.Start.Sub(noon).Minutes())
			if r.End.IsZero() {
				text += " " + r.Length.String()
			} else {
				text += fmt.Sprint(r.End.Sub(noon).Minutes())
				if r.Length != r.End.Sub(r.Start) {
					t.Errorf("%s: %s: the length is %s", c.name, text, r.Length)
				}
			}
			offset := "unknown"
			if r.Offset >= 0 {
				offset = r.Offset.String()
			}
			got = append(got, text+" from "+offset)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%q\nwant\n%q", c.name, got, c.want)
		}
	}
}
