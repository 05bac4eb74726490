package browsertest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/testneeds"
)

// Kind says what a message of ffmpeg is about.
type Kind string

// The kinds, as a test judges them. A channel that is right causes none of the
// first four. The last two come with discontinuities: ffmpeg reads on as if
// MPEG-TS went on, so it notes times and continuity counters that jump, and
// mends both by itself.
const (
	KindDecode     Kind = "decode"   // broken or missing media
	KindLoad       Kind = "load"     // a playlist or segment that could not be had
	KindPlaylist   Kind = "playlist" // segments that were missed or expired
	KindOther      Kind = "other"
	KindTimestamp  Kind = "timestamp"  // times that run backwards or jump
	KindContinuity Kind = "continuity" // the last packet before a jump, which may not be whole
)

// Message is a warning or an error of ffmpeg.
type Message struct {
	Component string // as ffmpeg names it: h264, hls, mpegts, …
	Level     string // warning, error, fatal, panic
	Text      string
	Kind      Kind
}

func (m Message) String() string {
	return fmt.Sprintf("%s %s [%s]: %s", m.Kind, m.Level, m.Component, m.Text)
}

// FFmpegReport is what ffmpeg made of a channel or asset.
type FFmpegReport struct {
	Played   time.Duration // of media
	Frames   int
	Wall     time.Duration // how long it took
	ExitCode int
	Messages []Message
}

// Of gives the messages of some kinds.
func (r *FFmpegReport) Of(kinds ...Kind) []Message {
	var out []Message
	for _, m := range r.Messages {
		for _, k := range kinds {
			if m.Kind == k {
				out = append(out, m)
			}
		}
	}
	return out
}

// Faults lists what a channel that is right never causes.
func (r *FFmpegReport) Faults() []string {
	var faults []string
	if r.ExitCode != 0 {
		faults = append(faults, fmt.Sprintf("ffmpeg exited with %d", r.ExitCode))
	}
	for _, m := range r.Of(KindDecode, KindLoad, KindPlaylist, KindOther) {
		faults = append(faults, m.String())
	}
	return faults
}

// PlayFFmpeg decodes d of a channel or asset, all of its pictures and sound,
// and throws them away. Options for the input may follow
// ("-live_start_index", "-1"). A live channel takes about d, an asset less.
//
// ffmpeg goes on after an error, so that the report has all of them.
func PlayFFmpeg(t testing.TB, playlist string, d time.Duration, inputOptions ...string) *FFmpegReport {
	t.Helper()
	ffmpeg := testneeds.Tool(t, "ffmpeg")
	ctx, cancel := context.WithTimeout(t.Context(), d+time.Minute)
	defer cancel()
	args := append([]string{
		"-nostdin", "-hide_banner", "-loglevel", "repeat+level+warning", "-nostats", "-progress", "pipe:1",
		"-http_persistent", "0", // kept, a connection is tried for the next host too, which is an error
	}, inputOptions...)
	args = append(args, "-i", playlist, "-t", strconv.FormatFloat(d.Seconds(), 'f', 3, 64), "-f", "null", "-")
	cmd := exec.CommandContext(ctx, ffmpeg, args...)
	var progress, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &progress, &log
	begin := time.Now()
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("ffmpeg plays %s: not done after %v\n%s", playlist, d+time.Minute, log.String())
	}
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("ffmpeg plays %s: %v", playlist, err)
	}
	r := &FFmpegReport{Wall: time.Since(begin), ExitCode: cmd.ProcessState.ExitCode(), Messages: messages(log.String())}
	for scan := bufio.NewScanner(&progress); scan.Scan(); {
		key, value, _ := strings.Cut(scan.Text(), "=")
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil {
			continue
		}
		switch key {
		case "frame":
			r.Frames = int(n)
		case "out_time_us":
			r.Played = time.Duration(n) * time.Microsecond
		}
	}
	return r
}

var (
	logLine = regexp.MustCompile(`^((?:\[[^\]]*\] )*)(?:\[(warning|error|fatal|panic)\] )(.*)$`)
	address = regexp.MustCompile(` @ 0x[0-9a-f]+`)
)

// kinds are tried in order. The texts are those of ffmpeg 4 to 7.
var kinds = []struct {
	kind Kind
	text *regexp.Regexp
}{
	{KindContinuity, regexp.MustCompile(`(?i)packet corrupt|corrupt input packet|continuity check`)},
	{KindTimestamp, regexp.MustCompile(`(?i)non.?monoton|invalid dropping|timestamp discontinuity|dts .*< |invalid, non|backward in time|timestamps are unset|out of order`)},
	{KindPlaylist, regexp.MustCompile(`(?i)expired from playlists|segments? ahead|media sequence|skipping .*segments?|parse_playlist`)},
	{KindLoad, regexp.MustCompile(`(?i)http error|failed to (open|reload|download)|server returned|connection|failed to read|could not open|when loading|keepalive request failed|timed out|i/o error`)},
	{KindDecode, regexp.MustCompile(`(?i)decod|conceal|non-existing|invalid data|corrupt|invalid nal|missing picture|error splitting|no frame|sps|pps|reserved bit|invalid band|channel element|number of bands|exceed|prediction|input buffer exhausted|no start code|mmco|reference|pes packet size|header missing|unspecified`)},
}

// messages reads ffmpeg's log as it is with the flags repeat and level.
func messages(log string) []Message {
	var out []Message
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		m := Message{Level: "error", Text: line, Kind: KindOther}
		if parts := logLine.FindStringSubmatch(line); parts != nil {
			m.Component = strings.Trim(address.ReplaceAllString(parts[1], ""), "[] ")
			m.Level, m.Text = parts[2], parts[3]
		}
		for _, k := range kinds {
			if k.text.MatchString(m.Text) {
				m.Kind = k.kind
				break
			}
		}
		out = append(out, m)
	}
	return out
}
