package playlog_test

import (
	"testing"
	"time"

	"consuo/internal/bubble"
	"consuo/internal/playlog"
	"consuo/internal/playlog/playlogtest"
)

func TestMemory(t *testing.T) {
	playlogtest.Run(t, func(t *testing.T, test func(*testing.T, playlog.Log, func(time.Duration))) {
		bubble.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Date(2026, 11, 22, 12, 0, 0, 1, time.UTC))) // a bubble begins before playlog.Epoch
			test(t, playlog.NewMemory(playlog.Lead), time.Sleep)
		})
	})
}
