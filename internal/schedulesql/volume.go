package schedulesql

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// storageWarnings says why what is written to dir may be lost. It reads what
// Linux tells of mounts; elsewhere there are no containers and no warnings.
func storageWarnings(dir string) []string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	fargate := strings.HasSuffix(os.Getenv("AWS_EXECUTION_ENV"), "FARGATE")
	container := fargate || os.Getenv("KUBERNETES_SERVICE_HOST") != "" ||
		exists("/.dockerenv") || exists("/run/.containerenv")
	if warning := storageWarning(string(mounts), dir, container, fargate); warning != "" {
		return []string{warning}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// anonymousVolume is how Docker and Podman name a volume to which nobody gave a name.
var anonymousVolume = regexp.MustCompile(`/volumes/[0-9a-f]{64}/_data$`)

// storageWarning looks at the mount that dir lies on, in the text of
// /proc/self/mountinfo (see proc_pid_mountinfo(5)). On a laptop the root of a
// disk is the usual place and no reason to warn; in a container it is the
// container's own layer. A root that is an overlay is a container's as well.
func storageWarning(mountinfo, dir string, container, fargate bool) string {
	at, found := mountOf(mountinfo, dir)
	if !found {
		return ""
	}
	overlays := []string{"overlay", "aufs", "fuse-overlayfs"}
	switch {
	case at.kind == "tmpfs" || at.kind == "ramfs":
		return fmt.Sprintf("%s is in memory: channels and events are lost when the machine or container stops", dir)
	case at.point == "/" && (container || slices.Contains(overlays, at.kind)):
		return fmt.Sprintf("%s is not on a mounted volume: channels and events are lost with this container; mount one there (docker run -v schedule:%s …)", dir, dir)
	case fargate && !strings.HasPrefix(at.kind, "nfs"):
		return fmt.Sprintf("%s is on storage of this Fargate task: channels and events are lost when the task stops; mount EFS there", dir)
	case container && anonymousVolume.MatchString(at.root):
		return fmt.Sprintf("%s is on an anonymous volume: another container won't find it, and docker run --rm deletes it; name one (docker run -v schedule:%s …)", dir, at.point)
	}
	return ""
}

// A mount is one line of mountinfo.
type mount struct {
	root  string // what of the file system is mounted
	point string // where
	kind  string // file system type
}

// mountOf finds the last mounted of the longest mount points that contain dir.
func mountOf(mountinfo, dir string) (at mount, found bool) {
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(rest) == 0 {
			continue
		}
		m := mount{root: unescape(fields[3]), point: unescape(fields[4]), kind: rest[0]}
		inside := m.point == "/" || dir == m.point || strings.HasPrefix(dir, m.point+"/")
		if inside && len(m.point) >= len(at.point) {
			at, found = m, true
		}
	}
	return at, found
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
