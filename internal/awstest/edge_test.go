package awstest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consuo/internal/playout"
	"consuo/internal/playouthttp"
	"consuo/internal/service"
	"consuo/internal/slate"
)

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
