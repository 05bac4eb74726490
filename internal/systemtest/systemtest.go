// Package systemtest has both services together under test: the schedule's
// HTTP, the engine's polling, the VODs' origin and players.
package systemtest
