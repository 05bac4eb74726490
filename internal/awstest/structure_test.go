package awstest

import (
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A certificate as ACM names it.
const certificate = "arn:aws:acm:us-east-1:111122223333:certificate/1234-abcd"

// variants are the parameters that turn a condition the other way.
var variants = []map[string]any{
	{"ImageRegistry": "registry.example/team"},
	{"NatGateways": "none"},
	{"NatGateways": "two"},
	{"OriginDomainName": "origin.example.com", "OriginCertificateArn": certificate},
	{"OriginDomainName": "origin.example.com", "OriginCertificateArn": certificate, "ScheduleCidr": "203.0.113.0/24"},
	{"ViewerDomainName": "live.example.com", "ViewerCertificateArn": certificate},
	{"OriginShieldRegion": "eu-west-1"},
	{"DatabaseCaFile": "/etc/ssl/certs/rds.pem"},
	{"DatabaseSnapshot": "before"},
	{"AlarmEmail": "ops@example.com"},
}

// Every Ref, GetAtt, Sub, If, FindInMap and DependsOn of the template resolves
// under every pair of variants. No function hangs on more than two conditions.
func TestEveryReferenceResolves(t *testing.T) {
	tmpl := load(t)
	turned := map[string][2]bool{} // each condition has been false, and true
	for _, first := range append(variants, nil) {
		for _, second := range append(variants, nil) {
			given := map[string]any{}
			maps.Copy(given, first)
			maps.Copy(given, second)
			s, err := tmpl.evaluate(given)
			if err != nil {
				t.Fatalf("with %v: %v", given, err)
			}
			for name, v := range s.conditions {
				seen := turned[name]
				seen[0], seen[1] = seen[0] || !v, seen[1] || v
				turned[name] = seen
			}
		}
	}
	for name, seen := range turned {
		if seen != [2]bool{true, true} {
			t.Errorf("no variant turns the condition %s", name)
		}
	}
}

// What is declared is used, and each parameter has its place in the console.
func TestNothingIsUnused(t *testing.T) {
	tmpl := load(t)
	used := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for key, item := range v {
				text, isText := item.(string)
				list, _ := item.([]any)
				switch {
				case key == "Ref" || key == "Condition":
					used[fmt.Sprint(item)] = true
				case (key == "Fn::If" || key == "Fn::FindInMap") && len(list) == 3:
					used[fmt.Sprint(list[0])] = true
					if key == "Fn::FindInMap" {
						used[fmt.Sprintf("%v.%v", list[0], list[2])] = true
					}
				case key == "Fn::Sub" && !isText && len(list) == 2:
					text, _ = list[0].(string)
					isText = true
				}
				if isText {
					for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
						used[m[1]] = true
					}
				}
				walk(item)
			}
		}
	}
	for _, section := range []map[string]map[string]any{tmpl.rules, tmpl.resources, tmpl.outputs} {
		for _, entry := range section {
			walk(entry)
		}
	}
	for _, c := range tmpl.conditions {
		walk(c)
	}
	for name := range tmpl.parameters {
		if !used[name] {
			t.Errorf("the parameter %s is not used", name)
		}
	}
	for name := range tmpl.conditions {
		if !used[name] {
			t.Errorf("the condition %s is not used", name)
		}
	}
	for name, m := range tmpl.mappings {
		for _, row := range m.(map[string]any) {
			for column := range row.(map[string]any) {
				if !used[name+"."+column] {
					t.Errorf("the column %s of the mapping %s is not used", column, name)
				}
			}
		}
	}

	var shown []string
	for _, group := range at(t, tmpl.interfaces, "ParameterGroups").([]any) {
		for _, p := range at(t, group, "Parameters").([]any) {
			shown = append(shown, fmt.Sprint(p))
		}
	}
	slices.Sort(shown)
	if all := slices.Sorted(maps.Keys(tmpl.parameters)); !slices.Equal(all, shown) {
		t.Errorf("the console's groups have the parameters\n%v, the template\n%v", shown, all)
	}
}

