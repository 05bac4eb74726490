package operations

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// entries reads a log: every line of it is a JSON object.
func (p *process) entries(t *testing.T) (entries []map[string]any) {
	t.Helper()
	for line := range strings.Lines(p.Log()) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("a line of the log is no JSON object: %v: %s", err, line)
			continue
		}
		entries = append(entries, e)
	}
	return entries
}

// Tokens are in query strings, passwords in URLs, keys in headers and the
// environment. None of them is in a log, a status or a metric, at any level,
// whether what they are for works or fails.
func TestLogsHaveNoSecrets(t *testing.T) {
	vods := origin(t, feed)
	secret := func(what string) string { return "SECRET-" + what }
	// with is a URL of the origin with a secret for what it is for; user adds a password.
	with := func(path, what string) string { return vods.URL + path + "?token=" + secret(what) + "#" + secret(what) }
	user := func(url string) string { return strings.Replace(url, "://", "://joe:"+secret("password")+"@", 1) }

	schedule := start(t, "schedule", "DATABASE_URL=s.db", "API_KEY="+secret("key"), "LOG_LEVEL=debug")
	engine := start(t, "engine", "CHANNELMGRAPI="+user(schedule.Base)+"?token="+secret("manager"), "API_KEY="+secret("key"), "LOG_LEVEL=debug",
		"POLL_INTERVAL=500ms", "SLATE_URI="+with("/nothing/slate.m3u8", "slate"))
	lost := start(t, "engine", "CHANNELMGRAPI="+user("http://127.0.0.1:9"), "API_KEY="+secret("key"), "LOG_LEVEL=debug", "POLL_INTERVAL=500ms")

	write := func(method, path, body, key string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, schedule.Base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Api-Key", key)
		r.Header.Set("Cookie", "session="+secret("cookie"))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if refused := key != secret("key"); refused != (resp.StatusCode == http.StatusUnauthorized) || !refused && resp.StatusCode != http.StatusCreated {
			t.Errorf("%s %s: %d", method, path, resp.StatusCode)
		}
	}
	now := time.Now().UnixMilli()
	for id, c := range map[string]struct{ filler, uri string }{
		"good":    {with("/meadow/master.m3u8", "filler"), with("/harbour/master.m3u8", "vod")},
		"bad":     {with("/nothing/filler.m3u8", "bad-filler"), with("/nothing/master.m3u8", "bad-vod")},
		"nothls":  {with("/README.md", "text-filler"), with("/README.md", "text")},
		"nowhere": {with("/ember/master.m3u8", "filler"), strings.Replace(with("/x.m3u8", "nowhere"), vods.URL, "http://127.0.0.1:9", 1)},
		"refused": {with("/ember/master.m3u8", "filler"), "http://169.254.169.254/x.m3u8?token=" + secret("refused")},
	} {
		write("POST", "/channels", fmt.Sprintf(`{"id":%q,"config":{"filler":%q}}`, id, c.filler), secret("key"))
		write("POST", "/channels/"+id+"/schedule", fmt.Sprintf(`{"title":"x","uri":%q,"start_time":%d,"duration":3600}`, c.uri, now), secret("key"))
	}
	for id, url := range map[string]string{"auto": with("/feed", "feed"), "noauto": with("/nothing", "bad-feed")} {
		write("POST", "/channels", fmt.Sprintf(`{"id":%q,"config":{"auto_populate":true,"auto_populate_content":%q}}`, id, url), secret("key"))
	}
	write("POST", "/channels", `{"id":"other"}`, secret("wrong-key"))
	// A password in the URL of a VOD is refused outright.
	if status, _ := schedule.send(t, "POST", "/channels", fmt.Sprintf(`{"id":"p","config":{"filler":%q}}`, user(vods.URL))); status == http.StatusCreated {
		t.Error("a URL with a password is taken")
	}

	for _, p := range []*process{schedule, engine} {
		p.must(t, 200, "GET", "/channels?token="+secret("request"), "")
	}
	lost.must(t, 503, "GET", "/live/master.m3u8?channel=good&token="+secret("request"), "")
	engine.until(t, "/channels", func(_ int, body string) bool { return strings.Contains(body, `"refused"`) })
	for _, id := range []string{"good", "bad", "nothls", "nowhere", "refused", "auto"} {
		engine.must(t, 200, "GET", "/live/master.m3u8?channel="+id+"&token="+secret("request"), "")
		engine.until(t, "/channels/"+id+"/status", func(_ int, body string) bool {
			return strings.Contains(body, `"kind":"event"`) || strings.Contains(body, `"reason":"failed"`)
		})
	}
	schedule.until(t, "/metrics", func(_ int, body string) bool {
		return !strings.Contains(body, `feed_reads_total{outcome="error"} 0`) && !strings.Contains(body, `feed_reads_total{outcome="ok"} 0`)
	})

	shown := map[string]string{"the schedule's log": schedule.Log(), "an engine's log": engine.Log(), "the lost engine's log": lost.Log()}
	for _, path := range []string{"/channels", "/metrics", "/channels/good/status", "/channels/bad/status", "/channels/nothls/status", "/channels/nowhere/status", "/channels/refused/status"} {
		shown["the engine's "+path] = engine.must(t, 200, "GET", path, "")
	}
	shown["the schedule's metrics"] = schedule.must(t, 200, "GET", "/metrics", "")
	// What can't be started says so, without the password.
	for _, c := range []struct{ program, variable string }{
		{"schedule", "DATABASE_URL=postgres://joe:" + secret("database") + "@127.0.0.1:1/db"},
		{"schedule", "DATABASE_URL=mysql://joe:" + secret("database") + "@127.0.0.1:1/db"},
		{"schedule", "DATABASE_URL=postgres://joe:" + secret("database") + "@127.0.0.1:x/db"},
		{"engine", "CHANNELMGRAPI=ftp://joe:" + secret("manager") + "@127.0.0.1/"},
		{"engine", "SLATE_URI=ftp://127.0.0.1/?token=" + secret("slate")},
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(programs, c.program))
		cmd.Dir, cmd.Env = t.TempDir(), []string{"PORT=0", c.variable}
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s starts with %s", c.program, c.variable)
		}
		shown[c.program+" "+c.variable[:20]] = string(out)
	}
	for where, text := range shown {
		for line := range strings.Lines(text) {
			if at := strings.Index(line, "SECRET"); at >= 0 {
				t.Errorf("%s: …%s…", where, line[max(0, at-300):min(len(line), at+100)])
			}
		}
	}

	cuts := 0
	for _, p := range []*process{schedule, engine, lost} {
		for _, e := range p.entries(t) {
			message, _ := e["msg"].(string)
			switch message {
			case "cut":
				cuts++
				for _, key := range []string{"channel", "number", "kind", "reason", "uri", "start"} {
					if _, has := e[key]; !has {
						t.Errorf("a cut in the log lacks %s: %v", key, e)
					}
				}
				if _, has := e["adherence"]; has != (e["kind"] == "event" && e["reason"] == "scheduled") {
					t.Errorf("adherence is that of events at their time: %v", e)
				}
			case "request":
				if id, _ := e["request_id"].(string); id == "" {
					t.Errorf("a request in the log has no id: %v", e)
				}
			case "problem":
				if id, _ := e["channel"].(string); id == "" {
					t.Errorf("a problem in the log names no channel: %v", e)
				}
			}
		}
	}
	// One line a cut: as many as are in the logs.
	var stored []string
	for _, id := range []string{"good", "bad", "nothls", "nowhere", "refused", "auto"} {
		var page struct{ Cuts []struct{ Number int } }
		if err := json.Unmarshal([]byte(schedule.must(t, 200, "GET", "/channels/"+id+"/playout?after=0", "")), &page); err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Cuts {
			stored = append(stored, fmt.Sprint(id, " ", c.Number))
		}
	}
	var told []string
	for _, e := range engine.entries(t) {
		if e["msg"] == "cut" {
			told = append(told, fmt.Sprint(e["channel"], " ", e["number"]))
		}
	}
	slices.Sort(told)
	for i := 1; i < len(told); i++ {
		if told[i] == told[i-1] {
			t.Errorf("cut %s is told twice", told[i])
		}
	}
	for _, cut := range stored {
		if _, found := slices.BinarySearch(told, cut); !found {
			t.Errorf("cut %s is not in the engine's log", cut)
		}
	}
	if cuts < 6 {
		t.Errorf("%d cuts in the logs of 6 channels", cuts)
	}
}
