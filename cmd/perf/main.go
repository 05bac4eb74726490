// Command perf measures what the engine costs, see make perf.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"consuo/internal/perf"
	"consuo/internal/service"
)

func main() {
	if err := run(service.SignalContext(), os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "perf:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	o := perf.Options{Out: os.Stdout}
	flags := flag.NewFlagSet("perf", flag.ContinueOnError)
	flags.StringVar(&o.BinDir, "bin", filepath.Dir(program), "folder of the programs schedule and engine")
	flags.StringVar(&o.Root, "root", ".", "folder of the repository")
	only := flags.String("only", "", "scenarios, comma separated, of "+strings.Join(perf.Names(), ", "))
	publish := flags.Bool("publish", false, "measure nothing: only make plots and tables of what was measured")
	profile := flags.String("profile", "", "measure nothing: write a profile of the engine under load to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o.Dir = filepath.Join(o.Root, "docs", "perf")
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	if *profile != "" {
		return perf.Profile(ctx, o, *profile)
	}
	if !*publish {
		err = perf.Run(ctx, o)
	}
	return errors.Join(err, perf.Publish(o.Dir, filepath.Join(o.Root, "docs", "PERFORMANCE.md")))
}
