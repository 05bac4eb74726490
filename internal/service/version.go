package service

import "runtime/debug"

// version is set by the linker: -ldflags "-X consuo/internal/service.version=v1.2.3".
var version string

// Version is the version of this build, "dev" when nobody has set one.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return s.Value[:12]
			}
		}
	}
	return "dev"
}
