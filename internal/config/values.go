package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// rule says how a number is read.
type rule struct {
	low, high int64
	base      int  // 0: 10
	strict    bool // a tail is never accepted
	// bad words the second message about a wrong number; "%s" is the word.
	bad string
}

// cNotation as base reads 0x and 0 prefixes.
const cNotation = -1

func (r rule) radix() int {
	switch r.base {
	case 0:
		return 10
	case cNotation:
		return 0
	}
	return r.base
}

// uint reads a mandatory number that is not negative. It reports what is
// wrong; the last result says whether the value can be used.
func (l *loader) uint(a *syntax.Args, r rule) (int64, bool) {
	w, ok := a.Need()
	if !ok {
		return 0, false
	}
	return l.judge(a, w, syntax.ParseUint(w, r.radix(), uint64(r.low), uint64(r.high)), r)
}

// int reads a mandatory number with sign.
func (l *loader) int(a *syntax.Args, r rule) (int64, bool) {
	w, ok := a.Need()
	if !ok {
		return 0, false
	}
	return l.judge(a, w, syntax.ParseInt(w, r.radix(), r.low, r.high), r)
}

// judge reports the problem of a number, if any.
func (l *loader) judge(a *syntax.Args, word string, n syntax.Number, r rule) (int64, bool) {
	if n.Problem == "" {
		return n.Value, true
	}
	// A running keepalived forgives what follows a number, its test does not.
	if n.Usable && !r.strict && !l.opt.Test {
		a.Report(syntax.InvalidNumber, "WARNING - %s", n.Problem)
		return n.Value, true
	}
	a.Report(syntax.InvalidNumber, "%s", n.Problem)
	l.badValue(a, r.bad, word)
	return n.Value, false
}

func (l *loader) badValue(a *syntax.Args, format, word string) {
	switch {
	case format == "":
	case strings.Contains(format, "%s"):
		a.Report(syntax.General, "%s", strings.ReplaceAll(format, "%s", word))
	default:
		a.Report(syntax.General, "%s", format)
	}
}

// seconds reads a mandatory time with decimals; the limits are in the unit of
// the last place, which is 10^-places seconds.
func (l *loader) seconds(a *syntax.Args, places int, r rule) (time.Duration, bool) {
	w, ok := a.Need()
	if !ok {
		return 0, false
	}
	n := syntax.ParseDecimal(w, places, r.low, r.high)
	unit := time.Second
	for range places {
		unit /= 10
	}
	switch {
	case n.Problem == "":
	case n.Usable:
		// Used even in a test.
		a.Report(syntax.InvalidNumber, "%s", n.Problem)
	default:
		a.Report(syntax.InvalidNumber, "%s", n.Problem)
		l.badValue(a, r.bad, w)
		return 0, false
	}
	return time.Duration(n.Value) * unit, true
}

// boolean reads an optional boolean; nothing means true.
func (l *loader) boolean(a *syntax.Args, bad string) (bool, bool) {
	w, ok := a.Next()
	if !ok {
		return true, true
	}
	v, ok := syntax.ParseBool(w)
	if !ok {
		if bad == "" {
			bad = fmt.Sprintf("Invalid value '%s' for %s specified", w, a.Keyword())
		}
		l.badValue(a, bad, w)
	}
	return v, ok
}

// address reads an address in the strict notations; the zone is refused.
func address(s string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(s)
	return ip, err == nil && ip.Zone() == ""
}
