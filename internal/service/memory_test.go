package service

import (
	"testing"
	"testing/fstest"
)

func TestMemoryLimit(t *testing.T) {
	files := func(texts map[string]string) fstest.MapFS {
		m := fstest.MapFS{}
		for name, text := range texts {
			m[name] = &fstest.MapFile{Data: []byte(text)}
		}
		return m
	}
	const v2 = "proc/self/cgroup"
	for _, c := range []struct {
		name        string
		files       map[string]string
		environment string
		limit       int64
		source      string
	}{
		{"no control groups", nil, "", 0, "none"},
		{"a container", map[string]string{v2: "0::/\n", "sys/fs/cgroup/memory.max": "1000000000\n"}, "", 900000000, "cgroup"},
		{"set by hand", map[string]string{v2: "0::/\n", "sys/fs/cgroup/memory.max": "1000000000\n"}, "1GiB", 0, "GOMEMLIMIT"},
		{"no limit", map[string]string{v2: "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, "", 0, "none"},
		{"systemd", map[string]string{
			v2: "0::/system.slice/engine.service\n", "sys/fs/cgroup/system.slice/engine.service/memory.max": "max\n",
			"sys/fs/cgroup/system.slice/memory.max": "500000\n", "sys/fs/cgroup/memory.max": "1000000\n",
		}, "", 450000, "cgroup"},
		{"seen from outside", map[string]string{v2: "0::/kubepods/pod1/x\n", "sys/fs/cgroup/memory.max": "1000\n"}, "", 900, "cgroup"},
		{"version 1", map[string]string{
			v2: "12:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "2000\n",
		}, "", 1800, "cgroup"},
		{"version 1, no limit", map[string]string{v2: "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, "", 0, "none"},
	} {
		if limit, source := memoryLimit(files(c.files), c.environment); limit != c.limit || source != c.source {
			t.Errorf("%s: %d from %s", c.name, limit, source)
		}
	}
}
