package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"consuo/internal/daemon"
	"consuo/internal/pgtest"
)

// TestMain makes the test binary the service itself when the tests start it as
// a process of its own: what is killed is the real program.
func TestMain(m *testing.M) {
	if os.Getenv("SCHEDULE_TEST_MAIN") == "1" {
		main()
		return
	}
	os.Exit(pgtest.Main(m))
}

// A process is the service, started and listening.
type process struct{ *daemon.Daemon }

func start(t *testing.T, env ...string) *process {
	t.Helper()
	d, err := daemon.Start(t.Context(), daemon.Command(os.Args[0], append(env, "SCHEDULE_TEST_MAIN=1")...), filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Kill)
	return &process{d}
}

// send returns the status, 0 if there was no answer.
func (p *process) send(method, path, body string) (int, string) {
	r, err := http.NewRequest(method, p.Base+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(content)
}

// Killed right after a 201, and in the middle of writes: what was answered is
// there after the next start. (What the power of a machine takes away is up to
// synchronous=FULL, which package schedulesql asserts on every connection.)
func TestKilled(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testKilled(t, filepath.Join(t.TempDir(), "new", "schedule.db")) })
	t.Run("postgres", func(t *testing.T) { testKilled(t, pgtest.URL(t)) })
}

// kills is how often; KILLS=100 in the environment is more.
func kills() int {
	n, err := strconv.Atoi(os.Getenv("KILLS"))
	if err != nil {
		return 10
	}
	return n
}

func testKilled(t *testing.T, database string) {
	env := "DATABASE_URL=" + database
	p := start(t, env)
	if status, body := p.send("POST", "/channels", `{"id":"one"}`); status != 201 {
		t.Fatal(status, body)
	}
	acknowledged := map[string]bool{}
	for round := range kills() {
		id := fmt.Sprintf("last-%d", round)
		var group sync.WaitGroup
		var mu sync.Mutex
		enough := make(chan struct{})
		for writer := range 4 {
			group.Go(func() {
				for i := 0; ; i++ {
					id := fmt.Sprintf("r%d-w%d-%d", round, writer, i)
					at := ((round*4+writer)*100000 + i) * 1000
					status, body := p.send("POST", "/channels/one/schedule",
						fmt.Sprintf(`{"id":%q,"uri":"https://a/b","start_time":%d,"duration":1}`, id, 1795348800000+at))
					if status != 201 {
						if status != 0 {
							t.Errorf("%d %s", status, body)
						}
						return // killed
					}
					mu.Lock()
					acknowledged[id] = true
					mu.Unlock()
					if writer == 0 && i == 5 {
						close(enough)
					}
				}
			})
		}
		<-enough
		status, body := p.send("POST", "/channels/one/schedule",
			fmt.Sprintf(`{"id":%q,"uri":"https://a/b","start_time":%d,"duration":1}`, id, 1700000000000+round*1000))
		p.Kill()
		group.Wait()
		if status != 201 {
			t.Fatal(status, body)
		}
		acknowledged[id] = true

		p = start(t, env)
		_, body = p.send("GET", "/channels/one/schedule", "")
		var events []struct {
			ID        string
			StartTime int64 `json:"start_time"`
			EndTime   int64 `json:"end_time"`
		}
		if err := json.Unmarshal([]byte(body), &events); err != nil {
			t.Fatal(err)
		}
		present := map[string]bool{}
		for i, e := range events {
			present[e.ID] = true
			if i > 0 && e.StartTime < events[i-1].EndTime {
				t.Errorf("%v overlaps %v", e, events[i-1])
			}
		}
		for id := range acknowledged {
			if !present[id] {
				t.Errorf("round %d: %s was answered with 201 and is lost", round, id)
			}
		}
	}
	if err := p.Stop(syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v: %s", err, p.Log())
	}
	if !strings.Contains(p.Log(), `"msg":"stopped"`) {
		t.Errorf("log: %s", p.Log())
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"DATABASE_URL=postgres://u:secret@127.0.0.1:1/db"}, "is the server up"},
		{[]string{"CORS_WHITELIST=example.com"}, "CORS_WHITELIST"},
		{[]string{"ENGINE_URL=live.example.com"}, "ENGINE_URL"},
		{[]string{"ENGINE_PAGE_URL=engine:8000"}, "ENGINE_PAGE_URL"},
		{[]string{"LEAD=500ms"}, "want 1s to 60s"},
		{[]string{"LOG_LEVEL=loud", "METRICS_PORT=x"}, "METRICS_PORT"},
		{[]string{"DATABASE_URL=/proc/nowhere/schedule.db"}, "DATABASE_URL"},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Dir = t.TempDir()
		cmd.Env = append([]string{"SCHEDULE_TEST_MAIN=1", "PORT=0"}, c.env...)
		output, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(output), c.want) || strings.Contains(string(output), "secret") {
			t.Errorf("%v: %v: %s", c.env, err, output)
		}
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-help"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"PORT", "8001", "KEY", "LOG_LEVEL", "LOG_FORMAT", "ORIGIN_HOSTS", "PRIVATE_ORIGINS",
		"METRICS_PORT", "CORS_WHITELIST", "DATABASE_URL", "data/schedule.db", "API_KEY", "LEAD", "ENGINE_URL", "ENGINE_PAGE_URL"} {
		if !strings.Contains(out.String(), name) {
			t.Errorf("-help lacks %s:\n%s", name, &out)
		}
	}
}
