package deploytest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"consuo/internal/service"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

// compose loads docker-compose.yml as docker compose does.
func compose(t testing.TB, profiles []string, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{mustAbs(t, "docker-compose.yml")},
		cli.WithProfiles(profiles), cli.WithEnv(env), cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestCompose(t *testing.T) {
	if got, want := compose(t, nil).ServiceNames(), []string{"cache", "demo", "engine", "schedule"}; !slices.Equal(got, want) {
		t.Errorf("without profiles there are %v, want %v", got, want)
	}
	dockerfiles := make(map[string]image)
	for _, image := range images(t) {
		dockerfiles[image.file] = image
	}
	project := compose(t, []string{"*"})
	for name, s := range project.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not hardened", name)
		}
		if s.Build == nil {
			if s.HealthCheck == nil || len(s.HealthCheck.Test) == 0 || s.HealthCheck.Test[0] != "CMD" {
				t.Errorf("%s has no health check without a shell", name)
			}
			if !exactTag.MatchString(s.Image) {
				t.Errorf("%s: the image %s is no exact version", name, s.Image)
			}
		} else if image, ok := dockerfiles[s.Build.Dockerfile]; !ok || image.program != name {
			t.Errorf("%s is built by %s", name, s.Build.Dockerfile)
		} else if s.Image != "consuo-"+name+":dev" {
			t.Errorf("%s: the image is %s", name, s.Image)
		} else if len(s.Ports) != 1 || s.Ports[0].Published != image.port || strconv.Itoa(int(s.Ports[0].Target)) != image.port {
			t.Errorf("%s: ports are %v, and the program's is %s", name, s.Ports, image.port)
		}
		for on, dependency := range s.DependsOn {
			if dependency.Condition != types.ServiceConditionHealthy {
				t.Errorf("%s does not wait until %s is well", name, on)
			}
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s mounts what is not there: %v", name, err)
				}
				if !v.ReadOnly {
					t.Errorf("%s may write to %s", name, v.Source)
				}
			}
		}
		if p, ours := programs(t)[name]; ours {
			for variable := range s.Environment {
				if !p.knows(variable) {
					t.Errorf("%s gets %s, which it does not read", name, variable)
				}
			}
			if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < service.StopTime {
				t.Errorf("%s gets %v to stop, and needs %s", name, s.StopGracePeriod, service.StopTime)
			}
		}
	}
	reaches := func(who, at string) *url.URL {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		other, ok := project.Services[u.Hostname()]
		if !ok {
			t.Errorf("%s wants %s, and no service has that name", who, at)
		} else if u.Port() != "" && len(other.Ports) == 1 && strconv.Itoa(int(other.Ports[0].Target)) != u.Port() {
			t.Errorf("%s wants %s, and the port of %s is %d", who, at, other.Name, other.Ports[0].Target)
		}
		return u
	}
	engine, demo := project.Services["engine"], project.Services["demo"]
	reaches("engine", *engine.Environment["CHANNELMGRAPI"])
	from, to, _ := strings.Cut(*engine.Environment["DELIVERY_MAP"], "=")
	reaches("DELIVERY_MAP", from)
	if want := "http://localhost:" + demo.Ports[0].Published + "/"; to != want {
		t.Errorf("DELIVERY_MAP leads players to %s, want %s", to, want)
	}
	if got := strings.Join(demo.Command, " "); got != "-schedule "+*engine.Environment["CHANNELMGRAPI"]+" -vod-url "+strings.TrimSuffix(from, "/") {
		t.Errorf("the demo is started with %s", got)
	}
	for variable, service := range map[string]types.ServiceConfig{"ENGINE_URL": project.Services["cache"], "ENGINE_PAGE_URL": engine} {
		if got, want := *project.Services["schedule"].Environment[variable], "http://localhost:"+service.Ports[0].Published; got != want {
			t.Errorf("%s is %s, want %s", variable, got, want)
		}
	}
	elsewhere := compose(t, nil, "PUBLIC_HOST=tv.example", "VERSION=v9", "API_KEY=secret")
	for _, name := range []string{"schedule", "engine", "demo"} { // who asks for the key, and who write
		if with, without := elsewhere.Services[name].Environment["API_KEY"], project.Services[name].Environment["API_KEY"]; *with != "secret" || *without != "" {
			t.Errorf("%s has the key %q, and %q without one", name, *with, *without)
		}
	}
	if got := *elsewhere.Services["engine"].Environment["DELIVERY_MAP"]; got != "http://demo:8002/=http://tv.example:8002/" {
		t.Errorf("with PUBLIC_HOST, DELIVERY_MAP is %s", got)
	}
	if got := elsewhere.Services["engine"].Image; got != "consuo-engine:v9" {
		t.Errorf("with VERSION, the image is %s", got)
	}
}

