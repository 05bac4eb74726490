package deploytest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/service"
	"consuo/internal/testneeds"
)

// unit is a unit file: the values of each directive, in order.
func unit(t testing.TB, file string) map[string][]string {
	t.Helper()
	directives := make(map[string][]string)
	for lines := bufio.NewScanner(strings.NewReader(read(t, file))); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(name, "#") {
			directives[name] = append(directives[name], value)
		}
	}
	return directives
}

func TestUnits(t *testing.T) {
	for name, p := range programs(t) {
		file := "deploy/systemd/consuo-" + name + ".service"
		u := unit(t, file)
		for directive, want := range map[string]string{
			"ExecStart": "/usr/local/lib/consuo/" + name, "EnvironmentFile": "-/etc/consuo/" + name + ".env", "Restart": "always",
			"DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "",
		} {
			if got := u[directive]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q, want %q", file, directive, got, want)
			}
		}
		for _, v := range u["Environment"] {
			variable, value, _ := strings.Cut(v, "=")
			if !p.knows(variable) {
				t.Errorf("%s sets %s, which the program does not read", file, variable)
			}
			if variable == "DATABASE_URL" && filepath.Dir(value) != "/var/lib/"+u["StateDirectory"][0] {
				t.Errorf("%s: the database %s is not in the folder that systemd makes", file, value)
			}
			if variable == "CHANNELMGRAPI" && !strings.HasSuffix(value, ":"+programs(t)["schedule"].port) {
				t.Errorf("%s: the schedule is not at %s", file, value)
			}
		}
		// Without /proc/stat there is no process_start_time_seconds, which an alert needs.
		if u["ProcSubset"] != nil {
			t.Errorf("%s: ProcSubset is %q", file, u["ProcSubset"])
		}
		seconds, err := strconv.Atoi(u["TimeoutStopSec"][0])
		if err != nil || time.Duration(seconds)*time.Second < service.StopTime {
			t.Errorf("%s gives %s s to stop, and the service needs %s", file, u["TimeoutStopSec"], service.StopTime)
		}
	}
}

// systemd understands the units, and finds little that they could do without.
func TestSystemdVerifiesUnits(t *testing.T) {
	analyze := testneeds.Tool(t, "systemd-analyze")
	dir := t.TempDir()
	var files []string
	for name := range programs(t) {
		file := filepath.Join(dir, "consuo-"+name+".service")
		text := strings.ReplaceAll(read(t, "deploy/systemd/consuo-"+name+".service"), "/usr/local/lib/consuo/"+name, "/bin/true")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	out, err := exec.CommandContext(t.Context(), analyze, append([]string{"verify"}, files...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "consuo-") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	for _, file := range files {
		out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager", file).CombinedOutput()
		exposure := regexp.MustCompile(`Overall exposure level for \S+: (\d+\.\d)`).FindSubmatch(out)
		if err != nil || exposure == nil {
			t.Fatalf("systemd-analyze security: %v\n%s", err, out)
		}
		if level, err := strconv.ParseFloat(string(exposure[1]), 64); err != nil || level > 1.5 {
			t.Errorf("%s: exposure is %s, and should be 1.5 at most", filepath.Base(file), exposure[1])
		}
	}
}
