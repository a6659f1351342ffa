package config

import (
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var routeMetrics = map[string]bool{
	"mtu": true, "advmss": true, "reordering": true, "cwnd": true, "ssthresh": true, "window": true, "initcwnd": true,
	"initrwnd": true, "hoplimit": true, "rtt": true, "rttvar": true, "rto_min": true, "quickack": true, "fastopen_no_cookie": true,
}

// metric takes [lock] NUMBER.
func (r *routeLine) metric(name string) {
	m := RouteMetric{Name: name}
	high := uint64(1<<32 - 1)
	lockable := true
	switch name {
	case "window", "initcwnd", "initrwnd":
		lockable = false
	case "hoplimit":
		lockable, high = false, 255
	case "quickack", "fastopen_no_cookie":
		lockable, high = false, 1
	}
	if lockable && r.a.Peek() == "lock" {
		r.a.Next()
		m.Lock = true
	}
	if name == "rtt" || name == "rttvar" || name == "rto_min" {
		v, ok := r.duration(name)
		if !ok {
			return
		}
		m.Value = v
	} else {
		v, ok := r.number(name, 10, high)
		if !ok {
			return
		}
		m.Value = uint32(v)
	}
	r.Metrics = append(r.Metrics, m)
}

// duration takes a time in the unit of the kernel's metric: eighths of a
// millisecond for rtt, quarters for rttvar, milliseconds for rto_min.
func (r *routeLine) duration(name string) (uint32, bool) {
	w, ok := r.need()
	if !ok {
		return 0, false
	}
	scale := map[string]float64{"rtt": 8, "rttvar": 4, "rto_min": 1}[name]
	text, unit := strings.ToLower(w), 1/scale
	for _, s := range []struct {
		suffix string
		millis float64
	}{{"msecs", 1}, {"msec", 1}, {"ms", 1}, {"secs", 1000}, {"sec", 1000}, {"s", 1000}} {
		if t, ok := strings.CutSuffix(text, s.suffix); ok {
			text, unit = t, s.millis
			break
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < 0 || strings.ContainsAny(text, "exnip") {
		r.drop("Invalid %s %s for route", name, w)
		return 0, false
	}
	millis := v * unit
	const low, high = 200, 120_000
	switch {
	case millis < low:
		r.a.Report(syntax.General, "%s value %s is below %d ms - setting to it", name, w, low)
		millis = low
	case millis > high:
		r.a.Report(syntax.General, "%s value %s is above %d s - setting to it", name, w, high/1000)
		millis = high
	}
	return uint32(millis * scale), true
}
