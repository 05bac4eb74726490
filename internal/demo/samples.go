package demo

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// sample is an asset that the demo can schedule.
type sample struct {
	name     string // its folder
	title    string
	duration time.Duration
}

// samples reads the folders of vods: each with a master.m3u8 is an asset. They
// come in the order of their names.
func samples(vods fs.FS) ([]sample, error) {
	found, err := fs.Glob(vods, "*/master.m3u8")
	if err != nil {
		return nil, err
	}
	var out []sample
	for _, name := range found {
		d, err := duration(vods, name)
		if err != nil {
			return nil, fmt.Errorf("read sample VOD %s: %w", name, err)
		}
		dir := path.Dir(name)
		out = append(out, sample{name: dir, title: strings.ToUpper(dir[:1]) + dir[1:], duration: d})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no sample VOD: want folders with a master.m3u8")
	}
	return out, nil
}

// duration is that of the first variant: the sum of its EXTINFs.
func duration(vods fs.FS, multivariant string) (time.Duration, error) {
	variant, err := firstURI(vods, multivariant)
	if err != nil {
		return 0, err
	}
	text, err := fs.ReadFile(vods, path.Join(path.Dir(multivariant), variant))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for line := range strings.Lines(string(text)) {
		digits, ok := strings.CutPrefix(strings.TrimSpace(line), "#EXTINF:")
		if !ok {
			continue
		}
		digits, _, _ = strings.Cut(digits, ",")
		seconds, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(seconds * float64(time.Second))
	}
	if sum == 0 {
		return 0, fmt.Errorf("%s has no segments", variant)
	}
	return sum, nil
}

func firstURI(vods fs.FS, name string) (string, error) {
	text, err := fs.ReadFile(vods, name)
	if err != nil {
		return "", err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			return line, nil
		}
	}
	return "", fmt.Errorf("%s names no variant", name)
}
