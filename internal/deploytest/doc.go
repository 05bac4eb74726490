// Package deploytest reads all that the services are deployed with as those
// will who use it: Dockerfiles with BuildKit's parser, docker-compose.yml with
// Compose's, manifests with Kubernetes' types, workflows with actionlint. And it
// holds them to the code and to each other: names of images, variables, ports,
// paths, times.
package deploytest
