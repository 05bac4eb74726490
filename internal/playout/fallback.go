package playout

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"consuo/internal/playlog"
	"consuo/internal/scheduleclient"
)

// Fallback is the log that the schedule keeps, or one in memory for a schedule
// that keeps none. The schedule's first answer decides, once.
type Fallback struct {
	Shared playlog.Log
	Memory *playlog.Memory
	Logger *slog.Logger

	inMemory atomic.Bool
}

var _ playlog.Log = (*Fallback)(nil)

// Backend says where logs are kept, as far as is known.
func (f *Fallback) Backend() Backend {
	if f.inMemory.Load() {
		return MemoryBackend
	}
	return ScheduleBackend
}

// Delete drops a log in memory. The schedule drops its own with the channel.
func (f *Fallback) Delete(channel string) { f.Memory.Delete(channel) }

// choose notes whether an error says that the schedule keeps no logs.
func (f *Fallback) choose(err error) bool {
	if !errors.Is(err, scheduleclient.ErrUnsupported) {
		return false
	}
	if f.inMemory.CompareAndSwap(false, true) {
		f.Logger.Warn("the schedule keeps no playout log: it is in memory, and only one engine may play these channels")
	}
	return true
}

// Read implements playlog.Log.
func (f *Fallback) Read(ctx context.Context, channel string, after int64) (playlog.Page, error) {
	if !f.inMemory.Load() {
		page, err := f.Shared.Read(ctx, channel, after)
		if !f.choose(err) {
			return page, err
		}
	}
	return f.Memory.Read(ctx, channel, after)
}

// Append implements playlog.Log.
func (f *Fallback) Append(ctx context.Context, channel, id string, cuts []playlog.Cut) (playlog.Page, error) {
	if !f.inMemory.Load() {
		page, err := f.Shared.Append(ctx, channel, id, cuts)
		if !f.choose(err) {
			return page, err
		}
	}
	return f.Memory.Append(ctx, channel, id, cuts)
}

// Freeze implements playlog.Log.
func (f *Fallback) Freeze(ctx context.Context, channel, id, digest string, data []byte) error {
	if !f.inMemory.Load() {
		if err := f.Shared.Freeze(ctx, channel, id, digest, data); !f.choose(err) {
			return err
		}
	}
	return f.Memory.Freeze(ctx, channel, id, digest, data)
}

// Frozen implements playlog.Log.
func (f *Fallback) Frozen(ctx context.Context, channel, id, digest string) ([]byte, error) {
	if !f.inMemory.Load() {
		data, err := f.Shared.Frozen(ctx, channel, id, digest)
		if !f.choose(err) {
			return data, err
		}
	}
	return f.Memory.Frozen(ctx, channel, id, digest)
}

// Heads implements playlog.Log.
func (f *Fallback) Heads(ctx context.Context) (playlog.Heads, error) {
	if f.inMemory.Load() {
		return f.Memory.Heads(ctx)
	}
	return f.Shared.Heads(ctx)
}

// Watch implements playlog.Log.
func (f *Fallback) Watch(ctx context.Context, ids map[string]string) error {
	if f.inMemory.Load() {
		return f.Memory.Watch(ctx, ids)
	}
	return f.Shared.Watch(ctx, ids)
}
