package awstest

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Two zones; the load balancer's subnets lead to the internet, those of the
// tasks to it through NAT gateways as the parameter says.
func TestNetwork(t *testing.T) {
	gateways := map[string][]any{"none": {"InternetGateway", "InternetGateway"}, "one": {"NatGatewayA", "NatGatewayA"}, "two": {"NatGatewayA", "NatGatewayB"}}
	for count, ways := range gateways {
		s := evaluate(t, map[string]any{"NatGateways": count})
		table := map[any]any{} // by subnet
		way := map[any]any{}   // by table
		for _, r := range s.resources {
			if r["SubnetId"] != nil && r["RouteTableId"] != nil {
				table[r["SubnetId"]] = r["RouteTableId"]
			}
			if r["DestinationCidrBlock"] == "0.0.0.0/0" {
				way[r["RouteTableId"]] = cmp.Or(r["NatGatewayId"], r["GatewayId"])
			}
		}
		var ranges []netip.Prefix
		for i, zone := range []string{"A", "B"} {
			for subnet, want := range map[string]any{"PublicSubnet" + zone: "InternetGateway", "TaskSubnet" + zone: ways[i]} {
				r := s.resources[subnet]
				if got := way[table[subnet]]; got != want {
					t.Errorf("%s NAT gateways: %s leads to %v, want %v", count, subnet, got, want)
				}
				if want := "eu-north-1" + strings.ToLower(zone); r["AvailabilityZone"] != want {
					t.Errorf("%s is in %v, want %s", subnet, r["AvailabilityZone"], want)
				}
				p, err := netip.ParsePrefix(text(t, r, "CidrBlock"))
				if err != nil || p.Bits() != 24 || !netip.MustParsePrefix(text(t, s.resources["Vpc"], "CidrBlock")).Overlaps(p) ||
					slices.ContainsFunc(ranges, p.Overlaps) {
					t.Errorf("%s has %v, %v", subnet, r["CidrBlock"], err)
				}
				ranges = append(ranges, p)
			}
			if gateway := s.resources["NatGateway"+zone]; gateway != nil && (gateway["SubnetId"] != "PublicSubnet"+zone || gateway["AllocationId"] != "NatAddress"+zone+".AllocationId") {
				t.Errorf("the NAT gateway of zone %s: %v", zone, gateway)
			}
		}
		if r := s.resources["Vpc"]; r["EnableDnsSupport"] != true || r["EnableDnsHostnames"] != true {
			t.Errorf("private names need DNS: %v", r)
		}
		for resource, keys := range map[string][]any{
			"LoadBalancer": {"Subnets"}, "DatabaseSubnets": {"SubnetIds"},
			"EngineService": {"NetworkConfiguration", "AwsvpcConfiguration", "Subnets"}, "ScheduleService": {"NetworkConfiguration", "AwsvpcConfiguration", "Subnets"},
		} {
			kind := "TaskSubnet"
			if resource == "LoadBalancer" {
				kind = "PublicSubnet"
			}
			if got := at(t, s.resources[resource], keys...); !reflect.DeepEqual(got, []any{kind + "A", kind + "B"}) {
				t.Errorf("%s is in %v", resource, got)
			}
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