// The commands that the file tells work together with what it has.
func TestComposeWithPostgres(t *testing.T) {
	told := regexp.MustCompile(`export (DATABASE_URL)='(\S+)'`).FindStringSubmatch(read(t, "docker-compose.yml"))
	if told == nil {
		t.Fatal("docker-compose.yml does not tell how to use PostgreSQL")
	}
	project := compose(t, []string{"postgres"}, told[1]+"="+told[2])
	got := *project.Services["schedule"].Environment["DATABASE_URL"]
	u, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	env := project.Services["postgres"].Environment
	want := fmt.Sprintf("postgres://%s:%s@postgres/%s?sslmode=disable", *env["POSTGRES_USER"], *env["POSTGRES_PASSWORD"], *env["POSTGRES_DB"])
	if got != want || u.Hostname() != "postgres" {
		t.Errorf("the schedule has %s, want %s", got, want)
	}
	if _, waits := project.Services["schedule"].DependsOn["postgres"]; !waits {
		t.Error("the schedule does not wait for PostgreSQL")
	}
	if compose(t, nil).Services["schedule"].DependsOn["postgres"].Required {
		t.Error("the schedule waits for PostgreSQL without its profile")
	}
	if got := *compose(t, nil).Services["schedule"].Environment["DATABASE_URL"]; !strings.HasPrefix(got, "/data/") {
		t.Errorf("without PostgreSQL the database is %s, which is not on the volume", got)
	}
}

// nginx has the name and the port of the engine, Prometheus those of both.
func TestComposeConfigurations(t *testing.T) {
	project := compose(t, []string{"*"})
	target := func(name string) string {
		return fmt.Sprintf("%s:%d", name, project.Services[name].Ports[0].Target)
	}
	nginx := read(t, "deploy/compose/nginx.conf")
	for _, line := range []string{"server    " + target("engine") + " resolve;", "listen    " + strings.TrimPrefix(target("cache"), "cache:") + ";"} {
		if !strings.Contains(nginx, line) {
			t.Errorf("nginx.conf lacks %s", line)
		}
	}

	var prometheus struct {
		Global        map[string]string `json:"global"`
		RuleFiles     []string          `json:"rule_files"`
		ScrapeConfigs []struct {
			JobName      string `json:"job_name"`
			DNSSDConfigs []struct {
				Names           []string `json:"names"`
				Type            string   `json:"type"`
				Port            int      `json:"port"`
				RefreshInterval string   `json:"refresh_interval"`
			} `json:"dns_sd_configs"`
		} `json:"scrape_configs"`
	}
	strict(t, "deploy/prometheus/prometheus.yml", &prometheus)
	var scraped []string // by the jobs that dashboard and alerts name
	for _, job := range prometheus.ScrapeConfigs {
		for _, sd := range job.DNSSDConfigs {
			scraped = append(scraped, fmt.Sprintf("%s:%d", sd.Names[0], sd.Port))
			if job.JobName != sd.Names[0] {
				t.Errorf("the job of %s is %s, which dashboard and alerts don't know", sd.Names[0], job.JobName)
			}
		}
	}
	if want := []string{target("schedule"), target("engine")}; !slices.Equal(scraped, want) {
		t.Errorf("Prometheus scrapes %v, want %v", scraped, want)
	}

	for _, file := range prometheus.RuleFiles {
		read(t, "deploy/prometheus/"+file)
	}

	var sources struct {
		APIVersion  int `json:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, URL string
			IsDefault            bool              `json:"isDefault"`
			JSONData             map[string]string `json:"jsonData"`
		} `json:"datasources"`
	}
	strict(t, "deploy/grafana/provisioning/datasources/prometheus.yml", &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].URL != "http://"+target("prometheus") {
		t.Errorf("Grafana reads from %v", sources.Datasources)
	}
	var dashboards struct {
		APIVersion int `json:"apiVersion"`
		Providers  []struct {
			Name, Type     string
			AllowUIUpdates bool              `json:"allowUiUpdates"`
			Options        map[string]string `json:"options"`
		} `json:"providers"`
	}
	strict(t, "deploy/grafana/provisioning/dashboards/consuo.yml", &dashboards)
	mounted := ""
	for _, v := range project.Services["grafana"].Volumes {
		if filepath.Base(v.Source) == "dashboard.json" {
			mounted = v.Target
		}
	}
	if len(dashboards.Providers) != 1 || dashboards.Providers[0].Options["path"] != filepath.Dir(mounted) {
		t.Errorf("Grafana looks for dashboards in %v, and there is %s", dashboards.Providers, mounted)
	}
	if home := *project.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]; home != mounted {
		t.Errorf("Grafana's first page is %s, want %s", home, mounted)
	}
}

// strict decodes YAML of which every field is known.
func strict(t testing.TB, name string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(read(t, name)), into); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}
