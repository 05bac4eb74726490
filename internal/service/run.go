package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// Options say what [Run] serves. Handler, Logger and Registry are required.
type Options struct {
	// Addr is where to listen, for instance ":8001". Listener, if it is set, is used instead.
	Addr     string
	Listener net.Listener
	// MetricsAddr moves /metrics to a listener of its own; "" leaves it with the rest.
	MetricsAddr string
	// PprofAddr is where Go's profiles are served, for instance
	// "127.0.0.1:6060"; "" is nowhere. Whoever reads them sees into the process.
	PprofAddr string

	Handler  http.Handler
	Logger   *slog.Logger
	Registry *prometheus.Registry
	// Ready is asked by /readyz, for at most 2 s: nil is ready, an error is the
	// reason why not. Without Ready the service is always ready.
	Ready func(context.Context) error
	// ReadTimeout is how long a request with its body may take to arrive; 0 is
	// as long as its header may, for a service that takes no bodies. (Equal
	// limits also cost net/http one timer less for each request.)
	ReadTimeout time.Duration
	// Quiet names requests that are not written to the access log, such as the
	// playlists. They are counted nevertheless.
	Quiet func(*http.Request) bool
}

// How a service stops at SIGTERM. Whatever sends it requests (an ALB,
// Kubernetes, a proxy) needs time to see that it should not: until then it must
// be served.
const (
	// LameDuck is how long a service that was told to stop goes on accepting and
	// serving, while /readyz says that it is not ready and every answer asks the
	// client to open its next connection elsewhere.
	LameDuck = 3 * time.Second
	// lastRequests is how long after that the connections which are open
	// already may begin a request. http.Server.Shutdown answers no request whose
	// header it has not read yet.
	lastRequests = 500 * time.Millisecond
	// Drain is how long requests in flight may then take to end.
	Drain = 5 * time.Second
	// StopTime is what the whole takes at most: less than the 10 s that docker
	// stop gives a container, the shortest of all grace periods.
	StopTime = LameDuck + lastRequests + Drain
)

// ErrTerminated is the cause of a context that SIGTERM has ended.
var ErrTerminated = errors.New("terminated")

// SignalContext is the context of a main: SIGTERM and Ctrl-C end it. A second
// signal has its default effect and ends the process at once.
func SignalContext() context.Context {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		cause := context.Canceled
		if <-signals == syscall.SIGTERM {
			cause = ErrTerminated
		}
		signal.Stop(signals)
		cancel(cause)
	}()
	return ctx
}

// Handler is what [Run] serves on Addr: the operators' routes (/healthz,
// /readyz, and /metrics unless it has a listener of its own), and Handler
// inside the middleware. It may be called once per Registry.
func Handler(o Options) http.Handler {
	return newOps(o)
}

// ops serves the operators' routes before the service's own.
type ops struct {
	next     http.Handler
	ready    func(context.Context) error
	metrics  http.Handler // nil: not here
	stopping atomic.Bool
}

func newOps(o Options) *ops {
	m := &ops{ready: o.Ready}
	o.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "service_ready", Help: "1 where /readyz says that the service is ready, else 0.",
	}, func() float64 {
		if m.readiness(context.Background()) != nil {
			return 0
		}
		return 1
	}))
	if o.MetricsAddr == "" {
		m.metrics = metricsHandler(o)
	}
	m.next = instrument(o.Handler, o.Logger, newMetrics(o.Registry), o.Quiet)
	return m
}

func metricsHandler(o Options) http.Handler {
	return promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelError),
	})
}

func (m *ops) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m.stopping.Load() {
		w.Header().Set("Connection", "close") // the next request should go elsewhere
	}
	switch r.URL.Path {
	case "/healthz":
		answerOps(w, r, nil)
	case "/readyz":
		answerOps(w, r, m.readiness(r.Context()))
	case "/metrics":
		if m.metrics == nil {
			m.next.ServeHTTP(w, r)
			return
		}
		m.metrics.ServeHTTP(w, r)
	default:
		m.next.ServeHTTP(w, r)
	}
}

