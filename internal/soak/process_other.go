//go:build !linux

package soak

import "errors"

const canFillDisk = false

func (*process) limitFiles(uint64) (lift func() error, err error) {
	return nil, errors.New("the files of another process can be limited on Linux only")
}
