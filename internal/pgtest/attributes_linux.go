package pgtest

import "syscall"

// attributes ties a process to the thread that starts it: it ends with it.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT} }