func (m *ops) readiness(ctx context.Context) error {
	if m.stopping.Load() {
		return errors.New("the service is stopping")
	}
	if m.ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return m.ready(ctx)
}

func answerOps(w http.ResponseWriter, r *http.Request, err error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		WriteProblem(w, r, http.StatusMethodNotAllowed, "Use GET or HEAD.")
		return
	}
	if err != nil {
		WriteProblem(w, r, http.StatusServiceUnavailable, err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok\n")
}

// Run listens and serves until ctx ends, gives requests in flight the time of
// Drain, and cuts off the rest. If the cause is [ErrTerminated] it first spends
// LameDuck serving. It returns an error when it can't listen or the listener
// fails, nil after a shutdown. A main gives it [SignalContext].
func Run(ctx context.Context, o Options) error {
	listener, err := listen(ctx, o.Listener, o.Addr, "PORT")
	if err != nil {
		return err
	}
	handler := newOps(o)
	servers := map[*http.Server]net.Listener{newServer(handler, cmp.Or(o.ReadTimeout, headerTimeout), o.Logger): listener}
	for _, side := range []struct {
		message, addr, variable, path string
		handler                       func() http.Handler
	}{
		{"serving metrics", o.MetricsAddr, "METRICS_PORT", "/metrics", func() http.Handler { return metricsHandler(o) }},
		{"serving profiles", o.PprofAddr, "PPROF_PORT", "/debug/pprof/", profiles},
	} {
		if side.addr == "" {
			continue
		}
		l, err := listen(ctx, nil, side.addr, side.variable)
		if err != nil {
			for _, l := range servers {
				_ = l.Close()
			}
			return err
		}
		mux := http.NewServeMux()
		mux.Handle(side.path, side.handler())
		servers[newServer(mux, headerTimeout, o.Logger)] = l
		o.Logger.Info(side.message, "addr", l.Addr().String())
	}
	o.Logger.Info("listening", "addr", listener.Addr().String(), "version", Version())

	group, running := errgroup.WithContext(ctx)
	for server, l := range servers {
		group.Go(func() error {
			err := server.Serve(deadlineListener{l})
			if handler.stopping.Load() { // shutdown has closed the listener
				return nil
			}
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		})
		group.Go(func() error {
			<-running.Done()
			handler.stopping.Store(true)
			shutdown(ctx, server, l, o.Logger)
			return nil
		})
	}
	err = group.Wait()
	o.Logger.Info("stopped")
	return err
}

// shutdown ends server after ctx has ended, for the reason that ctx tells.
func shutdown(ctx context.Context, server *http.Server, l net.Listener, log *slog.Logger) {
	if errors.Is(context.Cause(ctx), ErrTerminated) {
		log.Info("stopping: not ready, serving on for a while", "addr", l.Addr().String(), "lame_duck", LameDuck.String())
		time.Sleep(LameDuck)
		_ = l.Close()
		time.Sleep(lastRequests)
	}
	// ctx has ended, but what it carries is still wanted.
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), Drain)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		log.Warn("requests were cut off", "err", err, "drain", Drain.String())
		_ = server.Close()
	}
}

// profiles serves what net/http/pprof has. Importing that package also gives it
// to http.DefaultServeMux, which nobody here serves.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func listen(ctx context.Context, l net.Listener, addr, variable string) (net.Listener, error) {
	if l != nil {
		return l, nil
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w (set %s to another port)", err, variable)
	}
	return l, nil
}

// headerTimeout is how long the header of a request may take to arrive.
const headerTimeout = 5 * time.Second

// newServer bounds everything that a peer can hold open. Connections idle for
// longer than an ALB keeps them (60 s), so that it never reuses a closed one.
func newServer(h http.Handler, read time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       read,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       95 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
