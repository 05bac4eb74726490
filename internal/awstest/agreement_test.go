package awstest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"consuo/internal/playout"
	"consuo/internal/playouthttp"
	"consuo/internal/service"
	"consuo/internal/slate"
	"consuo/internal/testneeds"

	"github.com/jackc/pgx/v5"
)

// services are what the template runs, by the names of its resources.
var services = []struct {
	name, program, port, metrics string
	variables                    []string // read by libraries, not by us
}{
	{"Engine", "engine", "8000", "9000", []string{"GOMEMLIMIT"}},
	{"Schedule", "schedule", "8001", "9001", []string{"GOMEMLIMIT", "PGPASSWORD"}},
}

// container is the container of a service's task.
func container(t *testing.T, s *stack, service string) map[string]any {
	t.Helper()
	return at(t, s.resources[service+"Task"], "ContainerDefinitions", 0).(map[string]any)
}

// pairs is a list of names and values as a map.
func pairs(t *testing.T, list any, name, value string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, item := range list.([]any) {
		out[text(t, item, name)] = text(t, item, value)
	}
	return out
}

// found is the first group of a pattern in a file of the repository.
func found(t *testing.T, file, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))
	if m == nil {
		t.Fatalf("%s has no %s", file, pattern)
	}
	return m[1]
}

func duration(t *testing.T, n int) time.Duration { t.Helper(); return time.Duration(n) * time.Second }

