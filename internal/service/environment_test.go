package service

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

type testConfig struct {
	Environment
	Wait  time.Duration `envconfig:"WAIT" default:"5s" desc:"how long to wait"`
	Fault error         `ignored:"true"`
}

func (c *testConfig) Validate() error { return c.Fault }

func load(t *testing.T, args ...string) (*testConfig, error) {
	t.Helper()
	cfg := &testConfig{Environment: Environment{Port: "8001"}}
	done, err := Load(cfg, "test", args, io.Discard)
	if done {
		t.Fatal("Load says done")
	}
	return cfg, err
}

func TestLoadDefaults(t *testing.T) {
	t.Setenv("METRICS_PORT", "") // compose files set what they don't know to nothing
	t.Setenv("WAIT", " ")
	t.Setenv("ORIGIN_HOSTS", " a.example ,, b.example:8080,")
	t.Setenv("KEY", "anything")
	cfg, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Port.Addr() != ":8001" || cfg.MetricsPort.Addr() != "" || cfg.Wait != 5*time.Second {
		t.Errorf("got %+v", cfg)
	}
	if want := (List{"a.example", "b.example:8080"}); !slices.Equal(cfg.OriginHosts, want) {
		t.Errorf("ORIGIN_HOSTS %q, want %q", cfg.OriginHosts, want)
	}
}

func TestLoadNamesEveryFault(t *testing.T) {
	t.Setenv("PORT", "80x")
	t.Setenv("METRICS_PORT", "70000")
	t.Setenv("WAIT", "5")
	_, err := load(t)
	for _, want := range []string{`PORT="80x"`, `METRICS_PORT="70000"`, `WAIT="5"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}

func TestLoadValidates(t *testing.T) {
	t.Setenv("LOG_LEVEL", "loud")
	t.Setenv("LOG_FORMAT", "xml")
	t.Setenv("PRIVATE_ORIGINS", "maybe")
	t.Setenv("METRICS_PORT", "8001")
	t.Setenv("PPROF_PORT", "8001")
	cfg := &testConfig{Environment: Environment{Port: "8001"}, Fault: errors.New("own fault")}
	_, err := Load(cfg, "test", nil, io.Discard)
	for _, want := range []string{"LOG_LEVEL", "LOG_FORMAT", "PRIVATE_ORIGINS", "METRICS_PORT", "PPROF_PORT", "own fault"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}

// Side ports are their own, unless the system chooses them.
func TestPorts(t *testing.T) {
	for _, c := range []struct{ port, metrics, pprof, names string }{
		{"0", "0", "0", ""},
		{"8001", "9001", "6060", ""},
		{"8001", "8001", "6060", "METRICS_PORT="},
		{"8001", "9001", "8001", "PPROF_PORT="},
		{"8001", "9001", "9001", "PPROF_PORT="},
	} {
		t.Setenv("PORT", c.port)
		t.Setenv("METRICS_PORT", c.metrics)
		t.Setenv("PPROF_PORT", c.pprof)
		_, err := Load(new(testConfig), "test", nil, io.Discard)
		if (err != nil) != (c.names != "") || err != nil && !strings.HasPrefix(err.Error(), c.names) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestLoadHelp(t *testing.T) {
	var out bytes.Buffer
	cfg := &testConfig{Environment: Environment{Port: "8001"}}
	done, err := Load(cfg, "test", []string{"-help"}, &out)
	if !done || err != nil {
		t.Fatal(done, err)
	}
	for _, want := range []string{"PORT ", "8001", "WAIT", "5s", "how long to wait", "METRICS_PORT"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("usage lacks %q:\n%s", want, &out)
		}
	}
	if _, err := load(t, "-port=1"); err == nil || !strings.Contains(err.Error(), "-help") {
		t.Errorf("an unknown argument gives %v", err)
	}
}

func TestMisspelt(t *testing.T) {
	known := []string{"PORT", "KEY", "CORS_WHITELIST", "DATABASE_URL", "API_KEY", "LEAD"}
	for _, c := range []struct {
		name string
		hint bool
	}{
		{"CORS_WHITLIST", true},
		{"CORS_WHITELISTS", true},
		{"DATABASE_URI", true},
		{"database_url", true},
		{"APIKEY", true},
		{"port", true},
		{"PORT", false},
		{"SORT", false},
		{"HOME", false},
		{"LOAD", false},
		{"SCHEDULE_PORT", false}, // Kubernetes makes these
		{"CORS_ORIGINS", false},
	} {
		hints := misspelt([]string{c.name + "=x"}, known)
		if (len(hints) > 0) != c.hint {
			t.Errorf("%s: hints %q, want any: %v", c.name, hints, c.hint)
		}
	}
}

func TestLoggerWarnsOfMisspelling(t *testing.T) {
	t.Setenv("LOG_LEVLE", "debug")
	cfg, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cfg.Logger(&out)
	if !strings.Contains(out.String(), "did you mean LOG_LEVEL?") {
		t.Errorf("log: %s", &out)
	}
}

func TestLogFormat(t *testing.T) {
	for format, want := range map[string]string{"json": `"msg":"two words"`, "text": `msg="two words"`} {
		t.Setenv("LOG_FORMAT", format)
		cfg, err := load(t)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if cfg.Logger(&out).Info("two words"); !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", format, &out)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	o := testOptions(io.Discard)
	server := httptest.NewServer(Handler(o))
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	cfg := &testConfig{Environment: Environment{Port: Port(port)}}
	if done, err := Load(cfg, "test", []string{"healthcheck"}, io.Discard); !done || err != nil {
		t.Errorf("healthy service: %v, %v", done, err)
	}
	server.Close()
	if done, err := Load(cfg, "test", []string{"healthcheck"}, io.Discard); !done || err == nil {
		t.Errorf("no service: %v, %v", done, err)
	}
}

func testOptions(log io.Writer) Options {
	return Options{
		Logger:   slog.New(slog.NewJSONHandler(log, nil)),
		Registry: NewRegistry("test"),
		Handler:  http.NotFoundHandler(),
	}
}
