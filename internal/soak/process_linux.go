package soak

import (
	"syscall"
	"unsafe"
)

// canFillDisk says whether limitFiles works here.
const canFillDisk = true

// limitFiles bounds how far the process may write into any file: its disk is
// full. lift takes the bound away.
func (p *process) limitFiles(size uint64) (lift func() error, err error) {
	live := p.running()
	if live == nil {
		return nil, syscall.ESRCH
	}
	var before syscall.Rlimit
	if err := limitFiles(live.PID(), nil, &before); err != nil {
		return nil, err
	}
	if err := limitFiles(live.PID(), &syscall.Rlimit{Cur: size, Max: before.Max}, nil); err != nil {
		return nil, err
	}
	return func() error { return limitFiles(live.PID(), &before, nil) }, nil
}

func limitFiles(pid int, set, get *syscall.Rlimit) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(get)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
