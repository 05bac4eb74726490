// Package service is what both daemons share: reading the environment,
// logging, listening, health, metrics, request ids and a bounded shutdown.
//
// A main is three calls:
//
//	done, err := service.Load(&cfg, "engine", os.Args[1:], os.Stdout)
//	log := cfg.Logger(os.Stderr)
//	err = service.Run(ctx, service.Options{...})
//
// [Handler] is what Run serves. Tests use it without a listener.
package service
