package awstest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"consuo/internal/testneeds"

	"go.yaml.in/yaml/v3"
)

// template is a CloudFormation template. Values are those of JSON, functions
// are maps of one key, whichever way the template writes them.
type template struct {
	parameters map[string]map[string]any
	rules      map[string]map[string]any
	mappings   map[string]any
	conditions map[string]any
	resources  map[string]map[string]any
	outputs    map[string]map[string]any
	interfaces map[string]any // AWS::CloudFormation::Interface
	size       int
}

func path(elem ...string) string {
	return filepath.Join(append([]string{testneeds.Root()}, elem...)...)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func load(t *testing.T) *template {
	t.Helper()
	tmpl, err := parse(read(t, "deploy/aws/consuo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func parse(text string) (*template, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return nil, err
	}
	if len(document.Content) != 1 {
		return nil, errors.New("want one document")
	}
	root, err := value(document.Content[0])
	if err != nil {
		return nil, err
	}
	sections, ok := root.(map[string]any)
	if !ok {
		return nil, errors.New("a template is a mapping")
	}
	tmpl := &template{size: len(text)}
	for name, section := range sections {
		var err error
		switch name {
		case "AWSTemplateFormatVersion", "Description":
		case "Metadata":
			var metadata map[string]map[string]any
			metadata, err = entries(name, section)
			tmpl.interfaces = metadata["AWS::CloudFormation::Interface"]
		case "Parameters":
			tmpl.parameters, err = entries(name, section)
		case "Rules":
			tmpl.rules, err = entries(name, section)
		case "Mappings":
			tmpl.mappings, _ = section.(map[string]any)
		case "Conditions":
			tmpl.conditions, _ = section.(map[string]any)
		case "Resources":
			tmpl.resources, err = entries(name, section)
		case "Outputs":
			tmpl.outputs, err = entries(name, section)
		default:
			err = errors.New("unknown section " + name)
		}
		if err != nil {
			return nil, err
		}
	}
	return tmpl, nil
}

func entries(section string, v any) (map[string]map[string]any, error) {
	out := map[string]map[string]any{}
	all, _ := v.(map[string]any)
	for name, entry := range all {
		m, ok := entry.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: %s is no mapping", section, name)
		}
		out[name] = m
	}
	return out, nil
}

// value reads what CloudFormation accepts: no anchors, no merges, no key twice.
func value(n *yaml.Node) (any, error) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return nil, fmt.Errorf("line %d: CloudFormation knows no anchors", n.Line)
	}
	plain, err := untagged(n)
	if err != nil {
		return nil, err
	}
	switch n.Tag {
	case "!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool":
		return plain, nil
	case "!Ref", "!Condition":
		return map[string]any{n.Tag[1:]: plain}, nil
	case "!GetAtt":
		if text, ok := plain.(string); ok {
			resource, attribute, _ := strings.Cut(text, ".")
			plain = []any{resource, attribute}
		}
		return map[string]any{"Fn::GetAtt": plain}, nil
	case "!Sub", "!If", "!Equals", "!Not", "!And", "!Or", "!Join", "!Select", "!FindInMap", "!GetAZs", "!Cidr":
		return map[string]any{"Fn::" + n.Tag[1:]: plain}, nil
	}
	return nil, fmt.Errorf("line %d: unknown tag %s", n.Line, n.Tag)
}

func untagged(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if _, twice := out[key]; twice || n.Content[i].Tag != "!!str" {
				return nil, fmt.Errorf("line %d: the key %s is there twice, or no string", n.Content[i].Line, key)
			}
			v, err := value(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			out[key] = v
		}
		return out, nil
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			v, err := value(item)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	if n.Tag == "!!bool" || n.Tag == "!!int" || n.Tag == "!!float" {
		var v any
		err := n.Decode(&v)
		return v, err
	}
	return n.Value, nil
}

// Pseudo parameters, as an account might have them.
var pseudo = map[string]any{
	"AWS::AccountId": "111122223333", "AWS::Partition": "aws", "AWS::Region": "eu-north-1",
	"AWS::StackName": "consuo", "AWS::URLSuffix": "amazonaws.com", "AWS::NoValue": noValue{},
}

type noValue struct{}

// required are the parameters that have no default.
var required = map[string]any{"Version": "v1.2.3", "CloudFrontPrefixList": "pl-12345678"}

// stack is a template with its parameters: what AWS would make.
type stack struct {
	*template
	given      map[string]any
	conditions map[string]bool
	resources  map[string]map[string]any // properties of those that exist
	outputs    map[string]any

	faults []error
}

