// Package operations holds what operators and clients are told to the running
// services: the metrics that the dashboard and the alerts name, the runbook, the
// commands of the API guide, and that no log shows a secret. It is tests only;
// they start both programs as processes.
package operations
