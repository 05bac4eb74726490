// Command soak runs the system, disturbs it, and tells whether viewers noticed:
// see make soak.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"consuo/internal/service"
	"consuo/internal/soak"
)

func main() {
	if err := run(service.SignalContext()); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	o := soak.Options{Out: os.Stdout}
	flag.DurationVar(&o.For, "for", 10*time.Minute, "how long; every fault comes once at least")
	flag.Uint64Var(&o.Seed, "seed", uint64(time.Now().Unix()), "of the order of faults and of the edits")
	flag.StringVar(&o.VODDir, "vod", filepath.FromSlash("testdata/vod"), "folder of the sample VODs")
	flag.StringVar(&o.Dir, "dir", "", "folder for the database and the logs (default: a new one)")
	flag.Parse()
	var err error
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "consuo-soak-"); err != nil {
			return err
		}
	}
	o.BinDir = filepath.Join(o.Dir, "bin")
	if err = os.MkdirAll(o.BinDir, 0o755); err == nil {
		err = soak.Build(ctx, ".", o.BinDir)
	}
	if err != nil {
		return err
	}
	return soak.Run(ctx, o)
}
