package load

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// fine is the number of buckets for each doubling, so that a quantile is off by
// 1/64 at most.
const fine = 64

// histogram counts durations. It may be used concurrently.
type histogram struct {
	buckets [fine * 40]atomic.Int64 // of microseconds
	most    atomic.Int64            // nanoseconds
	sum     atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucket(d.Microseconds())].Add(1)
	h.sum.Add(int64(d))
	for {
		most := h.most.Load()
		if int64(d) <= most || h.most.CompareAndSwap(most, int64(d)) {
			return
		}
	}
}

// bucket is exact below 2*fine; then each doubling has fine buckets.
func bucket(n int64) int {
	if n < 2*fine {
		return int(n)
	}
	shift := bits.Len64(uint64(n)) - 7 // to 64..127
	return min(shift*fine+int(n>>shift), fine*40-1)
}

// upper is the most that a bucket counts.
func upper(bucket int) int64 {
	if bucket < 2*fine {
		return int64(bucket)
	}
	shift := bucket/fine - 1
	return (int64(bucket%fine+fine)+1)<<shift - 1
}

// Quantiles of durations, in milliseconds.
type Quantiles struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

func (h *histogram) quantiles() Quantiles {
	var counts [len(h.buckets)]int64
	var q Quantiles
	for i := range h.buckets {
		counts[i] = h.buckets[i].Load()
		q.Count += counts[i]
	}
	if q.Count == 0 {
		return q
	}
	q.Mean = float64(h.sum.Load()) / float64(q.Count) / 1e6
	q.Max = float64(h.most.Load()) / 1e6
	at := func(part float64) float64 {
		rank, seen := int64(part*float64(q.Count)), int64(0)
		for i, n := range counts {
			if seen += n; seen > rank {
				return min(float64(upper(i))/1e3, q.Max)
			}
		}
		return q.Max
	}
	q.P50, q.P90, q.P99, q.P999 = at(.5), at(.9), at(.99), at(.999)
	return q
}