// evaluate makes the stack of some parameters, all that is required and the
// defaults. Its faults are what CloudFormation would refuse.
func (tmpl *template) evaluate(given map[string]any) (*stack, error) {
	s := &stack{template: tmpl, given: maps.Clone(required), conditions: map[string]bool{},
		resources: map[string]map[string]any{}, outputs: map[string]any{}}
	maps.Copy(s.given, given)
	for name, p := range tmpl.parameters {
		v, ok := s.given[name]
		if !ok {
			if v, ok = p["Default"]; !ok {
				s.fault("parameter %s has no value", name)
				continue
			}
			s.given[name] = v
		}
		s.checkParameter(name, p, fmt.Sprint(v))
	}
	for name := range s.given {
		if tmpl.parameters[name] == nil {
			s.fault("there is no parameter %s", name)
		}
	}
	for name, condition := range tmpl.conditions {
		s.conditions[name] = s.boolean(condition)
	}
	for name, rule := range tmpl.rules {
		if condition, ok := rule["RuleCondition"]; ok && !s.boolean(condition) {
			continue
		}
		assertions, _ := rule["Assertions"].([]any)
		for _, a := range assertions {
			a, _ := a.(map[string]any)
			if !s.boolean(a["Assert"]) {
				s.fault("rule %s: %v", name, a["AssertDescription"])
			}
		}
	}
	for name := range tmpl.resources {
		if s.exists(name) {
			properties, _ := s.resolve(tmpl.resources[name]["Properties"]).(map[string]any)
			s.resources[name] = properties
			for _, d := range dependsOn(tmpl.resources[name]) {
				if !s.exists(d) {
					s.fault("%s depends on %s, which is not there", name, d)
				}
			}
		}
	}
	for name, output := range tmpl.outputs {
		if condition, ok := output["Condition"].(string); !ok || s.conditions[condition] {
			s.outputs[name] = s.resolve(output["Value"])
		}
	}
	return s, errors.Join(s.faults...)
}

func (s *stack) fault(format string, args ...any) {
	s.faults = append(s.faults, fmt.Errorf(format, args...))
}

func (s *stack) checkParameter(name string, p map[string]any, v string) {
	if pattern, ok := p["AllowedPattern"].(string); ok && !regexp.MustCompile("^(?:"+pattern+")$").MatchString(v) {
		s.fault("parameter %s=%q: want %v", name, v, p["ConstraintDescription"])
	}
	if allowed, ok := p["AllowedValues"].([]any); ok && !slices.ContainsFunc(allowed, func(a any) bool { return fmt.Sprint(a) == v }) {
		s.fault("parameter %s=%q: want one of %v", name, v, allowed)
	}
	if p["Type"] == "Number" {
		n, err := strconv.Atoi(v)
		if least, ok := p["MinValue"].(int); err != nil || ok && n < least {
			s.fault("parameter %s=%q is too small, or no number", name, v)
		}
		if most, ok := p["MaxValue"].(int); ok && n > most {
			s.fault("parameter %s=%q is too large", name, v)
		}
	}
}

func dependsOn(resource map[string]any) []string {
	switch d := resource["DependsOn"].(type) {
	case string:
		return []string{d}
	case []any:
		var all []string
		for _, name := range d {
			all = append(all, fmt.Sprint(name))
		}
		return all
	}
	return nil
}

func (s *stack) exists(resource string) bool {
	r, ok := s.template.resources[resource]
	if condition, conditional := r["Condition"].(string); conditional {
		met, known := s.conditions[condition]
		if !known {
			s.fault("%s: there is no condition %s", resource, condition)
		}
		return ok && met
	}
	return ok
}

// function tells whether v is a call of a function.
func function(v any) (name string, argument any, ok bool) {
	m, isMap := v.(map[string]any)
	if !isMap || len(m) != 1 {
		return "", nil, false
	}
	for name, argument = range m {
	}
	return name, argument, name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::")
}

// boolean evaluates what may stand in a condition.
func (s *stack) boolean(v any) bool {
	name, argument, _ := function(v)
	args, _ := argument.([]any)
	switch {
	case name == "Condition":
		condition := fmt.Sprint(argument)
		if s.template.conditions[condition] == nil {
			s.fault("there is no condition %s", condition)
			return false
		}
		return s.boolean(s.template.conditions[condition])
	case name == "Fn::Equals" && len(args) == 2:
		return fmt.Sprint(s.resolve(args[0])) == fmt.Sprint(s.resolve(args[1]))
	case name == "Fn::Not" && len(args) == 1:
		return !s.boolean(args[0])
	case name == "Fn::And":
		return !slices.ContainsFunc(args, func(a any) bool { return !s.boolean(a) })
	case name == "Fn::Or":
		return slices.ContainsFunc(args, s.boolean)
	}
	s.fault("not a condition: %v", v)
	return false
}

var placeholder = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// resolve replaces functions by their values. What only AWS knows of a resource
// is its name and the attribute: EngineLogs.Arn, and EngineLogs for Ref.
func (s *stack) resolve(v any) any {
	switch v := v.(type) {
	case []any:
		out := []any{}
		for _, item := range v {
			if item = s.resolve(item); item != (noValue{}) {
				out = append(out, item)
			}
		}
		return out
	case map[string]any:
		if name, argument, ok := function(v); ok {
			return s.call(name, argument)
		}
		out := map[string]any{}
		for key, item := range v {
			if item = s.resolve(item); item != (noValue{}) {
				out[key] = item
			}
		}
		return out
	}
	return v
}