// seconds reads "95 * time.Second" from a constant or field that no test can reach.
func seconds(t *testing.T, file, name string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(found(t, file, `\b`+name+`:?\s+=?\s*(\d+) \* time\.Second`) + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A port is the same wherever it is named: in the code's image, the task, the
// service, the target group, the listener and the security groups.
func TestPorts(t *testing.T) {
	s := evaluate(t, nil)
	for _, c := range services {
		if got := found(t, "Dockerfile."+c.program, `(?m)^EXPOSE (\d+)$`); got != c.port {
			t.Errorf("the image of %s has port %s, want %s", c.program, got, c.port)
		}
		box := container(t, s, c.name)
		var ports []string
		for _, m := range at(t, box, "PortMappings").([]any) {
			ports = append(ports, text(t, m, "ContainerPort"))
		}
		if !slices.Equal(ports, []string{c.port, c.metrics}) {
			t.Errorf("%s: ports %v", c.name, ports)
		}
		env := pairs(t, box["Environment"], "Name", "Value")
		if env["PORT"] != c.port || env["METRICS_PORT"] != c.metrics {
			t.Errorf("%s: PORT=%s METRICS_PORT=%s", c.name, env["PORT"], env["METRICS_PORT"])
		}
		balanced := at(t, s.resources[c.name+"Service"], "LoadBalancers", 0)
		want := map[string]any{"ContainerName": text(t, box, "Name"), "ContainerPort": any(number(t, c.port)), "TargetGroupArn": c.name + "Targets"}
		if !reflect.DeepEqual(balanced, want) {
			t.Errorf("%s: the service balances %v, want %v", c.name, balanced, want)
		}
		for _, resource := range []string{c.name + "Targets", c.name + "Listener"} {
			if got := text(t, s.resources[resource], "Port"); got != c.port {
				t.Errorf("%s has port %s, want %s", resource, got, c.port)
			}
		}
	}
	if got, want := pairs(t, container(t, s, "Engine")["Environment"], "Name", "Value")["CHANNELMGRAPI"], text(t, s.outputs["ScheduleUrl"]); got != want || !strings.HasSuffix(got, "//schedule.consuo.internal:8001") {
		t.Errorf("CHANNELMGRAPI=%s, the output says %s", got, want)
	}
	if text(t, s.resources["ScheduleName"], "Name")+"."+text(t, s.resources["Namespace"], "Name") != "schedule.consuo.internal" {
		t.Error("the schedule's name is not the one in CHANNELMGRAPI")
	}
	for _, c := range services {
		if at(t, s.resources[c.name+"Service"], "ServiceRegistries", 0, "RegistryArn") != c.name+"Name.Arn" {
			t.Errorf("%s is not registered under its name", c.name)
		}
	}
	origin := at(t, s.resources["Distribution"], "DistributionConfig", "Origins", 0, "CustomOriginConfig")
	if number(t, origin, "HTTPPort") != 8000 || number(t, origin, "HTTPSPort") != 8000 {
		t.Errorf("CloudFront asks %v", origin)
	}
}

// The variables are those that the programs read, in the template and in both
// task definitions.
func TestVariables(t *testing.T) {
	s := evaluate(t, nil)
	for _, c := range services {
		cmd := exec.CommandContext(t.Context(), "go", "run", "./cmd/"+c.program, "-help")
		cmd.Dir = testneeds.Root()
		help, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		known := slices.Clone(c.variables)
		for _, m := range regexp.MustCompile(`(?m)^([A-Z][A-Z_]+) `).FindAllStringSubmatch(string(help), -1) {
			known = append(known, m[1])
		}
		box := container(t, s, c.name)
		env, secrets := pairs(t, box["Environment"], "Name", "Value"), pairs(t, box["Secrets"], "Name", "ValueFrom")
		for _, variables := range []map[string]string{env, secrets} {
			for name := range variables {
				if !slices.Contains(known, name) {
					t.Errorf("%s does not read %s", c.program, name)
				}
			}
		}
		if env["PRIVATE_ORIGINS"] != "deny" {
			t.Errorf("%s: PRIVATE_ORIGINS=%s: VODs could be fetched from the VPC", c.name, env["PRIVATE_ORIGINS"])
		}
		if env["KEY"] == "" || secrets["API_KEY"] != "ApiKeySecret" {
			t.Errorf("%s: KEY=%q, API_KEY from %q", c.name, env["KEY"], secrets["API_KEY"])
		}
		if _, plain := env["API_KEY"]; plain {
			t.Errorf("%s: the API key is in the open", c.name)
		}
	}
	if got := pairs(t, container(t, s, "Schedule")["Environment"], "Name", "Value")["ENGINE_URL"]; got != "https://Distribution.DomainName" {
		t.Errorf("ENGINE_URL=%s", got)
	}
	own := evaluate(t, map[string]any{"ViewerDomainName": "live.example.com", "ViewerCertificateArn": certificate})
	if got := pairs(t, container(t, own, "Schedule")["Environment"], "Name", "Value")["ENGINE_URL"]; got != "https://live.example.com" {
		t.Errorf("ENGINE_URL=%s with a domain of one's own", got)
	}
}

func TestMemoryLimits(t *testing.T) {
	for _, size := range load(t).parameters["EngineSize"]["AllowedValues"].([]any) {
		s := evaluate(t, map[string]any{"EngineSize": size, "ScheduleSize": size})
		for _, c := range services {
			memory := number(t, s.resources[c.name+"Task"], "Memory")
			limit := number(t, strings.TrimSuffix(pairs(t, container(t, s, c.name)["Environment"], "Name", "Value")["GOMEMLIMIT"], "MiB"))
			if limit > memory*85/100 || limit < memory*3/4 {
				t.Errorf("%v: GOMEMLIMIT is %d MiB of %d", size, limit, memory)
			}
		}
	}
}

// Tasks can't write to their root, are nobody, may do nothing in AWS, and come
// from the images that make images builds.
func TestTasks(t *testing.T) {
	s := evaluate(t, nil)
	registry := evaluate(t, map[string]any{"ImageRegistry": "registry.example/team"})
	for _, c := range services {
		task, box := s.resources[c.name+"Task"], container(t, s, c.name)
		if task["TaskRoleArn"] != nil {
			t.Errorf("%s has a role in AWS, and needs none", c.name)
		}
		for key, want := range map[string]any{
			"Name": "consuo-" + c.program, "ReadonlyRootFilesystem": true,
			"Image": "111122223333.dkr.ecr.eu-north-1.amazonaws.com/consuo-" + c.program + ":v1.2.3",
			"User":  found(t, "Dockerfile."+c.program, `(?m)^USER (.*)$`),
		} {
			if box[key] != want {
				t.Errorf("%s: %s is %v, want %v", c.name, key, box[key], want)
			}
		}
		if got := container(t, registry, c.name)["Image"]; got != "registry.example/team/consuo-"+c.program+":v1.2.3" {
			t.Errorf("%s: image %v of another registry", c.name, got)
		}
		if image := found(t, "Makefile", `-t (consuo-`+c.program+`):\$\(VERSION\)`); image != box["Name"] {
			t.Errorf("make images builds %s", image)
		}
		repository := "arn:aws:ecr:*:*:repository/consuo-" + c.program
		var allowed []string
		for _, statement := range at(t, s.resources[c.name+"ExecutionRole"], "Policies", 0, "PolicyDocument", "Statement").([]any) {
			action, resource := fmt.Sprint(at(t, statement, "Action")), text(t, statement, "Resource")
			if text(t, statement, "Effect") != "Allow" || strings.Contains(action, "*") || resource == "*" && action != "ecr:GetAuthorizationToken" {
				t.Errorf("%s: the role allows %s on %s", c.name, action, resource)
			}
			allowed = append(allowed, resource)
		}
		secrets := map[string]string{"Engine": "ApiKeySecret", "Schedule": "[ApiKeySecret DatabaseSecret]"}[c.name]
		if want := []string{"*", repository, c.name + "Logs.Arn", secrets}; !slices.Equal(allowed, want) {
			t.Errorf("%s: the role may touch %v, want %v", c.name, allowed, want)
		}
		options := at(t, box, "LogConfiguration", "Options").(map[string]any)
		if options["awslogs-group"] != c.name+"Logs" || options["mode"] != "non-blocking" {
			t.Errorf("%s: logs go to %v", c.name, options)
		}
		if number(t, s.resources[c.name+"Logs"], "RetentionInDays") != 30 {
			t.Errorf("%s: logs are kept for ever", c.name)
		}
	}
}

// Each group lets in exactly this: CloudFront -> ALB -> engine -> schedule -> database.
func TestSecurityGroups(t *testing.T) {
	private := map[string][]string{
		"LoadBalancerSecurityGroup": {"8000 pl-12345678"},
		"EngineSecurityGroup":       {"8000 LoadBalancerSecurityGroup", "8000 OperatorSecurityGroup", "9000 OperatorSecurityGroup"},
		"ScheduleSecurityGroup":     {"8001 EngineSecurityGroup", "8001 LoadBalancerSecurityGroup", "8001 OperatorSecurityGroup", "9001 OperatorSecurityGroup"},
		"DatabaseSecurityGroup":     {"5432 ScheduleSecurityGroup"},
		"OperatorSecurityGroup":     nil,
	}
	check := func(s *stack, want map[string][]string) {
		for name, r := range s.resources {
			if !strings.HasSuffix(name, "SecurityGroup") {
				continue
			}
			var got []string
			ingress, _ := r["SecurityGroupIngress"].([]any)
			for _, rule := range ingress {
				rule := rule.(map[string]any)
				if rule["IpProtocol"] != "tcp" || rule["FromPort"] != rule["ToPort"] {
					t.Errorf("%s: %v", name, rule)
				}
				var from []string
				for _, key := range []string{"SourcePrefixListId", "SourceSecurityGroupId", "CidrIp"} {
					if rule[key] != nil {
						from = append(from, fmt.Sprint(rule[key]))
					}
				}
				got = append(got, fmt.Sprint(rule["FromPort"], " ", strings.Join(from, "+")))
			}
			slices.Sort(got)
			if expected, known := want[name]; !known || !slices.Equal(got, expected) {
				t.Errorf("%s lets in %q, want %q", name, got, expected)
			}
		}
	}
	s := evaluate(t, nil)
	check(s, private)
	private["LoadBalancerSecurityGroup"] = append(private["LoadBalancerSecurityGroup"], "8001 203.0.113.7/32")
	check(evaluate(t, map[string]any{"ScheduleCidr": "203.0.113.7/32", "OriginDomainName": "origin.example.com", "OriginCertificateArn": certificate}), private)

	for resource, want := range map[string]any{
		"LoadBalancer": at(t, s.resources["LoadBalancer"], "SecurityGroups"), "Database": at(t, s.resources["Database"], "VPCSecurityGroups"),
		"Engine":   at(t, s.resources["EngineService"], "NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups"),
		"Schedule": at(t, s.resources["ScheduleService"], "NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups"),
	} {
		if !reflect.DeepEqual(want, []any{resource + "SecurityGroup"}) {
			t.Errorf("%s is in the groups %v", resource, want)
		}
	}
	if at(t, s.resources["Database"], "PubliclyAccessible") != false || at(t, s.resources["Database"], "StorageEncrypted") != true {
		t.Error("the database is public, or not encrypted")
	}
	for given, want := range map[string]string{"none": "ENABLED", "one": "DISABLED", "two": "DISABLED"} {
		s := evaluate(t, map[string]any{"NatGateways": given})
		for _, c := range services {
			if got := text(t, s.resources[c.name+"Service"], "NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp"); got != want {
				t.Errorf("%s: public addresses are %s with %s NAT gateways", c.name, got, given)
			}
		}
	}
}

// Tasks are checked as the code can be: without a shell, on paths that it
// serves, and with more patience than it needs.
func TestHealth(t *testing.T) {
	s := evaluate(t, nil)
	ready := map[string]error{"Engine": nil, "Schedule": context.DeadlineExceeded} // RDS fails over: /healthz knows nothing of it
	for _, c := range services {
		check := at(t, container(t, s, c.name), "HealthCheck").(map[string]any)
		command, _ := json.Marshal(check["Command"])
		if want := strings.ReplaceAll(found(t, "Dockerfile."+c.program, `HEALTHCHECK .* CMD (.*)\n`), ", ", ","); string(command) != strings.Replace(want, "[", `["CMD",`, 1) {
			t.Errorf("%s: health check %s, the image has %s", c.name, command, want)
		}
		if client := seconds(t, "internal/service/environment.go", "Timeout"); duration(t, number(t, check, "Timeout")) <= client {
			t.Errorf("%s: ECS gives up before healthcheck does, after %s", c.name, client)
		}

		target := s.resources[c.name+"Targets"]
		h := service.Handler(service.Options{
			Logger: slog.New(slog.DiscardHandler), Registry: service.NewRegistry(c.program), Handler: http.NotFoundHandler(),
			Ready: func(context.Context) error { return ready[c.name] },
		})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", text(t, target, "HealthCheckPath"), nil))
		if fmt.Sprint(w.Code) != text(t, target, "Matcher", "HttpCode") {
			t.Errorf("%s: %s answers %d", c.name, target["HealthCheckPath"], w.Code)
		}
		// A ping may take 2 s, see Options.Ready.
		if got := number(t, target, "HealthCheckTimeoutSeconds"); got <= 2 || got >= number(t, target, "HealthCheckIntervalSeconds") {
			t.Errorf("%s: the load balancer waits %d s", c.name, got)
		}
		needed := number(t, check, "StartPeriod") + number(t, target, "HealthyThresholdCount")*number(t, target, "HealthCheckIntervalSeconds")
		if grace := number(t, s.resources[c.name+"Service"], "HealthCheckGracePeriodSeconds"); grace < needed {
			t.Errorf("%s: %d s of grace, and becoming healthy may take %d s", c.name, grace, needed)
		}
	}
	if got := text(t, s.resources["EngineTargets"], "HealthCheckPath"); got != "/readyz" {
		t.Errorf("engines are asked for %s: a new one would get requests before it knows the schedule", got)
	}
	// An engine that has known the schedule stays ready, so that it is not
	// replaced because of its neighbour: Engine.Ready, and the text of its error.
	if err := playout.New(playout.Options{Logger: slog.New(slog.DiscardHandler), Registerer: service.NewRegistry("engine")}).Ready(t.Context()); err == nil {
		t.Error("an engine that knows nothing is ready")
	}
}

// Whoever stops a task gives it the time that it takes to stop, and every
// connection ends at its client first.
func TestTimes(t *testing.T) {
	s := evaluate(t, nil)
	hold := seconds(t, "internal/playout/engine.go", "hold")
	for _, c := range services {
		attributes := pairs(t, at(t, s.resources[c.name+"Targets"], "TargetGroupAttributes"), "Key", "Value")
		if delay := duration(t, number(t, attributes["deregistration_delay.timeout_seconds"])); delay < service.StopTime || delay < hold+service.LameDuck {
			t.Errorf("%s: deregistration after %s, draining takes %s, and a request %s", c.name, delay, service.StopTime, hold)
		}
		// Twice, as the database is closed and logs are written after it.
		if stop := duration(t, number(t, container(t, s, c.name), "StopTimeout")); stop < 2*service.StopTime {
			t.Errorf("%s: killed %s after SIGTERM, and stopping takes %s", c.name, stop, service.StopTime)
		}
		d := at(t, s.resources[c.name+"Service"], "DeploymentConfiguration")
		if !reflect.DeepEqual(d, map[string]any{"MinimumHealthyPercent": 100, "MaximumPercent": 200,
			"DeploymentCircuitBreaker": map[string]any{"Enable": true, "Rollback": true}}) {
			t.Errorf("%s: deployment %v", c.name, d)
		}
		if s.resources[c.name+"Service"]["DesiredCount"] != nil {
			t.Errorf("%s: DesiredCount would undo autoscaling at every update", c.name)
		}
	}
	// Who has looked up a task that goes away finds it alive.
	for _, c := range services {
		dns := at(t, s.resources[c.name+"Name"], "DnsConfig", "DnsRecords", 0)
		delay := number(t, pairs(t, at(t, s.resources[c.name+"Targets"], "TargetGroupAttributes"), "Key", "Value")["deregistration_delay.timeout_seconds"])
		if ttl := number(t, dns, "TTL"); text(t, dns, "Type") != "A" || text(t, s.resources[c.name+"Name"], "DnsConfig", "RoutingPolicy") != "MULTIVALUE" || ttl >= delay {
			t.Errorf("%s: names are kept for %d s, and the task may be gone in %d s", c.name, ttl, delay)
		}
	}
	origin := at(t, s.resources["Distribution"], "DistributionConfig", "Origins", 0, "CustomOriginConfig")
	balancer := pairs(t, at(t, s.resources["LoadBalancer"], "LoadBalancerAttributes"), "Key", "Value")
	edge, middle, server := number(t, origin, "OriginKeepaliveTimeout"), number(t, balancer["idle_timeout.timeout_seconds"]), seconds(t, "internal/service/run.go", "IdleTimeout")
	if edge >= middle || duration(t, middle) >= server {
		t.Errorf("idle connections: CloudFront %d s, load balancer %d s, server %s", edge, middle, server)
	}
	if least := load(t).parameters["OriginReadTimeout"]["MinValue"]; duration(t, least.(int)) <= hold {
		t.Errorf("CloudFront may give up after %v s, and a waking channel takes up to %s", least, hold)
	}
	if number(t, s.resources["EngineScaling"], "MinCapacity") < 2 {
		t.Error("one engine is none during a failure")
	}
}

// match is a path pattern of CloudFront and of load balancers: * is any text.
func match(pattern, path string) bool {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$").MatchString(path)
}

// Only playlists and the slate get past CloudFront and the load balancer.
func TestPaths(t *testing.T) {
	s := evaluate(t, nil)
	config := at(t, s.resources["Distribution"], "DistributionConfig")
	var edge, balancer []any
	for _, b := range at(t, config, "CacheBehaviors").([]any) {
		edge = append(edge, at(t, b, "PathPattern"))
	}
	rule := s.resources["EngineRule"]
	balancer = at(t, rule, "Conditions", 0, "PathPatternConfig", "Values").([]any)
	if !slices.Equal(edge, balancer) {
		t.Errorf("CloudFront passes %v, the load balancer %v", edge, balancer)
	}
	passes := func(path string) bool {
		return slices.ContainsFunc(edge, func(p any) bool { return match(p.(string), path) })
	}

	// Whatever passes is a playlist, the slate, or nothing.
	h := service.Handler(service.Options{
		Logger: slog.New(slog.DiscardHandler), Registry: service.NewRegistry("engine"), MetricsAddr: ":9000",
		Handler: playouthttp.New(offAir{}, slog.New(slog.DiscardHandler)),
	})
	served := func(path string) (*httptest.ResponseRecorder, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://engine"+path, nil))
		return w, w.Body.String()
	}
	for path, want := range map[string]bool{
		"/live/master.m3u8": true, "/live/v720.m3u8": true, "/channels/one/master.m3u8": true, "/channels/one/v720.m3u8": true,
		"/live/slate/ts/0.ts": true, "/channels/one/slate/ts/0.ts": true,
		"/": false, "/metrics": false, "/healthz": false, "/readyz": false, "/channels": false, "/channels/": false,
		"/channels/one/status": false, "/debug/pprof/": false, "/assets/page.js": false, "/livez": false,
	} {
		if passes(path) != want {
			t.Errorf("%s passes: %v", path, !want)
		}
	}
	for _, path := range []string{"/live/", "/live/../channels", "/live/../metrics", "/live/%2e%2e/channels", "/live//channels", "/live/../channels/one/status",
		"/live/slate/../../channels", "/live/channels", "/live/slate/../../metrics", "/channels/one/status/x.m3u8", "/channels/one/status/slate/x",
		"/channels/../metrics/slate/x", "/channels/x.m3u8", "/live/metrics", "/live/healthz"} {
		if decoded := strings.ReplaceAll(path, "%2e", "."); !passes(path) || !passes(decoded) {
			t.Errorf("%s does not pass: take it out of this list", path)
		}
		if w, body := served(path); w.Code == http.StatusOK {
			t.Errorf("%s passes and gets %.80s", path, body)
		}
	}
	if w, body := served("/channels/one/status"); w.Code != http.StatusOK {
		t.Errorf("this test proves nothing: status answers %d %s", w.Code, body)
	}

	if action := at(t, s.resources["EngineListener"], "DefaultActions", 0); text(t, action, "Type") != "fixed-response" || text(t, action, "FixedResponseConfig", "StatusCode") != "404" {
		t.Errorf("what is no playlist: %v", action)
	}
	fallback := at(t, config, "DefaultCacheBehavior")
	for _, b := range append(at(t, config, "CacheBehaviors").([]any), fallback) {
		if at(t, b, "TargetOriginId") != at(t, config, "Origins", 0, "Id") {
			t.Errorf("there is no origin %v", at(t, b, "TargetOriginId"))
		}
	}
	if at(t, fallback, "FunctionAssociations", 0, "FunctionARN") != "NotFoundFunction.FunctionARN" || at(t, fallback, "FunctionAssociations", 0, "EventType") != "viewer-request" {
		t.Errorf("what is no playlist goes to the origin: %v", fallback)
	}
	if code := text(t, s.resources["NotFoundFunction"], "FunctionCode"); !strings.Contains(code, "statusCode: 404,") || at(t, s.resources["NotFoundFunction"], "AutoPublish") != true {
		t.Errorf("CloudFront's function is not published, or answers %s", code)
	}
	if text(t, rule, "Conditions", 0, "Field") != "path-pattern" || text(t, rule, "Conditions", 1, "Field") != "http-header" || text(t, rule, "Actions", 0, "TargetGroupArn") != "EngineTargets" {
		t.Errorf("the load balancer's rule is %v", rule)
	}
	sent := at(t, config, "Origins", 0, "OriginCustomHeaders", 0).(map[string]any)
	asked := at(t, rule, "Conditions", 1, "HttpHeaderConfig").(map[string]any)
	if sent["HeaderName"] != asked["HttpHeaderName"] || sent["HeaderValue"] != at(t, asked, "Values", 0) || !strings.HasPrefix(fmt.Sprint(sent["HeaderValue"]), "{{resolve:secretsmanager:OriginSecret:") {
		t.Errorf("CloudFront sends %v, the load balancer asks for %v", sent, asked)
	}
}

// offAir is an engine that knows the channel "one".
type offAir struct{}

func (offAir) Multivariant(context.Context, string) (*playout.Document, error) {
	return nil, playout.ErrNotReady
}
func (offAir) Playlist(context.Context, string, string) (*playout.Document, error) {
	return nil, playout.ErrNotReady
}
func (offAir) Status(context.Context, string) (playout.Status, error) { return playout.Status{}, nil }
func (offAir) Channels(context.Context) []playout.Summary             { return nil }

// CloudFront keeps what the engine says, for as long as it says.
func TestCaching(t *testing.T) {
	s := evaluate(t, nil)
	policy := at(t, s.resources["PlaylistCachePolicy"], "CachePolicyConfig")
	w := httptest.NewRecorder()
	file := slate.Handler(service.WriteProblem)
	file.ServeHTTP(w, httptest.NewRequest("GET", found(t, "internal/slate/slate_test.go", `"(/[a-z0-9/-]+\.ts)"`), nil))
	longest := regexp.MustCompile(`max-age=(\d+)`).FindStringSubmatch(w.Header().Get("Cache-Control"))
	if longest == nil || number(t, policy, "MaxTTL") < number(t, longest[1]) {
		t.Errorf("the slate has %q (status %d), CloudFront keeps things for %v s at most", longest, w.Code, at(t, policy, "MaxTTL"))
	}
	if number(t, policy, "MinTTL") != 0 || number(t, policy, "DefaultTTL") != 0 {
		t.Errorf("CloudFront keeps longer than it is told: %v", policy)
	}
	key := at(t, policy, "ParametersInCacheKeyAndForwardedToOrigin")
	if want := map[string]any{
		"QueryStringsConfig":         map[string]any{"QueryStringBehavior": "whitelist", "QueryStrings": []any{"channel"}},
		"HeadersConfig":              map[string]any{"HeaderBehavior": "none"},
		"CookiesConfig":              map[string]any{"CookieBehavior": "none"},
		"EnableAcceptEncodingGzip":   true,
		"EnableAcceptEncodingBrotli": false,
	}; !reflect.DeepEqual(key, want) {
		t.Errorf("the cache key is %v, want %v", key, want)
	}
	config := at(t, s.resources["Distribution"], "DistributionConfig")
	errors := map[int]int{}
	for _, e := range at(t, config, "CustomErrorResponses").([]any) {
		errors[number(t, e, "ErrorCode")] = number(t, e, "ErrorCachingMinTTL")
	}
	for _, code := range []int{400, 403, 404, 405, 414, 500, 501, 502, 503, 504} {
		if ttl, ok := errors[code]; !ok || ttl > 1 {
			t.Errorf("an error %d is kept for %d s (10 s if not set)", code, ttl)
		}
	}
	for i := range 3 {
		b := at(t, config, "CacheBehaviors", i)
		if text(t, b, "CachePolicyId") != "PlaylistCachePolicy" || text(t, b, "ViewerProtocolPolicy") != "redirect-to-https" || at(t, b, "Compress") != true {
			t.Errorf("behaviour %v", b)
		}
	}
	shield := evaluate(t, map[string]any{"OriginShieldRegion": "eu-west-1"})
	if got := at(t, shield.resources["Distribution"], "DistributionConfig", "Origins", 0, "OriginShield"); !reflect.DeepEqual(got, map[string]any{"Enabled": true, "OriginShieldRegion": "eu-west-1"}) {
		t.Errorf("Origin Shield: %v", got)
	}
	if at(t, config, "Enabled") != true {
		t.Error("the distribution is switched off")
	}
}

// With certificates it is TLS all the way, under the names that they are for.
func TestCertificates(t *testing.T) {
	const viewers, origin = certificate + "-viewers", certificate + "-origin"
	s := evaluate(t, map[string]any{"OriginDomainName": "origin.example.com", "OriginCertificateArn": origin,
		"ViewerDomainName": "live.example.com", "ViewerCertificateArn": viewers, "ScheduleCidr": "0.0.0.0/0"})
	for _, c := range services {
		listener := s.resources[c.name+"Listener"]
		if text(t, listener, "Protocol") != "HTTPS" || at(t, listener, "Certificates", 0, "CertificateArn") != origin {
			t.Errorf("%s: listener %v", c.name, listener)
		}
	}
	config := at(t, s.resources["Distribution"], "DistributionConfig")
	from := at(t, config, "Origins", 0)
	if text(t, from, "DomainName") != "origin.example.com" || text(t, from, "CustomOriginConfig", "OriginProtocolPolicy") != "https-only" {
		t.Errorf("CloudFront asks %v", from)
	}
	if text(t, config, "Aliases", 0) != "live.example.com" || text(t, config, "ViewerCertificate", "AcmCertificateArn") != viewers ||
		!strings.HasPrefix(text(t, config, "ViewerCertificate", "MinimumProtocolVersion"), "TLSv1.2") {
		t.Errorf("viewers get %v", config)
	}
	for output, want := range map[string]string{"PlaylistUrl": "https://live.example.com/live/master.m3u8?channel=", "PublicScheduleUrl": "https://origin.example.com:8001"} {
		if s.outputs[output] != want {
			t.Errorf("%s is %v, want %s", output, s.outputs[output], want)
		}
	}
}

// The driver takes the password from PGPASSWORD, and TLS is never given up.
func TestDatabaseURL(t *testing.T) {
	databaseURL := func(s *stack) string {
		env := pairs(t, container(t, s, "Schedule")["Environment"], "Name", "Value")
		return strings.NewReplacer("Database.Endpoint.Address", "db.example", "Database.Endpoint.Port", "5432").Replace(env["DATABASE_URL"])
	}
	t.Setenv("PGPASSWORD", "letters1AND2digits")

	s := evaluate(t, nil)
	config, err := pgx.ParseConfig(databaseURL(s))
	if err != nil {
		t.Fatal(err)
	}
	database := s.resources["Database"]
	if config.Password != "letters1AND2digits" || config.Host != "db.example" || fmt.Sprint(config.Port) != text(t, database, "Port") ||
		config.User != text(t, database, "MasterUsername") || config.Database != text(t, database, "DBName") {
		t.Errorf("the driver reads %+v", config)
	}
	if config.TLSConfig == nil || len(config.Fallbacks) > 0 {
		t.Error("the connection may be in the open")
	}
	// An update doubles the schedules; a db.t4g.small takes about 200 connections.
	held := number(t, found(t, "internal/schedulesql/postgres.go", `const connections = (\d+)`))
	if most := 2 * held * load(t).parameters["ScheduleMaxReplicas"]["Default"].(int); most > 150 {
		t.Errorf("schedules may hold %d connections", most)
	}
	var secret map[string]string
	generated := at(t, s.resources["DatabaseSecret"], "GenerateSecretString")
	if err := json.Unmarshal([]byte(text(t, generated, "SecretStringTemplate")), &secret); err != nil || secret["username"] != config.User {
		t.Errorf("the secret has %v, %v", secret, err)
	}
	if got := pairs(t, container(t, s, "Schedule")["Secrets"], "Name", "ValueFrom")["PGPASSWORD"]; got != "DatabaseSecret:"+text(t, generated, "GenerateStringKey")+"::" {
		t.Errorf("PGPASSWORD is from %s", got)
	}

	file := filepath.Join(t.TempDir(), "rds.pem")
	if err := os.WriteFile(file, authority(t), 0o644); err != nil {
		t.Fatal(err)
	}
	config, err = pgx.ParseConfig(databaseURL(evaluate(t, map[string]any{"DatabaseCaFile": file})))
	if err != nil {
		t.Fatal(err)
	}
	if c := config.TLSConfig; c == nil || c.InsecureSkipVerify || c.ServerName != "db.example" || c.RootCAs == nil || len(config.Fallbacks) > 0 {
		t.Errorf("with DatabaseCaFile the server is not verified: %+v", c)
	}
	if got, want := found(t, "deploy/aws/Dockerfile.schedule-rds", `(?m)^ADD .* (/\S+)$`), found(t, "docs/aws.md", `DatabaseCaFile=(\S+)`); got != want {
		t.Errorf("the image has its authorities in %s, the guide says %s", got, want)
	}
}

// authority is a certificate authority in PEM.
func authority(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Secrets go into URLs, headers and rules as they are.
func TestSecretsNeedNoEscaping(t *testing.T) {
	s := evaluate(t, nil)
	for _, name := range []string{"ApiKeySecret", "DatabaseSecret", "OriginSecret"} {
		generated := at(t, s.resources[name], "GenerateSecretString")
		if at(t, generated, "ExcludePunctuation") != true || number(t, generated, "PasswordLength") < 32 {
			t.Errorf("%s: %v", name, generated)
		}
	}
	if got := text(t, s.resources["Database"], "MasterUserPassword"); got != "{{resolve:secretsmanager:DatabaseSecret:SecretString:password}}" {
		t.Errorf("the database's password is %s", got)
	}
}

// The database outlives the stack, encrypted.
func TestDatabaseIsKept(t *testing.T) {
	tmpl := load(t)
	for _, policy := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
		if got := tmpl.resources["Database"][policy]; got != "Snapshot" {
			t.Errorf("%s is %v", policy, got)
		}
	}
	for name, want := range map[string]any{"Engine": "postgres", "StorageType": "gp3", "StorageEncrypted": true, "CopyTagsToSnapshot": true, "AutoMinorVersionUpgrade": true, "BackupRetentionPeriod": 7} {
		if got := evaluate(t, nil).resources["Database"][name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	restored := evaluate(t, map[string]any{"DatabaseSnapshot": "before"}).resources["Database"]
	for _, name := range []string{"DBName", "MasterUsername", "StorageEncrypted"} {
		if restored[name] != nil {
			t.Errorf("RDS refuses %s with a snapshot", name)
		}
	}
	if restored["DBSnapshotIdentifier"] != "before" {
		t.Error("the snapshot is not used")
	}
}

// Autoscaling counts the tasks of the service that it is for.
func TestScaling(t *testing.T) {
	s := evaluate(t, nil)
	for _, c := range services {
		target := s.resources[c.name+"Scaling"]
		if target["ResourceId"] != "service/Cluster/"+c.name+"Service.Name" || target["ServiceNamespace"] != "ecs" || target["ScalableDimension"] != "ecs:service:DesiredCount" ||
			target["MinCapacity"] != s.given[c.name+"Replicas"] || target["MaxCapacity"] != s.given[c.name+"MaxReplicas"] {
			t.Errorf("%s: %v", c.name, target)
		}
	}
	for name, want := range map[string][2]any{
		"EngineCpuPolicy":     {"EngineScaling", map[string]any{"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}},
		"ScheduleCpuPolicy":   {"ScheduleScaling", map[string]any{"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}},
		"EngineRequestPolicy": {"EngineScaling", map[string]any{"PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": "LoadBalancer.LoadBalancerFullName/EngineTargets.TargetGroupFullName"}},
	} {
		policy := s.resources[name]
		if policy["PolicyType"] != "TargetTrackingScaling" || policy["ScalingTargetId"] != want[0] ||
			!reflect.DeepEqual(at(t, policy, "TargetTrackingScalingPolicyConfiguration", "PredefinedMetricSpecification"), want[1]) {
			t.Errorf("%s: %v", name, policy)
		}
	}
}

// Alarms watch metrics that there are, of what the template makes, and tell somebody.
func TestAlarms(t *testing.T) {
	balanced := func(service string) map[string]string {
		return map[string]string{"LoadBalancer": "LoadBalancer.LoadBalancerFullName", "TargetGroup": service + "Targets.TargetGroupFullName"}
	}
	want := map[string]map[string]string{ // by namespace and metric: dimensions
		"EngineErrorsAlarm AWS/ApplicationELB HTTPCode_Target_5XX_Count":    balanced("Engine"),
		"LoadBalancerErrorsAlarm AWS/ApplicationELB HTTPCode_ELB_5XX_Count": {"LoadBalancer": "LoadBalancer.LoadBalancerFullName"},
		"EngineHealthAlarm AWS/ApplicationELB HealthyHostCount":             balanced("Engine"),
		"ScheduleHealthAlarm AWS/ApplicationELB HealthyHostCount":           balanced("Schedule"),
		"DatabaseStorageAlarm AWS/RDS FreeStorageSpace":                     {"DBInstanceIdentifier": "Database"},
	}
	s := evaluate(t, map[string]any{"AlarmEmail": "ops@example.com"})
	for name, r := range s.resources {
		if s.template.resources[name]["Type"] != "AWS::CloudWatch::Alarm" {
			continue
		}
		key := fmt.Sprintf("%s %v %v", name, r["Namespace"], r["MetricName"])
		if dimensions := pairs(t, r["Dimensions"], "Name", "Value"); !reflect.DeepEqual(dimensions, want[key]) {
			t.Errorf("%s has the dimensions %v, want %v", key, dimensions, want[key])
		}
		for _, actions := range []string{"AlarmActions", "OKActions"} {
			if !reflect.DeepEqual(r[actions], []any{"Alarms"}) {
				t.Errorf("%s: %s are %v", name, actions, r[actions])
			}
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("there are no alarms %v", want)
	}
	if s.resources["EngineHealthAlarm"]["Threshold"] != s.given["EngineReplicas"] {
		t.Error("a missing engine is not noticed")
	}
	if text(t, s.resources["Alarms"], "Subscription", 0, "Endpoint") != "ops@example.com" {
		t.Error("alarms go to nobody")
	}
}

// The task definitions are the template's, for those who have no use for the
// rest of it. What is left empty there is left out here.
func TestTaskDefinitions(t *testing.T) {
	s := evaluate(t, map[string]any{"CorsWhitelist": "https://example.com,https://www.example.com"})
	names := strings.NewReplacer(
		"EngineExecutionRole.Arn", "arn:aws:iam::111122223333:role/consuo-engine-execution",
		"ScheduleExecutionRole.Arn", "arn:aws:iam::111122223333:role/consuo-schedule-execution",
		"EngineLogs", "/consuo/engine", "ScheduleLogs", "/consuo/schedule",
		"ApiKeySecret", "arn:aws:secretsmanager:eu-north-1:111122223333:secret:consuo-api-key-AbCdEf",
		"DatabaseSecret", "arn:aws:secretsmanager:eu-north-1:111122223333:secret:consuo-database-AbCdEf",
		"Database.Endpoint.Address:Database.Endpoint.Port", "database.example.com:5432",
		"Distribution.DomainName", "live.example.com",
	)
	for _, c := range services {
		file := read(t, "deploy/aws/taskdef-"+c.program+".json")
		var got any
		d := json.NewDecoder(strings.NewReader(file))
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Token(); err != io.EOF {
			t.Errorf("taskdef-%s.json goes on after its end", c.program)
		}
		wanted, err := json.MarshalIndent(apiForm(s.resources[c.name+"Task"], ""), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		var want any
		if err := json.Unmarshal([]byte(names.Replace(string(wanted))), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("taskdef-%s.json is not the template's task definition, which is\n%s", c.program, names.Replace(string(wanted)))
		}
	}
}

// apiForm is a property of a task definition as ECS's API has it: keys begin
// with a small letter, but for those that are data.
func apiForm(v any, under string) any {
	switch v := v.(type) {
	case []any:
		out := []any{}
		for _, item := range v {
			if m, ok := item.(map[string]any); ok && under == "Environment" && m["Value"] == "" {
				continue
			}
			out = append(out, apiForm(item, ""))
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for key, item := range v {
			name := key
			if under != "Options" {
				name = strings.ToLower(key[:1]) + key[1:]
			}
			out[name] = apiForm(item, key)
		}
		return out
	}
	return v
}
