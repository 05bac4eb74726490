package service

import (
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// FitContainer has the garbage collector keep the process within the memory of
// its container: without a limit it lets the heap grow to twice of what is in
// use, and the kernel ends what is above the container's. A tenth is left for
// what is not Go's heap. GOMEMLIMIT, if it is set, stands. For processors the
// runtime does the same by itself.
func FitContainer(log *slog.Logger) {
	limit, source := memoryLimit(os.DirFS("/"), os.Getenv("GOMEMLIMIT"))
	if limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	inForce := int64(0) // none
	if now := debug.SetMemoryLimit(-1); now != math.MaxInt64 {
		inForce = now
	}
	log.Info("limits", "memory", inForce, "memory_from", source, "processors", runtime.GOMAXPROCS(0))
}

// memoryLimit returns the limit to set in bytes, 0 for none, and where it comes
// from.
func memoryLimit(root fs.FS, environment string) (limit int64, source string) {
	if environment != "" {
		return 0, "GOMEMLIMIT"
	}
	if limit = cgroupMemory(root); limit > 0 {
		return limit / 10 * 9, "cgroup"
	}
	return 0, "none"
}

// cgroupMemory returns the least limit of the process' control groups, of
// version 2 or 1, 0 if there is none.
func cgroupMemory(root fs.FS) (least int64) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		folder, file := "sys/fs/cgroup", "memory.max"
		switch controllers {
		case "":
		case "memory":
			folder, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// The path is seen from outside of a container that has no namespace
		// for it: then only the folder itself is there.
		for at := path.Join("/", group); ; at = path.Dir(at) {
			if n := number(root, path.Join(folder, at, file)); n > 0 && (least == 0 || n < least) {
				least = n
			}
			if at == "/" {
				break
			}
		}
	}
	return least
}

// number reads a limit; 0: there is none, which version 1 says with a number
// that no machine has.
func number(root fs.FS, name string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n >= 1<<50 {
		return 0
	}
	return n
}
