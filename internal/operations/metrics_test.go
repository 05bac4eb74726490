package operations

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"consuo/internal/daemon"
	"consuo/internal/testneeds"
)

// expression is PromQL that somebody is given.
type expression struct {
	where  string
	text   string
	labels []string // of the result, as texts beside it name them
}

// rule is an alert; the file is YAML that this test reads line by line, as far
// as promtool's tests don't.
type rule struct {
	name, expr, runbook string
	labels              []string // named by its annotations
}

const alertsFile = "deploy/prometheus/alerts.yml"

// alerts reads the alert rules.
func alerts(t *testing.T) (rules []rule) {
	t.Helper()
	used := regexp.MustCompile(`\$labels\.(\w+)`)
	for _, block := range strings.Split(read(t, alertsFile), "- alert: ")[1:] {
		name, rest, _ := strings.Cut(block, "\n")
		_, expr, found := strings.Cut(rest, "expr:")
		if !found {
			t.Fatalf("alert %s has no expr", name)
		}
		expr, annotations, _ := strings.Cut(expr, "labels: {severity:")
		expr, _, _ = strings.Cut(expr, "        for:")
		r := rule{name: name, expr: strings.TrimPrefix(strings.TrimSpace(expr), "|")}
		for _, m := range used.FindAllStringSubmatch(annotations, -1) {
			r.labels = append(r.labels, m[1])
		}
		for _, key := range []string{"summary: ", "description: ", "runbook_url: "} {
			if !strings.Contains(annotations, "\n          "+key) {
				t.Errorf("alert %s has no %s", name, key)
			}
		}
		_, r.runbook, _ = strings.Cut(annotations, "runbook_url: ")
		r.runbook, _, _ = strings.Cut(r.runbook, "\n")
		rules = append(rules, r)
	}
	if len(rules) < 20 {
		t.Fatalf("%d alerts read", len(rules))
	}
	return rules
}

