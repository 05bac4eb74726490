package awstest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"consuo/internal/pgtest"
	"consuo/internal/testneeds"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// task is a program that runs with the variables of its task definition, and
// no others.
type task struct {
	addr, metrics string // where it listens
	env           []string
	cmd           *exec.Cmd
	log           *bytes.Buffer // belongs to the reader of its output until done
	done          chan struct{}
}

// run starts a program with the template's variables, but for those that name
// what is only there on AWS.
func run(t *testing.T, binary string, s *stack, service string, secrets map[string]string, instead map[string]string) *task {
	t.Helper()
	box := container(t, s, service)
	p := &task{cmd: exec.Command(binary), log: new(bytes.Buffer), done: make(chan struct{})}
	for name, value := range pairs(t, box["Environment"], "Name", "Value") {
		if v, ok := instead[name]; ok {
			value = v
		}
		p.env = append(p.env, name+"="+value)
	}
	for name, from := range pairs(t, box["Secrets"], "Name", "ValueFrom") {
		p.env = append(p.env, name+"="+secrets[from])
	}
	p.cmd.Env, p.cmd.Dir = p.env, t.TempDir()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })

	listening := make(chan struct{})
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			p.log.Write(append(lines.Bytes(), '\n'))
			var line struct{ Msg, Addr string }
			_ = json.Unmarshal(lines.Bytes(), &line) // a panic is no JSON
			_, port, _ := net.SplitHostPort(line.Addr)
			switch line.Msg {
			case "listening":
				p.addr = "127.0.0.1:" + port
			case "serving metrics":
				p.metrics = "127.0.0.1:" + port
				close(listening)
			}
		}
		_ = p.cmd.Wait()
	}()
	select {
	case <-listening:
	case <-p.done:
		t.Fatalf("%s ended: %s", service, p.log)
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
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/schedule", "./cmd/engine")
	build.Dir, build.Env = testneeds.Root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := evaluate(t, map[string]any{"Key": "any"})
	schedule := run(t, filepath.Join(bin, "schedule"), s, "Schedule", secrets, map[string]string{"PORT": "0", "METRICS_PORT": "0", "DATABASE_URL": url})
	if code, body := get(t, "http://"+schedule.addr+"/channels", "", `{"id":"one","name":"One","config":{}}`); code != http.StatusUnauthorized {
		t.Errorf("a write without a key: %d %s", code, body)
	}
	if code, body := get(t, "http://"+schedule.addr+"/channels", "theKey1", `{"id":"one","name":"One","config":{}}`); code != http.StatusCreated {
		t.Errorf("a write: %d %s", code, body)
	}
	engine := run(t, filepath.Join(bin, "engine"), s, "Engine", secrets, map[string]string{"PORT": "0", "METRICS_PORT": "0", "CHANNELMGRAPI": "http://" + schedule.addr})
	if code, body := get(t, "http://"+engine.addr+"/live/master.m3u8?channel=one", "", ""); code != http.StatusOK || !strings.Contains(body, "#EXTM3U") {
		t.Errorf("the channel: %d %s", code, body)
	}

	for name, p := range map[string]*task{"Schedule": schedule, "Engine": engine} {
		if code, _ := get(t, "http://"+p.addr+text(t, s.resources[name+"Targets"], "HealthCheckPath"), "", ""); code != http.StatusOK {
			t.Errorf("%s: the load balancer sees %d", name, code)
		}
		if code, _ := get(t, "http://"+p.addr+"/metrics", "", ""); code != http.StatusNotFound {
			t.Errorf("%s: metrics are where the load balancer is: %d", name, code)
		}
		if code, _ := get(t, "http://"+p.metrics+"/metrics", "", ""); code != http.StatusOK {
			t.Errorf("%s: metrics: %d", name, code)
		}
		_, port, _ := net.SplitHostPort(p.addr)
		check := exec.CommandContext(t.Context(), p.cmd.Path, text(t, container(t, s, name), "HealthCheck", "Command", 2))
		check.Env = append(p.env, "PORT="+port)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: health check: %v %s", name, err, out)
		}
	}
	for _, p := range []*task{engine, schedule} {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	for name, p := range map[string]*task{"Engine": engine, "Schedule": schedule} {
		<-p.done
		if !p.cmd.ProcessState.Success() {
			t.Errorf("%s stops with %v", name, p.cmd.ProcessState)
		}
		for _, bad := range []string{"theKey1", password, `"level":"ERROR"`, "variable is not known", "data may be lost"} {
			if strings.Contains(p.log.String(), bad) {
				t.Errorf("%s: the log has %s:\n%s", name, bad, p.log)
			}
		}
	}
}