func (s *stack) call(name string, argument any) any {
	args, _ := argument.([]any)
	switch {
	case name == "Ref":
		return s.ref(fmt.Sprint(argument))
	case name == "Fn::GetAtt" && len(args) == 2:
		return s.attribute(fmt.Sprint(args[0]), fmt.Sprint(args[1]))
	case name == "Fn::If" && len(args) == 3:
		condition, known := s.conditions[fmt.Sprint(args[0])]
		if !known {
			s.fault("there is no condition %v", args[0])
		}
		if condition {
			return s.resolve(args[1])
		}
		return s.resolve(args[2])
	case name == "Fn::Sub":
		text, isText := argument.(string)
		local := map[string]any{}
		if len(args) == 2 {
			text, isText = args[0].(string)
			local, _ = s.resolve(args[1]).(map[string]any)
		}
		if !isText {
			break
		}
		return placeholder.ReplaceAllStringFunc(text, func(found string) string {
			name := found[2 : len(found)-1]
			if v, ok := local[name]; ok {
				return fmt.Sprint(v)
			}
			if resource, attribute, ok := strings.Cut(name, "."); ok {
				return fmt.Sprint(s.attribute(resource, attribute))
			}
			return fmt.Sprint(s.ref(name))
		})
	case name == "Fn::FindInMap" && len(args) == 3:
		var v any = s.mappings
		for _, key := range args {
			m, _ := v.(map[string]any)
			if v = m[fmt.Sprint(s.resolve(key))]; v == nil {
				s.fault("FindInMap %v: nothing there", args)
				return ""
			}
		}
		return v
	case name == "Fn::Select" && len(args) == 2:
		list, _ := s.resolve(args[1]).([]any)
		if i, ok := args[0].(int); ok && i < len(list) {
			return list[i]
		}
	case name == "Fn::GetAZs":
		return []any{"eu-north-1a", "eu-north-1b", "eu-north-1c"}
	case name == "Fn::Cidr" && len(args) == 3:
		whole, err := netip.ParsePrefix(fmt.Sprint(s.resolve(args[0])))
		count, isCount := args[1].(int)
		bits, isBits := args[2].(int)
		if err != nil || !isCount || !isBits {
			break
		}
		var out []any
		base := binary.BigEndian.Uint32(whole.Addr().AsSlice())
		for i := range count {
			start := binary.BigEndian.AppendUint32(nil, base+uint32(i)<<bits)
			out = append(out, netip.PrefixFrom(netip.AddrFrom4([4]byte(start)), 32-bits).String())
		}
		return out
	}
	s.fault("can't evaluate %s %v", name, argument)
	return ""
}

func (s *stack) ref(name string) any {
	if v, ok := s.given[name]; ok {
		return v
	}
	if v, ok := pseudo[name]; ok {
		return v
	}
	if !s.exists(name) {
		s.fault("Ref %s: not there", name)
	}
	return name
}

// attributes of resources: those that the template uses. That AWS has them is
// for cfn-lint to know, which has AWS's own schemas.
var attributes = map[string][]string{
	"AWS::CloudFront::Distribution":             {"DomainName"},
	"AWS::CloudFront::Function":                 {"FunctionARN"},
	"AWS::EC2::EIP":                             {"AllocationId"},
	"AWS::ECS::Service":                         {"Name"},
	"AWS::ElasticLoadBalancingV2::LoadBalancer": {"DNSName", "LoadBalancerFullName"},
	"AWS::ElasticLoadBalancingV2::TargetGroup":  {"TargetGroupFullName"},
	"AWS::IAM::Role":                            {"Arn"},
	"AWS::Logs::LogGroup":                       {"Arn"},
	"AWS::RDS::DBInstance":                      {"Endpoint.Address", "Endpoint.Port"},
	"AWS::ServiceDiscovery::Service":            {"Arn"},
}

func (s *stack) attribute(resource, name string) any {
	if !s.exists(resource) {
		s.fault("GetAtt %s.%s: not there", resource, name)
	} else if kind := fmt.Sprint(s.template.resources[resource]["Type"]); !slices.Contains(attributes[kind], name) {
		s.fault("GetAtt %s.%s: %s has no such attribute", resource, name, kind)
	}
	return resource + "." + name
}

// at goes down into a value by keys and indexes.
func at(t *testing.T, v any, keys ...any) any {
	t.Helper()
	for i, key := range keys {
		var next any
		switch key := key.(type) {
		case string:
			m, _ := v.(map[string]any)
			next = m[key]
		case int:
			if list, _ := v.([]any); key < len(list) {
				next = list[key]
			}
		}
		if next == nil {
			t.Fatalf("there is no %v in %v", keys[:i+1], v)
		}
		v = next
	}
	return v
}

// text is at as a string, number as a number.
func text(t *testing.T, v any, keys ...any) string {
	t.Helper()
	return fmt.Sprint(at(t, v, keys...))
}

func number(t *testing.T, v any, keys ...any) int {
	t.Helper()
	n, err := strconv.Atoi(text(t, v, keys...))
	if err != nil {
		t.Fatalf("%v: %v", keys, err)
	}
	return n
}
