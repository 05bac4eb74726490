package awstest

import (
	"regexp"
	"testing"
	"time"
)

// services are what the template runs, by the names of its resources.
var services = []struct {
	name, program, port, metrics string
	variables                    []string // read by libraries, not by us
}{
	{"Engine", "engine", "8000", "9000", []string{"GOMEMLIMIT"}},
	{"Schedule", "schedule", "8001", "9001", []string{"GOMEMLIMIT", "PGPASSWORD"}},
}

// container is the container of a service's task.
func container(t *testing.T, s *stack, service string) map[string]any {
	t.Helper()
	return at(t, s.resources[service+"Task"], "ContainerDefinitions", 0).(map[string]any)
}

// pairs is a list of names and values as a map.
func pairs(t *testing.T, list any, name, value string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, item := range list.([]any) {
		out[text(t, item, name)] = text(t, item, value)
	}
	return out
}

// found is the first group of a pattern in a file of the repository.
func found(t *testing.T, file, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))
	if m == nil {
		t.Fatalf("%s has no %s", file, pattern)
	}
	return m[1]
}

func inSeconds(n int) time.Duration { return time.Duration(n) * time.Second }

// seconds reads "95 * time.Second" from a constant or field that no test can reach.
func seconds(t *testing.T, file, name string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(found(t, file, `\b`+name+`:?\s+=?\s*(\d+) \* time\.Second`) + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d
}
