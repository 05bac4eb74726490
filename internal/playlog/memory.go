package playlog

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Memory is a Log in this process, for a schedule that keeps none. What it
// holds is gone with the process, and only one engine can use it: a channel
// then begins anew from the wall clock.
type Memory struct {
	// Clock is store time; nil: the clock of the process. It is not to be
	// changed once the store is used.
	Clock func() time.Time

	lead time.Duration
	keep int

	mu   sync.Mutex
	logs map[string]*memoryLog // guarded by mu
}

type memoryLog struct {
	id       string
	cuts     []Cut     // the last ones, keep to twice as many
	settings *Settings // nil while cuts is empty
	watched  time.Time
	frozen   map[string][]byte // by digest
}

// NewMemory returns an empty store. Of each log it keeps the last 1,000 cuts.
func NewMemory(lead time.Duration) *Memory {
	return &Memory{lead: lead, keep: 1000, logs: make(map[string]*memoryLog)}
}

var _ Log = (*Memory)(nil)

// Read implements Log.
func (m *Memory) Read(ctx context.Context, channel string, after int64) (Page, error) {
	if err := ctx.Err(); err != nil {
		return Page{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.page(m.log(channel), after), nil
}

// Append implements Log.
func (m *Memory) Append(ctx context.Context, channel, id string, cuts []Cut) (Page, error) {
	if err := ctx.Err(); err != nil {
		return Page{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.log(channel)
	if l.id != id {
		return m.page(l, 0), fmt.Errorf("%w: %s, not %s", ErrOtherLog, l.id, id)
	}
	page := func(after int64) Page {
		p := m.page(l, after)
		if p.Now.After(l.watched) {
			l.watched = p.Now
		}
		return p
	}
	if len(cuts) == 0 {
		p := page(0)
		p.Cuts = nil
		return p, nil
	}
	added, err := Decide(l.cuts, cuts, m.now(), m.lead)
	if err != nil {
		return page(cuts[0].Number - 1), err
	}
	l.cuts = append(l.cuts, added...)
	if len(added) > 0 && added[0].Settings != nil {
		l.settings = added[0].Settings
	}
	if len(added) > 0 && added[0].Rebase {
		l.watched = time.Time{} // it is above all that was given out, also at a time that is yet to come
	}
	if extra := len(l.cuts) - m.keep; extra > m.keep {
		l.cuts = slices.Clone(l.cuts[extra:])
		l.forget()
	}
	return page(cuts[0].Number - 1), nil
}

// forget drops what no cut names any more.
func (l *memoryLog) forget() {
	named := make(map[string]bool)
	for _, c := range l.cuts {
		named[c.Asset.Digest], named[c.Filler.Digest] = true, true
	}
	maps.DeleteFunc(l.frozen, func(digest string, _ []byte) bool { return !named[digest] })
}

// Freeze implements Log.
func (m *Memory) Freeze(ctx context.Context, channel, id, digest string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.log(channel)
	if l.id != id {
		return fmt.Errorf("%w: %s, not %s", ErrOtherLog, l.id, id)
	}
	if l.frozen == nil {
		l.frozen = make(map[string][]byte)
	}
	l.frozen[digest] = data
	return nil
}

// Frozen implements Log.
func (m *Memory) Frozen(ctx context.Context, channel, id, digest string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.log(channel)
	if l.id != id {
		return nil, fmt.Errorf("%w: %s, not %s", ErrOtherLog, l.id, id)
	}
	data, ok := l.frozen[digest]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNotFrozen, digest)
	}
	return data, nil
}

// Heads implements Log.
func (m *Memory) Heads(ctx context.Context) (Heads, error) {
	if err := ctx.Err(); err != nil {
		return Heads{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h := Heads{Now: m.now(), Lead: m.lead, Logs: make(map[string]Head)}
	for channel, l := range m.logs {
		if n := len(l.cuts); n > 0 && h.Now.Sub(l.watched) < Awake {
			h.Logs[channel] = Head{ID: l.id, Number: l.cuts[n-1].Number, Digest: l.cuts[n-1].Digest()}
		}
	}
	return h, nil
}

// Watch implements Log.
func (m *Memory) Watch(ctx context.Context, ids map[string]string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for channel, id := range ids {
		if l := m.logs[channel]; l != nil && l.id == id && m.now().After(l.watched) {
			l.watched = m.now()
		}
	}
	return nil
}

// Delete drops a channel's log; the next Read makes another with another id.
func (m *Memory) Delete(channel string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.logs, channel)
}

func (m *Memory) now() time.Time {
	if m.Clock != nil {
		return m.Clock().UTC()
	}
	return time.Now().UTC()
}

func (m *Memory) log(channel string) *memoryLog {
	l := m.logs[channel]
	if l == nil {
		l = &memoryLog{id: rand.Text()}
		m.logs[channel] = l
	}
	return l
}

func (m *Memory) page(l *memoryLog, after int64) Page {
	if after < 0 && len(l.cuts) > 0 {
		after += l.cuts[len(l.cuts)-1].Number
	}
	i, _ := slices.BinarySearchFunc(l.cuts, after+1, func(c Cut, n int64) int { return int(c.Number - n) })
	return Page{ID: l.id, Now: m.now(), Lead: m.lead, Cuts: slices.Clone(l.cuts[i:]), Settings: l.settings, Watched: l.watched}
}
