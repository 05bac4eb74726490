package perf

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// rounded keeps three digits, as no figure here is more exact.
func rounded(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	if math.Abs(v) >= 100 {
		return math.Round(v)
	}
	unit := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*unit) / unit
}

func figure(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Table is the result in Markdown.
func (r *Result) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n\n", r.Title)
	fmt.Fprintf(&b, "| %s | %s |\n|---|%s\n", r.First, strings.Join(r.Columns, " | "), strings.Repeat("---:|", len(r.Columns)))
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s |", row.Label)
		for _, v := range row.Values {
			fmt.Fprintf(&b, " %s |", figure(v))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "%s\n", note)
	}
	fmt.Fprintf(&b, "`%s` on %s; %s.\n", r.Command, r.Date.Format("2006-01-02 15:04 UTC"), r.Machine)
	return b.String()
}

var marked = regexp.MustCompile(`(?s)<!-- perf:([a-z]+) -->\n.*?<!-- /perf -->`)

// Document puts the results of a folder into the document beside it: between
// <!-- perf:NAME --> and <!-- /perf -->.
func Document(text, dir string) (string, error) {
	results, err := read(dir)
	if err != nil {
		return "", err
	}
	var faults []error
	text = marked.ReplaceAllStringFunc(text, func(block string) string {
		name := marked.FindStringSubmatch(block)[1]
		r := results[name]
		if r == nil {
			faults = append(faults, fmt.Errorf("no result %s.json", name))
			return block
		}
		return "<!-- perf:" + name + " -->\n" + r.Table() + "<!-- /perf -->"
	})
	return text, errors.Join(faults...)
}

// Publish makes the plots of the results in a folder, and puts the tables into
// a document.
func Publish(dir, document string) error {
	plots, err := Plots(dir)
	if err != nil {
		return err
	}
	for name, svg := range plots {
		if err := os.WriteFile(filepath.Join(dir, name+".svg"), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	made, err := Document(string(text), dir)
	if err != nil {
		return err
	}
	return os.WriteFile(document, []byte(made), 0o644)
}
