// Package cachetest has players behind the caching nginx of docker-compose.yml,
// with its very configuration, and a real engine and schedule behind that.
package cachetest