// kinds are the types of resources that properties name.
var kinds = map[string]string{
	"AllocationId":          "AWS::EC2::EIP",
	"CachePolicyId":         "AWS::CloudFront::CachePolicy",
	"Cluster":               "AWS::ECS::Cluster",
	"DBSubnetGroupName":     "AWS::RDS::DBSubnetGroup",
	"ExecutionRoleArn":      "AWS::IAM::Role",
	"FunctionARN":           "AWS::CloudFront::Function",
	"GatewayId":             "AWS::EC2::InternetGateway",
	"InternetGatewayId":     "AWS::EC2::InternetGateway",
	"ListenerArn":           "AWS::ElasticLoadBalancingV2::Listener",
	"LoadBalancerArn":       "AWS::ElasticLoadBalancingV2::LoadBalancer",
	"NamespaceId":           "AWS::ServiceDiscovery::PrivateDnsNamespace",
	"NatGatewayId":          "AWS::EC2::NatGateway",
	"RegistryArn":           "AWS::ServiceDiscovery::Service",
	"RouteTableId":          "AWS::EC2::RouteTable",
	"RouteTableIds":         "AWS::EC2::RouteTable",
	"ScalingTargetId":       "AWS::ApplicationAutoScaling::ScalableTarget",
	"SecurityGroups":        "AWS::EC2::SecurityGroup",
	"SourceSecurityGroupId": "AWS::EC2::SecurityGroup",
	"SubnetId":              "AWS::EC2::Subnet",
	"SubnetIds":             "AWS::EC2::Subnet",
	"Subnets":               "AWS::EC2::Subnet",
	"TargetGroupArn":        "AWS::ElasticLoadBalancingV2::TargetGroup",
	"TaskDefinition":        "AWS::ECS::TaskDefinition",
	"VPCSecurityGroups":     "AWS::EC2::SecurityGroup",
	"Vpc":                   "AWS::EC2::VPC",
	"VpcId":                 "AWS::EC2::VPC",
}

// A property names a resource of the type that it is for.
func TestReferencesAreOfTheRightKind(t *testing.T) {
	for _, given := range []map[string]any{{"NatGateways": "none"}, {"NatGateways": "two"}} {
		s := evaluate(t, given)
		var walk func(owner, key string, v any)
		walk = func(owner, key string, v any) {
			switch v := v.(type) {
			case map[string]any:
				for key, item := range v {
					walk(owner, key, item)
				}
			case []any:
				for _, item := range v {
					walk(owner, key, item)
				}
			case string:
				resource, _, _ := strings.Cut(v, ".")
				if want := kinds[key]; want != "" && s.template.resources[resource]["Type"] != want {
					t.Errorf("%s: %s is %s, which is no %s", owner, key, v, want)
				}
			}
		}
		for name, r := range s.resources {
			walk(name, "", r)
		}
	}
}

// What CloudFormation, EC2 and CloudFront say no to, and no schema tells.
func TestLimits(t *testing.T) {
	tmpl := load(t)
	if tmpl.size > 51_200 {
		t.Errorf("the template has %d bytes: over 51,200 it has to be in a bucket first", tmpl.size)
	}
	for name, p := range tmpl.parameters {
		if p["Description"] == nil {
			t.Errorf("the parameter %s has no description", name)
		}
		if p["AllowedPattern"] != nil && p["ConstraintDescription"] == nil {
			t.Errorf("the parameter %s does not say what it wants", name)
		}
	}
	for name, o := range tmpl.outputs {
		if o["Description"] == nil {
			t.Errorf("the output %s has no description", name)
		}
	}
	s := evaluate(t, nil)
	described := regexp.MustCompile(`^[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}$`)
	for name, r := range s.resources {
		for _, text := range []any{r["GroupDescription"], r["Comment"]} {
			if text != nil && !described.MatchString(fmt.Sprint(text)) {
				t.Errorf("%s: EC2 does not accept the description %q", name, text)
			}
		}
		ingress, _ := r["SecurityGroupIngress"].([]any)
		for _, rule := range ingress {
			if d := text(t, rule, "Description"); !described.MatchString(d) {
				t.Errorf("%s: EC2 does not accept the description %q", name, d)
			}
		}
	}
	// A rule of a load balancer has at most five values.
	values := 0
	for _, c := range at(t, s.resources["EngineRule"], "Conditions").([]any) {
		for key, config := range c.(map[string]any) {
			if key != "Field" {
				values += len(at(t, config, "Values").([]any))
			}
		}
	}
	if values > 5 {
		t.Errorf("the rule has %d values", values)
	}
}

