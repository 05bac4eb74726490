package perf

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// plots are those that are made: columns of a result over its first.
var plots = []struct {
	name, result string
	title, x     string
	columns      []string
}{
	{"cost-of-a-request", "flat", "A request costs the same, however many channels there are", "channels", []string{"engine CPU µs/request"}},
	{"latency-one-core", "onecore", "Latency of an engine on one processor", "requests/s", []string{"p50 ms", "p99 ms"}},
	{"cpu-of-watched", "watched", "CPU with 10,000 channels known", "channels watched, two players each", []string{"engine CPU %", "schedule CPU %"}},
	{"memory-of-watched", "watched", "Memory with 10,000 channels known", "channels watched, two players each", []string{"engine MB", "schedule MB"}},
	{"polling", "watched", "What engines ask the schedule", "channels watched", []string{"schedule requests/min"}},
}

// Plots returns the plots of the results in a folder as SVG, by name.
func Plots(dir string) (map[string]string, error) {
	results, err := read(dir)
	if err != nil {
		return nil, err
	}
	made := make(map[string]string)
	for _, p := range plots {
		r := results[p.result]
		if r == nil {
			continue
		}
		c := chart{title: p.title, x: p.x, names: p.columns}
		for _, row := range r.Rows {
			x, err := strconv.ParseFloat(row.Label, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is no number to draw over", p.result, row.Label)
			}
			c.xs = append(c.xs, x)
		}
		for _, name := range p.columns {
			ys := r.column(name)
			if len(ys) == 0 {
				return nil, fmt.Errorf("%s has no column %q", p.result, name)
			}
			c.ys = append(c.ys, ys)
		}
		made[p.name] = c.svg()
	}
	return made, nil
}

// chart is lines over one axis, both from 0.
type chart struct {
	title, x string
	xs       []float64
	names    []string
	ys       [][]float64 // by name
}

// Sizes in pixels.
const (
	width, height           = 640, 340
	left, right, top, floor = 64, 24, 44, 56
)

var colours = []string{"#2563eb", "#d97706"}

func (c chart) svg() string {
	xMost, yMost := 0.0, 0.0
	for i, x := range c.xs {
		xMost = max(xMost, x)
		for _, ys := range c.ys {
			yMost = max(yMost, ys[i])
		}
	}
	xTicks, yTicks := ticks(xMost), ticks(yMost)
	xMost, yMost = xTicks[len(xTicks)-1], yTicks[len(yTicks)-1]
	px := func(x float64) float64 { return left + x/xMost*(width-left-right) }
	py := func(y float64) float64 { return height - floor - y/yMost*(height-top-floor) }

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="22" font-size="15" fill="#111">%s</text>`+"\n", left, html.EscapeString(c.title))
	for _, y := range yTicks {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end" fill="#555">%s</text>`+"\n",
			left, py(y), width-right, left-8, py(y)+4, figure(y))
	}
	for _, x := range xTicks {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#555">%s</text>`+"\n", px(x), height-floor+18, figure(x))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" fill="#555">%s</text>`+"\n", (left+width-right)/2, height-floor+36, html.EscapeString(c.x))
	for k, ys := range c.ys {
		var points []string
		for i, x := range c.xs {
			points = append(points, fmt.Sprintf("%.1f,%.1f", px(x), py(ys[i])))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", px(x), py(ys[i]), colours[k])
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), colours[k])
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+k*220, height-6, colours[k], html.EscapeString("— "+c.names[k]))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// ticks are round numbers, a few, from 0 to the first that is most or more.
func ticks(most float64) []float64 {
	if most <= 0 {
		most = 1
	}
	const atMost = 8 // of them
	step := math.Pow(10, math.Floor(math.Log10(most))-1)
	for _, factor := range []float64{2, 2.5, 2, 2} { // 2, 5, 10, 20
		if most/step > atMost {
			step *= factor
		}
	}
	var all []float64
	for i := 0; ; i++ {
		v := math.Round(float64(i)*step*1e9) / 1e9
		all = append(all, v)
		if v >= most {
			return all
		}
	}
}
