// Package perf measures what the engine costs: it starts the services as real
// processes, puts load on them, and writes what they took as docs/perf/*.json,
// of which the plots and the tables in docs/PERFORMANCE.md are made.
package perf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Options say what to measure. BinDir and Dir are required.
type Options struct {
	BinDir string   // folder of the programs schedule and engine
	Root   string   // of the repository, for its benchmarks
	Dir    string   // docs/perf
	Only   []string // scenarios; empty: all
	Out    io.Writer
}

// Result is a table that a scenario has measured.
type Result struct {
	Title   string    `json:"title"`
	Command string    `json:"command"`
	Machine string    `json:"machine"`
	Date    time.Time `json:"date"`
	First   string    `json:"first_column"`
	Columns []string  `json:"columns"` // with their units
	Rows    []Row     `json:"rows"`
	Notes   []string  `json:"notes,omitempty"`
}

// Row has a value for each column.
type Row struct {
	Label  string    `json:"label"`
	Values []float64 `json:"values"`
}

func (r *Result) add(label any, values ...float64) {
	for i, v := range values {
		values[i] = rounded(v)
	}
	r.Rows = append(r.Rows, Row{fmt.Sprint(label), values})
}

// column returns the values of a column.
func (r *Result) column(name string) (values []float64) {
	i := slices.Index(r.Columns, name)
	for _, row := range r.Rows {
		if i >= 0 {
			values = append(values, row.Values[i])
		}
	}
	return values
}

// scenario measures one thing.
type scenario struct {
	name string
	run  func(context.Context, Options) (*Result, error)
}

// Names lists the scenarios in their order.
func Names() (names []string) {
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// Run runs the scenarios and writes their results, then the plots.
func Run(ctx context.Context, o Options) error {
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("there is no scenario %q: want one of %s", name, strings.Join(Names(), ", "))
		}
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	var faults []error
	for _, s := range scenarios {
		if len(o.Only) > 0 && !slices.Contains(o.Only, s.name) {
			continue
		}
		begun := time.Now()
		result, err := s.run(ctx, o)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // the others may work
			faults = append(faults, fmt.Errorf("%s: %w", s.name, err))
			fmt.Fprintf(o.Out, "%s: %v\n\n", s.name, err)
			continue
		}
		result.Command = "make perf PERF=\"-only " + s.name + "\""
		result.Machine, result.Date = machine(), begun.UTC().Truncate(time.Second)
		text, err := json.MarshalIndent(result, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(o.Dir, s.name+".json"), append(text, '\n'), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(o.Out, "%s (%s)\n%s\n", s.name, time.Since(begun).Round(time.Second), result.Table())
	}
	return errors.Join(faults...)
}

// machine says where it was measured.
func machine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	var version strings.Builder
	version.WriteString(runtime.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				version.WriteString(", revision " + s.Value[:min(12, len(s.Value))])
			}
		}
	}
	return fmt.Sprintf("%s, %d processors, %s, %s", model, runtime.NumCPU(), runtime.GOOS, version.String())
}

// read returns the results in a folder, by scenario.
func read(dir string) (map[string]*Result, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	results := make(map[string]*Result)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		r := new(Result)
		if err := json.Unmarshal(text, r); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, row := range r.Rows {
			if len(row.Values) != len(r.Columns) {
				return nil, fmt.Errorf("%s: row %s has %d values for %d columns", file, row.Label, len(row.Values), len(r.Columns))
			}
		}
		results[strings.TrimSuffix(filepath.Base(file), ".json")] = r
	}
	return results, nil
}
