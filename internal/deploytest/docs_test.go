package deploytest

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consuo/internal/service"

	corev1 "k8s.io/api/core/v1"
)

// What the documents tell people to type is what there is.
func TestDocs(t *testing.T) {
	project := compose(t, []string{"*"})
	published := []string{}
	for _, s := range project.Services {
		for _, p := range s.Ports {
			published = append(published, p.Published)
		}
	}
	all := programs(t)
	known := func(variable string) bool {
		return all["schedule"].knows(variable) || all["engine"].knows(variable) ||
			variable == "PUBLIC_HOST" || variable == "VERSION" // of docker-compose.yml and make
	}
	for _, name := range []string{"README.md", "docs/deploy.md", "docs/operations.md"} {
		text := read(t, name)
		for _, m := range regexp.MustCompile(`(?:-e|export|--env)[ =]([A-Z][A-Z_]+)=`).FindAllStringSubmatch(text, -1) {
			if !known(m[1]) {
				t.Errorf("%s sets %s, which nothing reads", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`localhost:(\d{4})\b`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(published, m[1]) {
				t.Errorf("%s leads to port %s, which nothing has", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`--profile (\w+)`).FindAllStringSubmatch(text, -1) {
			if len(compose(t, []string{m[1]}).ServiceNames()) == len(compose(t, nil).ServiceNames()) {
				t.Errorf("%s has the profile %s, which adds nothing", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`(?:apply -k|-m 644 -t \S+) (\S+)`).FindAllStringSubmatch(text, -1) {
			if found, err := filepath.Glob(mustAbs(t, m[1])); err != nil || len(found) == 0 {
				t.Errorf("%s uses %s, which is not there", name, m[1])
			}
		}
	}
	deploy := read(t, "docs/deploy.md")
	for _, line := range regexp.MustCompile(`(?m)^ +export DATABASE_URL=.*$`).FindAllString(deploy, -1) {
		if !strings.Contains(read(t, "docker-compose.yml"), strings.TrimSpace(line)) {
			t.Errorf("docs/deploy.md and docker-compose.yml tell different databases: %s", line)
		}
	}
	if service.LameDuck.Seconds() != 3 || service.StopTime.Seconds() > 10 {
		t.Errorf("docs/deploy.md tells 3 s and 10 s for stopping, and these are %s and %s", service.LameDuck, service.StopTime)
	}
	// The keys of the Kubernetes secret.
	keys := make(map[string]bool)
	for _, kind := range []string{"sqlite", "postgres"} {
		m := kustomize(t, kind)
		for _, pod := range []corev1.PodTemplateSpec{
			m.deployments["engine"].Spec.Template, m.deployments["schedule"].Spec.Template, m.statefulSets["schedule"].Spec.Template,
		} {
			for _, c := range pod.Spec.Containers {
				for _, v := range c.Env {
					if v.ValueFrom != nil {
						keys[v.ValueFrom.SecretKeyRef.Key] = true
					}
				}
			}
		}
	}
	for key := range keys {
		if !strings.Contains(deploy, "`"+key+"`") && !strings.Contains(deploy, "--from-literal="+key+"=") {
			t.Errorf("docs/deploy.md does not tell of %s in the secret", key)
		}
	}
	for _, m := range regexp.MustCompile(`--from-literal=([A-Z_]+)=`).FindAllStringSubmatch(deploy, -1) {
		if !keys[m[1]] {
			t.Errorf("docs/deploy.md puts %s into the secret, which no manifest reads", m[1])
		}
	}
	for name := range all {
		for _, path := range []string{"/usr/local/lib/consuo", "/etc/consuo/" + name + ".env"} {
			if !strings.Contains(deploy, path) || !strings.Contains(read(t, "deploy/systemd/consuo-"+name+".service"), path) {
				t.Errorf("docs/deploy.md and the unit of %s don't agree on %s", name, path)
			}
		}
	}
}
