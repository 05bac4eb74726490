package deploytest

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"consuo/internal/service"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifests are the objects that kubectl apply -k would send.
type manifests struct {
	deployments  map[string]appsv1.Deployment
	statefulSets map[string]appsv1.StatefulSet
	services     map[string]corev1.Service
	budgets      map[string]policyv1.PodDisruptionBudget
	ingresses    map[string]networkingv1.Ingress
	namespaces   map[string]corev1.Namespace
}

// kustomize builds one of the two kinds, strictly.
func kustomize(t *testing.T, kind string) (m manifests) {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), mustAbs(t, "deploy/kubernetes/"+kind))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		switch id := r.GetGvk().ApiVersion() + " " + r.GetKind(); id {
		case "apps/v1 Deployment":
			add(t, &m.deployments, text)
		case "apps/v1 StatefulSet":
			add(t, &m.statefulSets, text)
		case "v1 Service":
			add(t, &m.services, text)
		case "policy/v1 PodDisruptionBudget":
			add(t, &m.budgets, text)
		case "networking.k8s.io/v1 Ingress":
			add(t, &m.ingresses, text)
		case "v1 Namespace":
			add(t, &m.namespaces, text)
		default:
			t.Errorf("a %s, which this test does not know", id)
		}
	}
	return m
}

func add[T any](t *testing.T, to *map[string]T, text []byte) {
	t.Helper()
	var object T
	if err := yaml.UnmarshalStrict(text, &object); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
	var meta struct{ Metadata metav1.ObjectMeta }
	if err := yaml.Unmarshal(text, &meta); err != nil {
		t.Fatal(err)
	}
	if *to == nil {
		*to = make(map[string]T)
	}
	(*to)[meta.Metadata.Name] = object
}

func TestKubernetes(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			m := kustomize(t, kind)
			pods := map[string]corev1.PodTemplateSpec{"engine": m.deployments["engine"].Spec.Template}
			if kind == "sqlite" {
				schedule := m.statefulSets["schedule"]
				pods["schedule"] = schedule.Spec.Template
				if *schedule.Spec.Replicas != 1 || schedule.Spec.ServiceName != "schedule" {
					t.Errorf("%d replicas write one SQLite file, of service %q", *schedule.Spec.Replicas, schedule.Spec.ServiceName)
				}
			} else {
				pods["schedule"] = m.deployments["schedule"].Spec.Template
			}
			for name, d := range m.deployments {
				if rolling := d.Spec.Strategy.RollingUpdate; rolling == nil || rolling.MaxUnavailable.IntValue() != 0 || *d.Spec.Replicas < 2 {
					t.Errorf("%s: an update leaves a gap", name)
				}
				if budget, ok := m.budgets[name]; !ok || !matches(budget.Spec.Selector.MatchLabels, pods[name]) || budget.Spec.MaxUnavailable.IntValue() >= int(*d.Spec.Replicas) {
					t.Errorf("%s has no budget of disruptions", name)
				}
				if !matches(d.Spec.Selector.MatchLabels, pods[name]) {
					t.Errorf("%s: the selector does not match", name)
				}
			}
			for name, pod := range pods {
				t.Run(name, func(t *testing.T) { checkPod(t, kind, programs(t)[name], pod, m) })
			}
			for name, ingress := range m.ingresses {
				for _, rule := range ingress.Spec.Rules {
					for _, p := range rule.HTTP.Paths {
						backend := p.Backend.Service
						if s, ok := m.services[backend.Name]; !ok || !slices.ContainsFunc(s.Spec.Ports, func(port corev1.ServicePort) bool { return port.Name == backend.Port.Name }) {
							t.Errorf("%s leads to %v, which is not there", name, backend)
						}
						if backend.Name != "engine" || p.Path != "/live/" {
							t.Errorf("%s opens %s of %s to the world", name, p.Path, backend.Name)
						}
					}
				}
			}
			if len(m.ingresses) != 1 || m.namespaces["consuo"].Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
				t.Error("the ingress or the restricted namespace is missing")
			}
		})
	}
}

