// Command demo puts a channel on air on one machine: see make demo.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"consuo/internal/demo"
	"consuo/internal/service"
)

func main() {
	if err := run(service.SignalContext()); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	o := demo.Options{Out: os.Stdout, Channel: "demo"}
	// As the engine does: of several keys the first is sent.
	key, _, _ := strings.Cut(os.Getenv("API_KEY"), ",")
	o.APIKey = strings.TrimSpace(key)
	program, err := os.Executable()
	if err != nil {
		return err
	}
	flag.StringVar(&o.Schedule, "schedule", "", "base URL of a schedule service that runs already; then no service is started")
	flag.StringVar(&o.BinDir, "bin", filepath.Dir(program), "folder of the programs schedule and engine")
	flag.StringVar(&o.DataDir, "data", "data", "folder for the database and the logs")
	flag.IntVar(&o.SchedulePort, "schedule-port", 8001, "port of the schedule service")
	flag.IntVar(&o.EnginePort, "engine-port", 8000, "port of the engine")
	flag.StringVar(&o.VODDir, "vod", filepath.FromSlash("testdata/vod"), "folder of the sample VODs")
	flag.IntVar(&o.VODPort, "vod-port", 8002, "port on which the sample VODs are served")
	flag.StringVar(&o.VODURL, "vod-url", "", "where the engine reaches them (default http://localhost:<vod-port>)")
	healthcheck := flag.Bool("healthcheck", false, "ask a demo that runs on this machine whether it is well")
	flag.Parse()
	if *healthcheck {
		return demo.Healthcheck(ctx, o.VODPort)
	}
	return demo.Run(ctx, o)
}
