package awstest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consuo/internal/playout"
	"consuo/internal/service"
	"consuo/internal/testneeds"
)

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
	// Links: for viewers to CloudFront, for those who plan to an engine, if they
	// are where they can reach it.
	for _, c := range []struct {
		parameters    map[string]any
		viewers, page string
	}{
		{nil, "https://Distribution.DomainName", s.outputs["EngineUrl"].(string)},
		{map[string]any{"ViewerDomainName": "live.example.com", "ViewerCertificateArn": certificate}, "https://live.example.com", s.outputs["EngineUrl"].(string)},
		{map[string]any{"ScheduleCidr": "0.0.0.0/0", "OriginDomainName": "origin.example.com", "OriginCertificateArn": certificate}, "https://Distribution.DomainName", "none"},
	} {
		env := pairs(t, container(t, evaluate(t, c.parameters), "Schedule")["Environment"], "Name", "Value")
		if env["ENGINE_URL"] != c.viewers || env["ENGINE_PAGE_URL"] != c.page {
			t.Errorf("%v: ENGINE_URL=%s ENGINE_PAGE_URL=%s", c.parameters, env["ENGINE_URL"], env["ENGINE_PAGE_URL"])
		}
	}
}

// Of a task's memory a sixth is left to what GOMEMLIMIT does not count.
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
		if client := seconds(t, "internal/service/environment.go", "Timeout"); inSeconds(number(t, check, "Timeout")) <= client {
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
		if delay := inSeconds(number(t, attributes["deregistration_delay.timeout_seconds"])); delay < service.StopTime || delay < hold+service.LameDuck {
			t.Errorf("%s: deregistration after %s, draining takes %s, and a request %s", c.name, delay, service.StopTime, hold)
		}
		// Twice, as the database is closed and logs are written after it.
		if stop := inSeconds(number(t, container(t, s, c.name), "StopTimeout")); stop < 2*service.StopTime {
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
	if edge >= middle || inSeconds(middle) >= server {
		t.Errorf("idle connections: CloudFront %d s, load balancer %d s, server %s", edge, middle, server)
	}
	if least := load(t).parameters["OriginReadTimeout"]["MinValue"]; inSeconds(least.(int)) <= hold {
		t.Errorf("CloudFront may give up after %v s, and a waking channel takes up to %s", least, hold)
	}
	if number(t, s.resources["EngineScaling"], "MinCapacity") < 2 {
		t.Error("one engine is none during a failure")
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
