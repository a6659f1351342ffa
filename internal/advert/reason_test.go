package advert

import (
	"bytes"
	"strings"
	"testing"
)

func TestVRID(t *testing.T) {
	p := ptr(v2Pass()).packet()
	plain := bytes.Clone(p.Payload)
	if vrid, r := VRID(p); vrid != 51 || !r.OK() {
		t.Errorf("got %d, %v", vrid, r.Reason)
	}
	p.Proto, p.Payload = ProtoAH, append(make([]byte, ahLen), plain...)
	if vrid, r := VRID(p); vrid != 51 || !r.OK() {
		t.Errorf("behind an authentication header: got %d, %v", vrid, r.Reason)
	}
	for n := range headerLen + ahLen {
		p.Payload = make([]byte, n)
		if _, r := VRID(p); r.Reason != ReasonTooShort {
			t.Errorf("%d bytes: %v, want %v", n, r.Reason, ReasonTooShort)
		}
	}
}

func TestReasonNames(t *testing.T) {
	seen := map[string]bool{}
	for i := range Reasons {
		name := Reason(i).String()
		if name == "" || seen[name] || strings.ContainsAny(name, " \"=") {
			t.Errorf("reason %d: bad name %q", i, name)
		}
		seen[name] = true
		if back, ok := ParseReason(name); !ok || back != Reason(i) {
			t.Errorf("ParseReason(%q) = %v, %v", name, back, ok)
		}
		if i > 0 && (Reject{Reason: Reason(i)}).Text(srcA) == "" {
			t.Errorf("reason %s has no text", name)
		}
	}
	if _, ok := ParseReason("no such reason"); ok {
		t.Error("parsed a name that does not exist")
	}
	if got := Reason(200).String(); got != "reason-200" {
		t.Errorf("got %q", got)
	}
}

func TestCounterNames(t *testing.T) {
	want := []string{
		"", "Length", "TTL", "Invalid Type", "Advertisement Interval", "Address List",
		"Invalid Type", "Type Mismatch", "Failure",
		"Missing", "Malformed", "Unknown Key", "Invalid HMAC", "Stale", "Replay",
	}
	for i := range Counters {
		if got := Counter(i).String(); got != want[i] {
			t.Errorf("counter %d = %q, want %q", i, got, want[i])
		}
	}
}
