package kernel

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// body is the message of a request.
func body(r request) []byte {
	var b []byte
	for _, p := range r.parts {
		b = append(b, p.Serialize()...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	return b
}

// Whatever comes as a route or rule is read or refused, and what was read can be
// compared and shown.
func FuzzRoutesAndRules(f *testing.F) {
	index := func(string) (int, error) { return 3, nil }
	for _, o := range every() {
		switch o := o.(type) {
		case Route:
			r, err := routeRequest(OpAdd, o, index)
			must(f, err)
			f.Add(uint16(unix.RTM_NEWROUTE), body(r))
		case Rule:
			f.Add(uint16(unix.RTM_NEWRULE), body(ruleRequest(OpAdd, o)))
		}
	}
	w := NewWatch(every())
	f.Fuzz(func(t *testing.T, typ uint16, b []byte) {
		m := syscall.NetlinkMessage{Data: b}
		m.Header.Type = typ
		name := func(int) string { return "eth0" }
		if e, _, err := w.disturbance(m, name); err == nil && e.Report != nil {
			_ = e.String()
		}
		if r, ok, err := parseRoute(b, name); ok && err == nil {
			if r.compare(r, r) != alike {
				t.Errorf("%v is not like itself", r)
			}
			_ = r.place()
		}
		if r, ok, err := parseRule(b); ok && err == nil && r.compare(r, nil) != alike {
			t.Errorf("%v is not like itself", r)
		}
	})
}
