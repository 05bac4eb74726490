package perf

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"consuo/internal/testneeds"
)

// The document says what the data say: make perf, or make plots after an edit.
func TestDocumentAgreesWithData(t *testing.T) {
	dir := filepath.Join(testneeds.Root(), "docs", "perf")
	document, err := os.ReadFile(filepath.Join(dir, "..", "PERFORMANCE.md"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := Document(string(document), dir)
	if err != nil {
		t.Fatal(err)
	}
	if made != string(document) {
		t.Error("the tables of docs/PERFORMANCE.md are not those of docs/perf/*.json: make plots")
	}
	for _, name := range Names() {
		if !strings.Contains(made, "<!-- perf:"+name+" -->") {
			t.Errorf("docs/PERFORMANCE.md has no table of %s", name)
		}
	}
	svgs, err := Plots(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, svg := range svgs {
		if stored, err := os.ReadFile(filepath.Join(dir, name+".svg")); err != nil || string(stored) != svg {
			t.Errorf("docs/perf/%s.svg is not made of the data: make plots (%v)", name, err)
		}
		if !strings.Contains(made, "perf/"+name+".svg") {
			t.Errorf("docs/PERFORMANCE.md does not show perf/%s.svg", name)
		}
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
}

func TestTicks(t *testing.T) {
	for most, want := range map[float64][]float64{
		0: {0, 0.2, 0.4, 0.6, 0.8, 1}, 1: {0, 0.2, 0.4, 0.6, 0.8, 1}, 9.5: {0, 2, 4, 6, 8, 10}, 30: {0, 5, 10, 15, 20, 25, 30},
		1000: {0, 200, 400, 600, 800, 1000}, 0.37: {0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4},
	} {
		if got := ticks(most); !slices.Equal(got, want) {
			t.Errorf("to %g: %v, want %v", most, got, want)
		}
	}
}

func TestRounded(t *testing.T) {
	for v, want := range map[float64]float64{0: 0, 1234.5: 1235, 12.345: 12.3, 0.012345: 0.0123, 99.96: 100} {
		if got := rounded(v); got != want {
			t.Errorf("%g: %g, want %g", v, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	const out = "goos: linux\nBenchmarkServeHotTCP-2 \t 40153\t 28159 ns/op\t 35513 req/s\t 3961 B/op\t 28 allocs/op\nPASS\n"
	v, err := values(out, "BenchmarkServeHotTCP")
	if err != nil || v["req/s"] != 35513 || v["allocs/op"] != 28 {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := values("PASS\n", "BenchmarkServeHotTCP"); !errors.Is(err, errNoLine) {
		t.Error(err)
	}
	if m := median([]float64{9, 1, 5, 3}); m != 4 {
		t.Errorf("median %g", m)
	}
}
