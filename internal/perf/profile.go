package perf

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"consuo/internal/load"

	"golang.org/x/sync/errgroup"
)

// Profile writes a profile of the engine's CPU under the load of players, for
// the compiler: cmd/engine/default.pgo.
func Profile(ctx context.Context, o Options, file string) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	s, err := newSystem(ctx, o, setup{channels: 100, engineEnv: []string{"PPROF_PORT=" + strconv.Itoa(port)}})
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.wake(ctx, s.channels); err != nil {
		return err
	}
	const seconds = 20
	group, ctx := errgroup.WithContext(ctx)
	for _, conditional := range []bool{false, true} {
		group.Go(func() error {
			_, err := load.Run(ctx, load.Options{
				Base: s.engine.Base, Channels: s.channels, Players: 20, Rate: 1500, For: (seconds + 4) * time.Second,
				Gzip: true, Conditional: conditional,
			})
			return err
		})
	}
	group.Go(func() error {
		if err := wait(ctx, 2*time.Second); err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=%d", port, seconds), nil)
		if err != nil {
			return err
		}
		response, err := s.client.Do(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		profile, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("profile: %s: %s", response.Status, profile)
		}
		if err != nil {
			return err
		}
		return os.WriteFile(file, profile, 0o644)
	})
	return group.Wait()
}

// freePort returns a port on which nobody listens.
func freePort(ctx context.Context) (int, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
