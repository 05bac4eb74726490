package pagetest_test

import (
	"testing"

	"consuo/internal/pagetest"
	"consuo/internal/systemtest"
)

func TestMultiview(t *testing.T) {
	s := systemtest.NewStation(t)
	s.Programme("one", 5*pagetest.Limit)
	pagetest.Run(t, "multiview", map[string]any{"url": s.Engine + "/"})
}
