package playlog

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Memory is a Log in this process, for a schedule that keeps none. What it
// holds is gone with the process, and only one engine can use it: a channel
// then begins anew from the wall clock.
type Memory struct {
	lead time.Duration
	keep int

	mu   sync.Mutex
	logs map[string]*memoryLog // guarded by mu
}

type memoryLog struct {
	id       string
	cuts     []Cut     // the last ones, keep to twice as many
	settings *Settings // nil while cuts is empty
}

// NewMemory returns an empty store. Its clock is the process's. Of each log it
// keeps the last 1,000 cuts.
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
	added, err := Decide(l.cuts, cuts, time.Now(), m.lead)
	if err != nil {
		return m.page(l, firstNumber(cuts)-1), err
	}
	l.cuts = append(l.cuts, added...)
	if len(added) > 0 && added[0].Settings != nil {
		l.settings = added[0].Settings
	}
	if extra := len(l.cuts) - m.keep; extra > m.keep {
		l.cuts = slices.Clone(l.cuts[extra:])
	}
	return m.page(l, cuts[0].Number-1), nil
}

// Delete drops a channel's log; the next Read makes another with another id.
func (m *Memory) Delete(channel string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.logs, channel)
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
	i, _ := slices.BinarySearchFunc(l.cuts, after+1, func(c Cut, n int64) int { return int(c.Number - n) })
	return Page{ID: l.id, Now: time.Now().UTC(), Lead: m.lead, Cuts: slices.Clone(l.cuts[i:]), Settings: l.settings}
}

func firstNumber(cuts []Cut) int64 {
	if len(cuts) == 0 {
		return 1
	}
	return cuts[0].Number
}
