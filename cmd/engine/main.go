// Engine plays the channels of a schedule as live HLS. It writes playlists
// only: players fetch segments from where the VODs are.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"consuo/internal/asset"
	"consuo/internal/logmeter"
	"consuo/internal/playlog"
	"consuo/internal/playout"
	"consuo/internal/playouthttp"
	"consuo/internal/scheduleclient"
	"consuo/internal/service"
)

// Config is what the environment sets; -help prints it.
type Config struct {
	service.Environment
	ChannelManager string        `envconfig:"CHANNELMGRAPI" default:"http://127.0.0.1:8001" desc:"base URL of the schedule; may have a path"`
	APIKeys        service.List  `envconfig:"API_KEY" desc:"key to send to the schedule; of several, comma separated, the first"`
	PollInterval   time.Duration `envconfig:"POLL_INTERVAL" default:"5s" desc:"how often the schedule is read"`
	Window         time.Duration `envconfig:"WINDOW" default:"30s" desc:"least length of a playlist; three target durations are kept anyway"`
	SlateURI       string        `envconfig:"SLATE_URI" desc:"VOD to play where a channel has no filler; unset or not there: the built-in slate"`
	DeliveryMap    string        `envconfig:"DELIVERY_MAP" desc:"URL prefixes from=to, comma separated: where players find what the engine fetches"`

	delivery playout.Delivery
}

// Validate checks what the types don't.
func (c *Config) Validate() error {
	var faults []error
	if c.PollInterval < 500*time.Millisecond || c.PollInterval > time.Hour {
		faults = append(faults, fmt.Errorf("POLL_INTERVAL=%s: want 500ms to 1h", c.PollInterval))
	}
	if c.Window < time.Second || c.Window > 10*time.Minute {
		faults = append(faults, fmt.Errorf("WINDOW=%s: want 1s to 10m", c.Window))
	}
	if c.SlateURI != "" {
		if u, err := url.Parse(c.SlateURI); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			faults = append(faults, fmt.Errorf("SLATE_URI=%q: want the http or https URL of an HLS playlist", asset.Redact(c.SlateURI)))
		}
	}
	var err error
	if c.delivery, err = playout.ParseDelivery(c.DeliveryMap); err != nil {
		faults = append(faults, fmt.Errorf("DELIVERY_MAP: %w", err))
	}
	return errors.Join(append(faults, c.policy().Validate())...)
}

// apiKey is the key to send. Where schedule and engine share one setting it may
// have several, so that a key can be replaced without a gap.
func (c *Config) apiKey() string {
	if len(c.APIKeys) == 0 {
		return ""
	}
	return c.APIKeys[0]
}

func (c *Config) policy() asset.Policy {
	return asset.Policy{Hosts: c.OriginHosts, DenyPrivate: c.PrivateOrigins == "deny"}
}

func main() {
	if err := run(service.SignalContext(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cfg := Config{Environment: service.Environment{Port: "8000"}}
	if done, err := service.Load(&cfg, "engine", args, stdout); done || err != nil {
		return err
	}
	log := cfg.Logger(stderr)
	service.FitContainer(log)
	client, err := scheduleclient.New(scheduleclient.Options{BaseURL: cfg.ChannelManager, APIKey: cfg.apiKey()})
	if err != nil {
		return err
	}
	registry := service.NewRegistry("engine")
	clock := client.Clock()
	engine := playout.New(playout.Options{
		Schedule: client,
		Log:      &playout.Fallback{Shared: logmeter.NewMeter(registry, "consuo_engine").Log(client.Playout()), Memory: playlog.NewMemory(playlog.Lead), Logger: log},
		Now:      func() time.Time { return clock.Now(time.Now()) }, Jumps: clock.Jumps, InDoubt: clock.InDoubt,
		Loader: asset.New(asset.Options{Policy: cfg.policy()}),
		Window: cfg.Window, Poll: cfg.PollInterval, SlateURI: cfg.SlateURI, Delivery: cfg.delivery,
		Logger: log, Registerer: registry,
	})

	// Playout goes on until the last request has been answered.
	playing, stop := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan error, 1)
	go func() { stopped <- engine.Run(playing) }()
	err = service.Run(ctx, service.Options{
		Addr: cfg.Port.Addr(), MetricsAddr: cfg.MetricsPort.Addr(), PprofAddr: cfg.PprofPort.LocalAddr(),
		Handler: playouthttp.New(engine, log), Logger: log, Registry: registry,
		Ready: engine.Ready, Quiet: playouthttp.Quiet,
	})
	stop()
	return errors.Join(err, <-stopped)
}
