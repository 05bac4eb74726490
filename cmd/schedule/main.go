// Schedule is the service that stores channels and what each of them plays when.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the image has no zones of its own

	"consuo/internal/asset"
	"consuo/internal/autoschedule"
	"consuo/internal/inspect"
	"consuo/internal/schedule"
	"consuo/internal/schedulehttp"
	"consuo/internal/schedulesql"
	"consuo/internal/service"
)

// Config is what the environment sets; -help prints it.
type Config struct {
	service.Environment
	DatabaseURL   string        `envconfig:"DATABASE_URL" default:"data/schedule.db" desc:"path of the SQLite file, or postgres://user:password@host:5432/database for several replicas"`
	CORSWhitelist service.List  `envconfig:"CORS_WHITELIST" desc:"origins that may call from a browser, comma separated; unset: any may read, only the same origin may write"`
	APIKeys       service.List  `envconfig:"API_KEY" desc:"keys of which every write needs one, comma separated; unset: everybody may write"`
	Lead          time.Duration `envconfig:"LEAD" default:"8s" desc:"how long before its start a cut must be in the playout log, 1s to 60s"`
	EngineURL     string        `envconfig:"ENGINE_URL" desc:"where viewers reach the engine, for links to channels; unset: port 8000 of the host that a request names"`
	EnginePageURL string        `envconfig:"ENGINE_PAGE_URL" desc:"where people who plan reach the engine's page, for links of the guide; unset: ENGINE_URL; none: no links"`
}

// Validate checks what the types don't.
func (c *Config) Validate() error {
	c.EngineURL = strings.TrimRight(c.EngineURL, "/")
	if reason := schedule.CheckURI(c.EngineURL); c.EngineURL != "" && reason != "" {
		return errors.Join(c.policy().Validate(), fmt.Errorf("ENGINE_URL=%q %s: want for instance https://live.example.com", c.EngineURL, reason))
	}
	c.EnginePageURL = strings.TrimRight(c.EnginePageURL, "/")
	if reason := schedule.CheckURI(c.EnginePageURL); c.EnginePageURL != "" && c.EnginePageURL != schedulehttp.NoEnginePage && reason != "" {
		return errors.Join(c.policy().Validate(), fmt.Errorf("ENGINE_PAGE_URL=%q %s: want for instance http://engine.internal:8000, or none", c.EnginePageURL, reason))
	}
	if c.Lead < time.Second || c.Lead > time.Minute {
		return errors.Join(c.policy().Validate(), fmt.Errorf("LEAD=%s: want 1s to 60s, for instance 8s", c.Lead))
	}
	return c.policy().Validate()
}

func (c *Config) policy() asset.Policy {
	return asset.Policy{Hosts: c.OriginHosts, DenyPrivate: c.PrivateOrigins == "deny"}
}

func main() {
	if err := run(service.SignalContext(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "schedule:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cfg := Config{Environment: service.Environment{Port: "8001"}}
	if done, err := service.Load(&cfg, "schedule", args, stdout); done || err != nil {
		return err
	}
	log := cfg.Logger(stderr)
	service.FitContainer(log)

	store, err := schedulesql.Open(ctx, cfg.DatabaseURL)
	if err != nil {
		return err
	}
	for _, warning := range store.Warnings() {
		log.Warn("data may be lost", "hint", warning)
	}
	registry := service.NewRegistry("schedule")
	measured, playout := store.Measure(registry), store.Playout(cfg.Lead)
	loader := asset.New(asset.Options{Policy: cfg.policy()})
	handler, err := schedulehttp.New(schedulehttp.Options{
		Store: measured, Playout: measured.MeasurePlayout(playout), Logger: log, Origins: cfg.CORSWhitelist, APIKeys: cfg.APIKeys,
		Reports: store, AsRun: measured.Aired,
		EngineURL: cfg.EngineURL, EnginePageURL: cfg.EnginePageURL,
		Duration: loader.Duration,
		Inspect: func(ctx context.Context, uri string, ch *inspect.Channel) (*inspect.Report, error) {
			return inspect.Asset(ctx, loader, uri, ch)
		},
	})
	if err == nil {
		scheduler := autoschedule.New(autoschedule.Options{
			Store: measured, Logger: log, Policy: cfg.policy(), Duration: loader.Duration, Registerer: registry,
		})
		ctx, cancel := context.WithCancel(ctx)
		var background sync.WaitGroup
		background.Go(func() { scheduler.Run(ctx) })
		background.Go(func() { playout.Sweep(ctx, log) })
		err = service.Run(ctx, service.Options{
			Addr: cfg.Port.Addr(), MetricsAddr: cfg.MetricsPort.Addr(), PprofAddr: cfg.PprofPort.LocalAddr(),
			Handler: handler, Logger: log, Registry: registry, Ready: store.Ping,
			ReadTimeout: time.Minute,
		})
		cancel() // also if listening has failed
		background.Wait()
	}
	if closing := store.Close(); err == nil {
		err = closing
	}
	return err
}
