package awstest

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"consuo/internal/daemon"
	"consuo/internal/pgtest"
	"consuo/internal/testneeds"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// task is a program that runs with the variables of its task definition, and
// no others.
type task struct {
	*daemon.Daemon
	env     []string
	metrics string // base URL
}

// run starts a program with the template's variables, but for those that name
// what is only there on AWS.
func run(t *testing.T, binary string, s *stack, service string, secrets map[string]string, instead map[string]string) *task {
	t.Helper()
	box := container(t, s, service)
	p := &task{}
	for name, value := range pairs(t, box["Environment"], "Name", "Value") {
		if v, ok := instead[name]; ok {
			value = v
		}
		p.env = append(p.env, name+"="+value)
	}
	for name, from := range pairs(t, box["Secrets"], "Name", "ValueFrom") {
		p.env = append(p.env, name+"="+secrets[from])
	}
	cmd := exec.Command(binary)
	cmd.Env, cmd.Dir = p.env, t.TempDir()
	var err error
	if p.Daemon, err = daemon.Start(t.Context(), cmd, filepath.Join(cmd.Dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	for line := range strings.Lines(p.Log()) {
		var entry struct{ Msg, Addr string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "serving metrics" {
			_, port, _ := net.SplitHostPort(entry.Addr)
			p.metrics = "http://127.0.0.1:" + port
		}
	}
	return p
}

// get returns status and body of a request, which is a POST if it has a body.
func get(t *testing.T, url, key, body string) (int, string) {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// Both programs run with what their task definitions give them, and nothing
// else: on PostgreSQL with a password from a secret, healthy by their own
// check, with metrics apart, writes by key only, and a channel on air.
func TestTasksRun(t *testing.T) {
	url, password := pgtest.WithPassword(t)
	secrets := map[string]string{"ApiKeySecret": "theKey1", "DatabaseSecret:password::": password}
	bin := t.TempDir()
	if err := daemon.Build(t.Context(), testneeds.Root(), bin); err != nil {
		t.Fatal(err)
	}
	s := evaluate(t, map[string]any{"Key": "any"})
	schedule := run(t, filepath.Join(bin, "schedule"), s, "Schedule", secrets, map[string]string{"PORT": "0", "METRICS_PORT": "0", "DATABASE_URL": url})
	if code, body := get(t, schedule.Base+"/channels", "", `{"id":"one","name":"One","config":{}}`); code != http.StatusUnauthorized {
		t.Errorf("a write without a key: %d %s", code, body)
	}
	if code, body := get(t, schedule.Base+"/channels", "theKey1", `{"id":"one","name":"One","config":{}}`); code != http.StatusCreated {
		t.Errorf("a write: %d %s", code, body)
	}
	engine := run(t, filepath.Join(bin, "engine"), s, "Engine", secrets, map[string]string{"PORT": "0", "METRICS_PORT": "0", "CHANNELMGRAPI": schedule.Base})
	if code, body := get(t, engine.Base+"/live/master.m3u8?channel=one", "", ""); code != http.StatusOK || !strings.Contains(body, "#EXTM3U") {
		t.Errorf("the channel: %d %s", code, body)
	}

	for name, p := range map[string]*task{"Schedule": schedule, "Engine": engine} {
		if code, _ := get(t, p.Base+text(t, s.resources[name+"Targets"], "HealthCheckPath"), "", ""); code != http.StatusOK {
			t.Errorf("%s: the load balancer sees %d", name, code)
		}
		if code, _ := get(t, p.Base+"/metrics", "", ""); code != http.StatusNotFound {
			t.Errorf("%s: metrics are where the load balancer is: %d", name, code)
		}
		if code, _ := get(t, p.metrics+"/metrics", "", ""); code != http.StatusOK {
			t.Errorf("%s: metrics: %d", name, code)
		}
		check := exec.CommandContext(t.Context(), filepath.Join(bin, strings.ToLower(name)), text(t, container(t, s, name), "HealthCheck", "Command", 2))
		check.Env = append(p.env, "PORT="+p.Base[strings.LastIndexByte(p.Base, ':')+1:])
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: health check: %v %s", name, err, out)
		}
	}
	var stopping sync.WaitGroup
	for name, p := range map[string]*task{"Engine": engine, "Schedule": schedule} {
		stopping.Go(func() {
			if err := p.Stop(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			for _, bad := range []string{"theKey1", password, `"level":"ERROR"`, "variable is not known", "data may be lost"} {
				if strings.Contains(p.Log(), bad) {
					t.Errorf("%s: the log has %s:\n%s", name, bad, p.Log())
				}
			}
		})
	}
	stopping.Wait()
}
