package cachetest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"consuo/internal/daemon"
	"consuo/internal/testneeds"
)

// station is both services as processes, the sample VODs, and nginx in front
// of the engine.
type station struct {
	testing.TB
	dir             string // of everything, with logs
	engine, cache   string // base URLs
	schedule        string
	vods            string // where players find them; to the engine they are on localhost
	engineProcess   *daemon.Daemon
	engineVariables []string
}

// channel is on air at a station, with one VOD after another.
const channel = "one"

func newStation(t testing.TB) *station {
	t.Helper()
	s := &station{TB: t, dir: t.TempDir()}
	nginx := s.configure()

	if err := daemon.Build(t.Context(), testneeds.Root(), s.dir); err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(filepath.Join(testneeds.Root(), "testdata", "vod")))
	vods := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if strings.HasPrefix(r.Host, "localhost:") && strings.HasSuffix(r.URL.Path, ".ts") {
			http.Error(w, "players don't know this name", http.StatusMisdirectedRequest)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(vods.Close)
	s.vods = vods.URL
	inside := "http://localhost:" + port(s.vods)
	s.schedule = "http://127.0.0.1:" + freePort(t)
	s.start(daemon.Command(filepath.Join(s.dir, "schedule"), "PORT="+port(s.schedule), "DATABASE_URL="+filepath.Join(s.dir, "schedule.db")))
	s.await(s.schedule + "/readyz")
	s.programme(inside)
	s.engineVariables = []string{"PORT=" + port(s.engine), "CHANNELMGRAPI=" + s.schedule, "DELIVERY_MAP=" + inside + "/=" + s.vods + "/"}
	s.startEngine()
	s.start(exec.CommandContext(context.Background(), nginx[0], nginx[1:]...))
	s.await(s.cache + "/healthz")
	s.await(s.cache + "/live/master.m3u8?channel=" + channel)
	return s
}

// configure writes nginx's configuration as compose mounts it, with addresses
// and folders of this machine, has nginx check it, and returns its command.
func (s *station) configure() (command []string) {
	s.Helper()
	program := testneeds.Tool(s, "nginx")
	s.engine = "http://127.0.0.1:" + freePort(s)
	s.cache = "http://127.0.0.1:" + freePort(s)
	folder := filepath.Join(testneeds.Root(), "deploy", "compose")
	text, err := os.ReadFile(filepath.Join(folder, "nginx.conf"))
	if err != nil {
		s.Fatal(err)
	}
	conf := string(text)
	for _, change := range [][2]string{
		{"engine:8000 resolve;", "127.0.0.1:" + port(s.engine) + ";"}, // resolve is of nginx 1.27.3, Debian's is older
		{"listen    8080;", "listen 127.0.0.1:" + port(s.cache) + ";"},
		{"/tmp/", s.dir + "/"},
	} {
		if !strings.Contains(conf, " "+change[0]) {
			s.Fatalf("nginx.conf lacks %s, which this test replaces", change[0])
		}
		conf = strings.ReplaceAll(conf, " "+change[0], " "+change[1])
	}
	script, err := os.ReadFile(filepath.Join(folder, "cache.js"))
	if err != nil {
		s.Fatal(err)
	}
	for name, data := range map[string][]byte{"nginx.conf": []byte(conf), "cache.js": script} {
		if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o644); err != nil {
			s.Fatal(err)
		}
	}
	command = []string{program, "-e", "stderr", "-c", filepath.Join(s.dir, "nginx.conf")}
	out, err := exec.CommandContext(s.Context(), program, append(command[1:], "-t")...).CombinedOutput()
	if err != nil && strings.Contains(string(out), "dlopen()") {
		testneeds.Missing(s, "libnginx-mod-http-js")
	}
	if err != nil {
		s.Fatalf("nginx -t: %v\n%s", err, out)
	}
	directives := "daemon off;"
	if os.Getuid() == 0 {
		directives += " user root;" // else its workers may not enter the test's folder
	}
	return append(command, "-g", directives)
}

// start runs a program until the test ends, or until it is killed.
func (s *station) start(cmd *exec.Cmd) *daemon.Daemon {
	s.Helper()
	d, err := daemon.Spawn(cmd, filepath.Join(s.dir, filepath.Base(cmd.Path)+".log"))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = d.Stop(syscall.SIGTERM) // nginx has workers to end; what was killed is past it
		if s.Failed() {
			text := d.Log()
			s.Logf("the end of the log of %s:\n%s", filepath.Base(cmd.Path), text[max(0, len(text)-1000):])
		}
	})
	return d
}

func (s *station) startEngine() {
	s.Helper()
	s.engineProcess = s.start(daemon.Command(filepath.Join(s.dir, "engine"), s.engineVariables...))
}

// programme puts ten minutes on the channel, without a gap.
func (s *station) programme(vods string) {
	s.Helper()
	s.post("/channels", map[string]any{"id": channel, "name": "One", "config": map[string]any{}})
	var events []map[string]any
	at := time.Now().Add(-time.Minute)
	for i := range 20 {
		vod := []string{"ember", "harbour", "meadow"}[i%3]
		end := at.Add(33 * time.Second)
		events = append(events, map[string]any{
			"title": vod, "uri": vods + "/" + vod + "/master.m3u8", "start_time": at.UnixMilli(), "end_time": end.UnixMilli(),
		})
		at = end
	}
	s.post("/channels/"+channel+"/schedule", events)
}

func (s *station) post(path string, body any) {
	s.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	resp, err := http.Post(s.schedule+path, "application/json", bytes.NewReader(data))
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusCreated {
		s.Fatalf("POST %s: %s: %s", path, resp.Status, answer)
	}
}

// await asks until the answer is 200.
func (s *station) await(url string) {
	s.Helper()
	last := ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(url)
		if err != nil {
			last = err.Error()
			continue
		}
		_ = resp.Body.Close()
		if last = resp.Status; resp.StatusCode == http.StatusOK {
			return
		}
	}
	s.Fatalf("GET %s is no 200 after 30 s: %s", url, last)
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return port("http://" + l.Addr().String())
}

// port is that of a base URL.
func port(base string) string { return base[strings.LastIndexByte(base, ':')+1:] }

// answer is what a player got.
type answer struct {
	status int
	header http.Header
	body   string // decoded
}

// cached says whether the cache answered by itself.
func (a answer) cached() bool {
	switch a.header.Get("X-Cache-Status") {
	case "HIT", "STALE", "UPDATING":
		return true
	}
	return false
}

// client keeps a connection for each of many players, and leaves encodings to them.
var client = &http.Client{
	Timeout:   15 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: players, DisableCompression: true},
}

func get(ctx context.Context, url string, header http.Header) (answer, error) {
	return do(ctx, http.MethodGet, url, header)
}

func do(ctx context.Context, method, url string, header http.Header) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return answer{}, err
	}
	if header != nil {
		r.Header = header
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" && method != http.MethodHead && resp.StatusCode == http.StatusOK {
		if body, err = gzip.NewReader(resp.Body); err != nil {
			return answer{}, fmt.Errorf("GET %s: %w", url, err)
		}
	}
	text, err := io.ReadAll(body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}
