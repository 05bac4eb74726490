package schedulehttp

import (
	"net/http"
	"strings"
	"testing"
)

var csvType = http.Header{"Content-Type": {"text/csv; charset=UTF-8"}}

const wholeDay = "/channels/one/schedule?date=2026-11-22&tz=UTC"

// What is exported may be imported, and changes nothing; also what a
// spreadsheet could take for a formula, quotes, lines, semicolons.
func TestCSVRoundTrip(t *testing.T) {
	c := newClient(t, Options{})
	c.do("PUT", "/channels/one", nil, `{}`)
	a := c.do("POST", "/channels/one/schedule", nil, `[
		{"id":"a","title":"=1+1","uri":"https://a/a?x=1,2;3","start":"2026-11-22T12:00:00.001Z","duration":9.609,
		 "description":"Two\nlines, \"quoted\"; and more","categories":["Film","Kriminal Ü"],"episode":"S2E5","rating":"'=x","language":"sv"},
		{"id":"b","title":"'","uri":"https://a/b","start":"2026-11-22T13:00:00Z","duration":60,"image":"https://i/b.png","rating":"-18"}]`)
	if a.status != 201 {
		t.Fatal(a)
	}
	before := c.do("GET", wholeDay, nil, "")
	file := c.do("GET", wholeDay, http.Header{"Accept": {"text/csv"}}, "")
	if file.header.Get("Content-Type") != "text/csv; charset=utf-8" || strings.Contains(file.body, ",=") {
		t.Fatalf("%v %s", file.header, file.body)
	}
	if again := c.do("GET", wholeDay+"&format=csv", http.Header{"If-None-Match": {file.header.Get("ETag")}}, ""); again.status != 304 || again.body != "" {
		t.Errorf("conditional: %d %s", again.status, again.body)
	}
	put := c.do("PUT", wholeDay, http.Header{"Content-Type": {"text/csv"}, "If-Match": {file.header.Get("ETag")}}, file.body)
	if put.status != 200 || put.body != before.body || put.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("put %d %s, before %s", put.status, put.body, before.body)
	}
	c.do("PUT", wholeDay, nil, `[]`)
	if a := c.do("POST", "/channels/one/schedule", csvType, file.body); a.status != 201 || a.body != before.body {
		t.Errorf("post %d %s, before %s", a.status, a.body, before.body)
	}
}

func TestCSVImport(t *testing.T) {
	c := newClient(t, Options{})
	c.do("PUT", "/channels/one", nil, `{}`)
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"as of a spreadsheet", "\ufeffstart;duration;uri;title\r\n2026-11-22T12:00:00+01:00;90,5;https://a/a;x\r\n", 422, "line 2.duration must be seconds"},
		{"semicolons", "\ufeffstart;duration;uri;title\r\n2026-11-22T12:00:00+01:00;90.5;https://a/a;\"x; y\"\r\n", 200, `"title":"x; y"`},
		{"milliseconds", "uri,start,end_time\nhttps://a/a,1795348800000,1795348860000\n", 200, `"duration":60`},
		{"categories", "uri,start,duration,categories\nhttps://a/a,1795348800000,1,A|B\n", 200, `"categories":["A","B"]`},
		{"header only", "uri,start,end\n", 200, `[]`},
		{"all faults", "uri,start,end\nftp://a,yesterday,\n,2026-11-22T12:00:00,2026-11-22T11:00:00Z\n", 422, "line 3.start must be a time with date and zone"},
		{"empty", " ", 422, "unknown column"},
		{"unknown column", "uri,begin\n", 422, "unknown column \\\"begin\\\""},
		{"column twice", "uri,uri\n", 422, "twice"},
		{"cells missing", "uri,start,end\nhttps://a/a\n", 400, "line 2 is not CSV: wrong number of fields"},
		{"quote", "uri,start,end\n\"https://a/a\n", 400, "is not CSV"},
		{"not UTF-8", "uri,title\nhttps://a,\xe4\n", 400, "CSV UTF-8"},
		{"conflict", "uri,start,duration\nhttps://a/a,1795348800000,60\nhttps://a/a,1795348830000,60\n", 409, "line 3"},
		{"infinite", "uri,start,duration\nhttps://a/a,1795348800000,NaN\n", 422, "line 2.duration"},
		{"other channel", "uri,start,duration,channelId\nhttps://a/a,1795348800000,1,two\n", 422, "line 2.channelId"},
	} {
		if a := c.do("PUT", wholeDay, csvType, test.body); a.status != test.status || !strings.Contains(a.body, test.want) {
			t.Errorf("%s: %d %s, want %d %s", test.name, a.status, a.body, test.status, test.want)
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("\ufeffid;start;end;title;uri\r\na;2026-11-22T12:00:00Z;;\"x\ny\";'=u\r\n")
	f.Add(strings.Join(csvColumns, ",") + "\n,,,,,,,,,,\n")
	f.Fuzz(func(t *testing.T, text string) {
		inputs, locations, faults, err := readCSV([]byte(text))
		if len(inputs) != len(locations) || err != nil && (inputs != nil || faults != nil) {
			t.Fatalf("%d events, %d locations, %v, %v", len(inputs), len(locations), faults, err)
		}
	})
}