// panels reads the dashboard's expressions.
func panels(t *testing.T) (expressions []expression) {
	t.Helper()
	var dashboard struct {
		Templating struct {
			List []struct {
				Name, Type, Definition string
				Query                  any
			}
		}
		Panels []struct {
			Title, Type string
			Datasource  struct{ Type, UID string }
			Targets     []struct {
				Expr, LegendFormat string
				Datasource         struct{ Type, UID string }
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\{\{(\w+)\}\}`)
	for _, p := range dashboard.Panels {
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q: the data source is %q, and it has %d queries", p.Title, p.Datasource.UID, len(p.Targets))
		}
		for _, target := range p.Targets {
			e := expression{where: "panel " + p.Title, text: target.Expr}
			for _, m := range named.FindAllStringSubmatch(target.LegendFormat, -1) {
				e.labels = append(e.labels, m[1])
			}
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: the data source of a query is %q", p.Title, target.Datasource.UID)
			}
			expressions = append(expressions, e)
		}
	}
	inFunction := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	for _, v := range dashboard.Templating.List {
		if m := inFunction.FindStringSubmatch(v.Definition); m != nil {
			expressions = append(expressions, expression{"variable " + v.Name, m[1], []string{m[2]}})
		} else if v.Type == "query" {
			t.Errorf("variable %s: the definition %q is not understood", v.Name, v.Definition)
		}
	}
	if len(expressions) < 40 {
		t.Fatalf("%d queries read", len(expressions))
	}
	return expressions
}

// queries reads the PromQL of the runbook.
func queries(t *testing.T) (expressions []expression) {
	t.Helper()
	for _, m := range regexp.MustCompile("`(sum by [^`]*)`").FindAllStringSubmatch(read(t, "docs/runbook.md"), -1) {
		expressions = append(expressions, expression{where: "docs/runbook.md", text: m[1]})
	}
	if len(expressions) < 3 {
		t.Fatalf("%d queries in the runbook", len(expressions))
	}
	return expressions
}

// plain replaces Grafana's variables by what Grafana would.
var plain = strings.NewReplacer("$__rate_interval", "1m", "$engine|$schedule", ".*", "$engine", ".*", "$schedule", ".*")

// The rules are right, fire when they should, and the queries of dashboard and
// runbook parse.
func TestPromtool(t *testing.T) {
	promtool := testneeds.Tool(t, "promtool")
	folder := filepath.Join(testneeds.Root(), filepath.Dir(alertsFile))
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("check", "rules", "alerts.yml")
	run("test", "rules", "alerts_test.yml")

	// JSON is YAML too.
	type record struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var records []record
	for i, e := range append(panels(t), queries(t)...) {
		records = append(records, record{fmt.Sprintf("query:%d", i), plain.Replace(e.text)})
	}
	file := map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": records}}}
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	run("check", "rules", path)
}

// series is one that was scraped, with the labels that Prometheus adds.
type series struct {
	name   string
	labels map[string]string
}

var seriesLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+$`)
var labelPair = regexp.MustCompile(`([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"`)

// scrape reads /metrics of a service as Prometheus does.
func (p *process) scrape(t *testing.T, job string) (all []series) {
	t.Helper()
	for line := range strings.Lines(p.must(t, http.StatusOK, http.MethodGet, "/metrics", "")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		m := seriesLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("a line of /metrics: %q", line)
		}
		s := series{m[1], map[string]string{"job": job, "instance": p.Base}}
		for _, pair := range labelPair.FindAllStringSubmatch(m[2], -1) {
			s.labels[pair[1]] = pair[2]
		}
		all = append(all, s)
	}
	return append(all, series{"up", map[string]string{"job": job, "instance": p.Base}})
}

var (
	quoted    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	selector  = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^{}]*)\}`)
	matcher   = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouping  = regexp.MustCompile(`\b(by|without)\s*\(([^)]*)\)`)
	name      = regexp.MustCompile(`\b[a-zA-Z_:][a-zA-Z0-9_:]*\b\s*\(?`)
	operators = []string{"and", "or", "unless", "on", "ignoring", "by", "without"}
)

// check says what of an expression is not among the series.
func check(e expression, all []series) (faults []string) {
	text := plain.Replace(e.text)
	known := map[string]bool{"job": true, "instance": true}
	metrics := map[string][][]string{} // their matchers
	for _, m := range selector.FindAllStringSubmatch(text, -1) {
		var matchers [][]string
		for _, match := range matcher.FindAllStringSubmatch(m[2], -1) {
			matchers = append(matchers, match[1:])
		}
		metrics[m[1]] = append(metrics[m[1]], matchers...)
		found := slices.ContainsFunc(all, func(s series) bool {
			return s.name == m[1] && !slices.ContainsFunc(matchers, func(match []string) bool { return !matches(s, match) })
		})
		if !found {
			faults = append(faults, "no series is "+m[0])
		}
		// Each of several values that are asked for has to be one that there is.
		for _, match := range matchers {
			if match[1] != "=~" && match[1] != "!~" {
				continue
			}
			for alternative := range strings.SplitSeq(match[2], "|") {
				one := []string{match[0], "=~", alternative}
				if !slices.ContainsFunc(all, func(s series) bool { return s.name == m[1] && matches(s, one) }) {
					faults = append(faults, fmt.Sprintf("no %s has %s=~%q", m[1], match[0], alternative))
				}
			}
		}
	}
	// What is left are functions, groupings, numbers and metrics without braces.
	rest := selector.ReplaceAllString(text, "0")
	var groups []string
	for _, m := range grouping.FindAllStringSubmatch(rest, -1) {
		for label := range strings.SplitSeq(m[2], ",") {
			groups = append(groups, strings.TrimSpace(label))
		}
	}
	rest = grouping.ReplaceAllString(quoted.ReplaceAllString(rest, ""), "")
	for _, word := range name.FindAllString(rest, -1) {
		if word = strings.TrimSpace(word); !strings.HasSuffix(word, "(") && !slices.Contains(operators, word) && len(word) > 2 {
			metrics[word] = nil
		}
	}
	for _, s := range all {
		if _, used := metrics[s.name]; used {
			for label := range s.labels {
				known[label] = true
			}
		}
	}
	for metric := range metrics {
		if !slices.ContainsFunc(all, func(s series) bool { return s.name == metric }) {
			faults = append(faults, "there is no metric "+metric)
		}
	}
	for _, label := range slices.Concat(groups, e.labels) {
		if !known[label] {
			faults = append(faults, "its metrics have no label "+label)
		}
	}
	for _, label := range e.labels {
		// An aggregation keeps the labels that it names.
		if strings.Contains(text, " by (") && !slices.Contains(groups, label) || strings.Contains(text, "sum(") && len(groups) == 0 {
			faults = append(faults, "the result has no label "+label)
		}
	}
	return faults
}

// matches says whether a series has what a matcher asks for. A label that is
// asked not to have a value has to be there all the same.
func matches(s series, match []string) bool {
	value, has := s.labels[match[0]]
	switch match[1] {
	case "=":
		return value == match[2]
	case "!=":
		return has && value != match[2]
	}
	whole := regexp.MustCompile("^(?:" + match[2] + ")$").MatchString(value)
	return has && whole == (match[1] == "=~")
}

// The check finds what is wrong.
func TestCheckOfExpressions(t *testing.T) {
	all := []series{
		{"requests_total", map[string]string{"job": "engine", "instance": "a", "route": "/live/{track}.m3u8", "status": "200"}},
		{"requests_total", map[string]string{"job": "engine", "instance": "a", "route": "/", "status": "503"}},
		{"seconds_bucket", map[string]string{"job": "engine", "instance": "a", "le": "1"}},
		{"age", map[string]string{"job": "schedule", "instance": "b"}},
	}
	for _, c := range []struct {
		text, label, fault string
	}{
		{`sum by (status) (rate(requests_total{job="engine",route=~".*[.]m3u8"}[1m])) > 0.5`, "status", ""},
		{`histogram_quantile(0.99, sum by (le) (rate(seconds_bucket[5m]))) > 1`, "", ""},
		{`abs(age) > 1 and age{job="schedule"} < 5`, "instance", ""},
		{`age{job="engine"}`, "", "no series is age"},
		{`ages > 1`, "", "no metric ages"},
		{`requests_total{status="404"}`, "", "no series is"},
		{`requests_total{status=~"503|404"}`, "", `status=~"404"`},
		{`requests_total{code!="200"}`, "", "no series is"},
		{`sum by (code) (requests_total)`, "", "no label code"},
		{`sum by (status) (requests_total)`, "route", "no label route"},
		{`sum(requests_total)`, "status", "no label status"},
	} {
		e := expression{text: c.text}
		if c.label != "" {
			e.labels = []string{c.label}
		}
		faults := strings.Join(check(e, all), "; ")
		if c.fault == "" && faults != "" || !strings.Contains(faults, c.fault) {
			t.Errorf("%s: found %q, want %q", c.text, faults, c.fault)
		}
	}
}

const feed = `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>f</title><id>f</id>` +
	`<entry><id>e</id><title>Ember</title><link href="ORIGIN/ember/master.m3u8"/></entry></feed>`

// What the dashboard, the alerts and the documents name is scraped of the
// running services, while there is something on air and some things fail.
func TestMetricsAreScraped(t *testing.T) {
	vods := origin(t, feed)
	schedule := start(t, "schedule", "DATABASE_URL=s.db")
	engine := start(t, "engine", "CHANNELMGRAPI="+schedule.Base, "POLL_INTERVAL=500ms")
	lost := start(t, "engine", "CHANNELMGRAPI=http://127.0.0.1:9", "POLL_INTERVAL=500ms")
	// Its files can't grow beyond a megabyte: a full disk.
	limited := daemon.Command("sh", "DATABASE_URL=s.db")
	limited.Args = append(limited.Args, "-c", `ulimit -f 2048; exec "$0"`, filepath.Join(programs, "schedule"))
	full := startCommand(t, limited)

	now := time.Now()
	event := func(uri string) string {
		return fmt.Sprintf(`{"title":"x","uri":%q,"start_time":%d,"duration":3600}`, vods.URL+uri, now.Add(-time.Second).UnixMilli())
	}
	for id, uri := range map[string]string{"good": "/harbour/master.m3u8", "bad": "/missing/master.m3u8"} {
		schedule.must(t, 201, "POST", "/channels", `{"id":"`+id+`"}`)
		schedule.must(t, 201, "POST", "/channels/"+id+"/schedule", event(uri))
	}
	schedule.must(t, 201, "POST", "/channels", fmt.Sprintf(`{"id":"auto","config":{"auto_populate":true,"auto_populate_content":"%s/feed"}}`, vods.URL))
	schedule.must(t, 201, "POST", "/channels", fmt.Sprintf(`{"id":"noauto","config":{"auto_populate":true,"auto_populate_content":"%s/nothing"}}`, vods.URL))
	if status, _ := full.send(t, "POST", "/channels", `{"id":"one"}`); status != 201 {
		t.Fatalf("the disk is full from the start: %d", status)
	}
	for i := 0; ; i++ {
		status, content := full.send(t, "PUT", fmt.Sprintf("/channels/c%d", i), fmt.Sprintf(`{"config":{"note":%q}}`, strings.Repeat("x", 50_000)))
		if status >= 500 {
			break
		}
		if status != 201 || i > 100 {
			t.Fatalf("writing to a full disk: %d %s", status, content)
		}
	}

	engine.until(t, "/channels", func(_ int, body string) bool { return strings.Contains(body, `"good"`) })
	for _, id := range []string{"good", "bad"} {
		engine.must(t, 200, "GET", "/live/master.m3u8?channel="+id, "")
	}
	status := engine.until(t, "/channels/good/status", func(_ int, body string) bool { return strings.Contains(body, `"kind":"event"`) })
	engine.until(t, "/metrics", func(_ int, body string) bool {
		return regexp.MustCompile(`consuo_engine_channels_on_air\{kind="event",reason="(scheduled|joined)"\} 1`).MatchString(body)
	})
	track := regexp.MustCompile(`"tracks":\[\{"id":"([^"]+)"`).FindStringSubmatch(status)
	if track == nil {
		t.Fatalf("no track: %s", status)
	}
	engine.must(t, 200, "GET", "/channels/good/"+track[1]+".m3u8", "")
	engine.must(t, 404, "GET", "/live/master.m3u8?channel=nobody", "")
	engine.until(t, "/channels/bad/status", func(_ int, body string) bool { return strings.Contains(body, `"reason":"failed"`) })
	lost.must(t, 503, "GET", "/live/master.m3u8?channel=good", "")
	schedule.until(t, "/metrics", func(_ int, body string) bool {
		return !strings.Contains(body, `consuo_schedule_auto_events_total{operation="insert"} 0`) &&
			!strings.Contains(body, `consuo_schedule_feed_reads_total{outcome="error"} 0`)
	})

	all := slices.Concat(engine.scrape(t, "engine"), lost.scrape(t, "engine"), schedule.scrape(t, "schedule"), full.scrape(t, "schedule"))
	expressions := append(panels(t), queries(t)...)
	for _, r := range alerts(t) {
		expressions = append(expressions, expression{"alert " + r.name, r.expr, r.labels})
	}
	for _, e := range expressions {
		for _, fault := range check(e, all) {
			t.Errorf("%s: %s, in %s", e.where, fault, e.text)
		}
	}
	held(t, engine, schedule, full)
	documented(t, all)
}

// held checks values that can only be so.
func held(t *testing.T, engine, schedule, full *process) {
	t.Helper()
	for _, c := range []struct {
		p    *process
		want string
	}{
		{engine, `consuo_engine_channels_on_air{kind="slate",reason="failed"} 1`},
		{engine, `service_ready 1`},
		{schedule, `consuo_schedule_channels 4`},
		{schedule, `consuo_schedule_auto_active 1`},
	} {
		if text := c.p.must(t, 200, "GET", "/metrics", ""); !strings.Contains(text, "\n"+c.want+"\n") {
			t.Errorf("there is no %s", c.want)
		}
	}
	if text := full.must(t, 200, "GET", "/metrics", ""); !regexp.MustCompile(`store_requests_total\{operation="put_channel",outcome="error"\} [1-9]`).MatchString(text) {
		t.Error("a full disk is no error of the store")
	}
}

// documented checks that what documents call a metric is one, and that each of
// ours is on the dashboard, in an alert or in a document.
func documented(t *testing.T, all []series) {
	t.Helper()
	ours := regexp.MustCompile(`\bconsuo_(?:engine|schedule)_[a-z_]+`)
	scraped := make(map[string]bool)
	for _, s := range all {
		base := s.name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		scraped[s.name], scraped[base] = true, true
	}
	named := make(map[string]bool)
	files, err := filepath.Glob(filepath.Join(testneeds.Root(), "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, filepath.Join(testneeds.Root(), "README.md")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range ours.FindAllString(string(text), -1) {
			named[metric] = true
			if !scraped[metric] {
				t.Errorf("%s names %s, which is not scraped", filepath.Base(file), metric)
			}
		}
	}
	for _, text := range []string{read(t, alertsFile), read(t, "deploy/grafana/dashboard.json")} {
		for _, metric := range ours.FindAllString(text, -1) {
			named[metric] = true
		}
	}
	for _, metric := range slices.Sorted(maps.Keys(scraped)) {
		if ours.MatchString(metric) && !named[metric] && !named[metric+"_bucket"] && !named[metric+"_count"] &&
			!strings.HasSuffix(metric, "_bucket") && !strings.HasSuffix(metric, "_sum") && !strings.HasSuffix(metric, "_count") {
			t.Errorf("nothing names the metric %s: put it on the dashboard", metric)
		}
	}
}

// Every alert has its paragraph in the runbook, and every paragraph its alert.
func TestRunbook(t *testing.T) {
	runbook := read(t, "docs/runbook.md")
	paragraphs := make(map[string]string)
	for _, part := range strings.Split(runbook, "\n### ")[1:] {
		title, text, _ := strings.Cut(part, "\n")
		text, _, _ = strings.Cut(text, "\n## ")
		paragraphs[title] = text
	}
	for _, r := range alerts(t) {
		text, there := paragraphs[r.name]
		if !there {
			t.Errorf("docs/runbook.md has no paragraph on %s", r.name)
		}
		for _, word := range []string{"Players", "**Look:**", "**Do:**"} {
			if there && !strings.Contains(text, word) {
				t.Errorf("the paragraph on %s lacks %s", r.name, word)
			}
		}
		if want := "docs/runbook.md#" + strings.ToLower(r.name); r.runbook != want {
			t.Errorf("alert %s: runbook_url is %q, want %q", r.name, r.runbook, want)
		}
		delete(paragraphs, r.name)
	}
	for title := range paragraphs {
		t.Errorf("docs/runbook.md has a paragraph on %s, which is no alert", title)
	}
}