// The evaluator and the rules refuse what they should.
func TestFaultsAreFound(t *testing.T) {
	tmpl := load(t)
	for _, c := range []struct {
		given map[string]any
		want  string
	}{
		{map[string]any{"ScheduleCidr": "0.0.0.0/0"}, "rule PublicScheduleHasTls"},
		{map[string]any{"OriginDomainName": "a.example.com"}, "rule OriginNameHasCertificate"},
		{map[string]any{"OriginCertificateArn": certificate}, "rule OriginCertificateHasName"},
		{map[string]any{"ViewerDomainName": "a.example.com"}, "rule ViewerNameHasCertificate"},
		{map[string]any{"ViewerCertificateArn": certificate}, "rule ViewerCertificateHasName"},
		{map[string]any{"ViewerCertificateArn": strings.Replace(certificate, "us-east-1", "eu-north-1", 1)}, "us-east-1"},
		{map[string]any{"EngineReplicas": 1}, "too small"},
		{map[string]any{"OriginReadTimeout": 5}, "too small"},
		{map[string]any{"CloudFrontPrefixList": ""}, "want the id of a prefix list"},
		{map[string]any{"Architecture": "arm64"}, "want one of"},
		{map[string]any{"Engines": 3}, "no parameter Engines"},
	} {
		if _, err := tmpl.evaluate(c.given); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q", c.given, err, c.want)
		}
	}

	source := read(t, "deploy/aws/consuo.yaml")
	for _, c := range []struct{ from, to, want string }{
		{"!Ref EngineTargets", "!Ref EngineTarget", "Ref EngineTarget: not there"},
		{"!GetAtt EngineExecutionRole.Arn", "!GetAtt EngineExecutionRole.ARN", "no such attribute"},
		{"${DatabaseSecret}:password::", "${DatabasePassword}:password::", "Ref DatabasePassword: not there"},
		{"DependsOn: [ScheduleService,", "DependsOn: [Schedule,", "depends on Schedule, which is not there"},
		{"DependsOn: [ScheduleService,", "DependsOn: [Alarms,", "depends on Alarms, which is not there"},
		{"!If [OwnRegistry,", "!If [OurRegistry,", "no condition OurRegistry"},
		{"Condition: HasAlarms", "Condition: HasAlarm", "no condition HasAlarm"},
		{"!FindInMap [Sizes, !Ref EngineSize, Cpu]", "!FindInMap [Sizes, !Ref EngineSize, CPU]", "nothing there"},
	} {
		broken := strings.Replace(source, c.from, c.to, 1)
		if broken == source {
			t.Fatalf("the template has no %s", c.from)
		}
		tmpl, err := parse(broken)
		if err == nil {
			_, err = tmpl.evaluate(nil)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.to, err, c.want)
		}
	}
	for _, c := range []struct{ yaml, want string }{
		{"Resources: {A: {}, A: {}}", "twice"},
		{"Resources: {A: &a {}}", "no anchors"},
		{"Resources: {A: !Reff b}", "unknown tag"},
		{"Resource: {}", "unknown section"},
	} {
		if _, err := parse(c.yaml); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.yaml, err, c.want)
		}
	}
}

// cfn-lint has AWS's schemas: types, required properties, attributes, allowed
// values, and what exists in which region. It is no package of Debian's, so CI
// may have to do without; the other tests of this package don't.
func TestTemplateIsClean(t *testing.T) {
	lint, err := exec.LookPath("cfn-lint")
	if err != nil {
		t.Skip("SKIPPED, NEEDS cfn-lint: pip install cfn-lint")
	}
	args := []string{path("deploy/aws/consuo.yaml"), "--regions", "us-east-1", "eu-north-1", "ap-southeast-2"}
	if out, err := exec.CommandContext(t.Context(), lint, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("cfn-lint: %v\n%s", err, out)
	}
}

func evaluate(t *testing.T, given map[string]any) *stack {
	t.Helper()
	s, err := load(t).evaluate(given)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
