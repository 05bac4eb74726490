package demo

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"consuo/internal/daemon"
	"consuo/internal/testneeds"
)

// The whole of make demo, on other ports.
func TestDemo(t *testing.T) {
	bin := t.TempDir()
	if err := daemon.Build(t.Context(), testneeds.Root(), bin, "./cmd/demo"); err != nil {
		t.Fatal(err)
	}
	schedule, engine, vod := strconv.Itoa(freePort(t)), strconv.Itoa(freePort(t)), strconv.Itoa(freePort(t))
	data := t.TempDir()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} { // the second start finds what the first has left
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "demo"),
			"-data", data, "-schedule-port", schedule, "-engine-port", engine, "-vod-port", vod)
		cmd.Dir = testneeds.Root()
		out, errors := &output{}, &output{}
		cmd.Stdout, cmd.Stderr = out, errors
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		url := "http://localhost:" + engine + "/live/master.m3u8?channel=demo"
		waitFor(t, "line about what is on", time.Minute, func() bool {
			select {
			case err := <-ended:
				t.Fatalf("it ended with %v\n%s%s", err, out, errors)
			default:
			}
			return strings.Contains(out.String(), "on now: ") || strings.Contains(out.String(), "filler")
		})
		if !strings.Contains(out.String(), url) {
			t.Errorf("the URL is missing:\n%s", out)
		}
		text := body(t, url)
		variants := regexp.MustCompile(`(?m)^[^#\s].*$`).FindAllString(text, -1)
		if len(variants) != 2 {
			t.Errorf("%d variants:\n%s", len(variants), text)
		}
		if list := body(t, "http://localhost:"+schedule+"/channels.m3u"); !strings.Contains(list, "\n"+url+"\n") {
			t.Errorf("the schedule's links lead elsewhere:\n%s", list)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("%v ended it with %v\n%s%s", signal, err, out, errors)
		}
		for _, port := range []string{schedule, engine, vod} {
			if l, err := net.Listen("tcp", ":"+port); err != nil {
				t.Errorf("port %s is still in use", port)
			} else {
				l.Close()
			}
		}
	}
}

func body(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("GET %s: %s, %v\n%s", url, resp.Status, err, b)
	}
	return string(b)
}