func matches(selector map[string]string, pod corev1.PodTemplateSpec) bool {
	for k, v := range selector {
		if pod.Labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}

func checkPod(t *testing.T, kind string, p program, pod corev1.PodTemplateSpec, m manifests) {
	spec := pod.Spec
	if len(spec.Containers) != 1 {
		t.Fatalf("%d containers", len(spec.Containers))
	}
	c := spec.Containers[0]
	if c.Image != p.image()+":dev" {
		t.Errorf("the image is %s", c.Image)
	}
	if len(c.Ports) != 1 || fmt.Sprint(c.Ports[0].ContainerPort) != p.port {
		t.Errorf("ports are %v, and the program's is %s", c.Ports, p.port)
	}
	s := m.services[p.name]
	if len(s.Spec.Ports) != 1 || fmt.Sprint(s.Spec.Ports[0].Port) != p.port || s.Spec.Ports[0].TargetPort.String() != c.Ports[0].Name || !matches(s.Spec.Selector, pod) {
		t.Errorf("the service %v does not lead to the port", s.Spec)
	}
	if pod.Annotations["prometheus.io/port"] != p.port {
		t.Errorf("Prometheus is told the port %s", pod.Annotations["prometheus.io/port"])
	}
	for probe, path := range map[*corev1.Probe]string{c.ReadinessProbe: "/readyz", c.LivenessProbe: "/healthz", c.StartupProbe: "/healthz"} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Port.String() != c.Ports[0].Name {
			t.Errorf("a probe is %v, want %s", probe, path)
		}
	}
	// The service asks what it depends on for 2 s at most.
	if c.ReadinessProbe.TimeoutSeconds < 3 {
		t.Errorf("/readyz has %d s to answer, and may take 2", c.ReadinessProbe.TimeoutSeconds)
	}
	// A pod that is told to stop serves on until it is out of the balancers.
	if grace := time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second; grace < service.StopTime {
		t.Errorf("the pod gets %s to stop, and needs %s", grace, service.StopTime)
	}
	if sc := spec.SecurityContext; !*sc.RunAsNonRoot || *sc.RunAsUser != 65532 || sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod may do too much: %v", sc)
	}
	if sc := c.SecurityContext; *sc.AllowPrivilegeEscalation || !*sc.ReadOnlyRootFilesystem || !slices.Equal(sc.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("the container may do too much: %v", sc)
	}
	if *spec.AutomountServiceAccountToken || *spec.EnableServiceLinks {
		t.Error("the pod gets a token or variables of services that it has no use for")
	}
	env := make(map[string]corev1.EnvVar)
	for _, v := range c.Env {
		env[v.Name] = v
		if !p.knows(v.Name) {
			t.Errorf("%s is set, which the program does not read", v.Name)
		}
	}
	limit, err := resource.ParseQuantity(strings.TrimSuffix(env["GOMEMLIMIT"].Value, "B"))
	if err != nil || limit.Cmp(c.Resources.Limits[corev1.ResourceMemory]) >= 0 {
		t.Errorf("GOMEMLIMIT=%s does not fit the limit: %v", env["GOMEMLIMIT"].Value, err)
	}
	switch {
	case p.name == "engine":
		u, err := url.Parse(env["CHANNELMGRAPI"].Value)
		if err != nil || fmt.Sprint(m.services[u.Hostname()].Spec.Ports[0].Port) != u.Port() || u.Hostname() != "schedule" {
			t.Errorf("CHANNELMGRAPI is %s", env["CHANNELMGRAPI"].Value)
		}
	case kind == "postgres":
		if from := env["DATABASE_URL"].ValueFrom; from == nil || from.SecretKeyRef == nil || from.SecretKeyRef.Optional != nil {
			t.Error("DATABASE_URL does not come from a secret")
		}
	default:
		at := filepath.Dir(env["DATABASE_URL"].Value)
		if len(c.VolumeMounts) != 1 || c.VolumeMounts[0].MountPath != at || *spec.SecurityContext.FSGroup != 65532 {
			t.Errorf("the database is in %s, the volume at %v", at, c.VolumeMounts)
		}
	}
}

// Nothing lies beside the manifests that no kustomization uses.
func TestKubernetesFiles(t *testing.T) {
	err := fs.WalkDir(os.DirFS(mustAbs(t, "deploy/kubernetes")), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "kustomization.yaml" {
			if list := read(t, "deploy/kubernetes/"+filepath.ToSlash(filepath.Dir(name))+"/kustomization.yaml"); !bytes.Contains([]byte(list), []byte("- "+d.Name()+"\n")) {
				t.Errorf("%s is in no kustomization", name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
