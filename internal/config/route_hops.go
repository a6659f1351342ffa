package config

import (
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// encapOptions are the options of each kind of encapsulation, the address
// ones marked.
var encapOptions = map[string]map[string]bool{
	"ip":  {"id": false, "dst": true, "src": true, "tos": false, "ttl": false, "flags": false},
	"ip6": {"id": false, "dst": true, "src": true, "tc": false, "hoplimit": false, "flags": false},
}

// encap takes an encapsulation; a wrong one is reported and the route kept without it.
func (r *routeLine) encap() []string {
	kind, ok := r.need()
	if !ok {
		return nil
	}
	words := []string{kind}
	bad := func(why string) []string {
		r.a.Report(syntax.General, "encap %s: %s - ignoring", kind, why)
		return nil
	}
	switch kind {
	case "mpls", "ila":
		w, ok := r.need()
		if !ok {
			return nil
		}
		if kind == "mpls" && !validLabels(w) {
			return bad("invalid label stack " + w)
		}
		if kind == "ila" && strings.Count(w, ":") != 3 {
			return bad("invalid locator " + w)
		}
		return append(words, w)
	case "ip", "ip6":
	default:
		return bad("unknown type")
	}
	options, faulty, end := encapOptions[kind], "", false
	for !end {
		name := r.a.Peek()
		isAddress, known := options[name]
		if !known {
			break
		}
		r.a.Next()
		w, ok := r.need()
		if !ok {
			return nil
		}
		ip, valid := address(w)
		switch {
		case isAddress && (!valid || ip.Is6() != (kind == "ip6")):
			faulty = "invalid " + name + " " + w
		case !isAddress && name != "tos" && name != "tc" && syntax.ParseUint(w, 0, 0, 1<<63-1).Problem != "":
			faulty = "invalid " + name + " " + w
		}
		if name == "tos" || name == "tc" {
			if v, ok := r.l.namedNumber(w, tosNames, 255); ok {
				w = strconv.FormatUint(v, 10)
			} else {
				faulty = "invalid " + name + " " + w
			}
		}
		words = append(words, name, w)
		end = r.a.Left() == 0
	}
	text := " " + strings.Join(words[1:], " ") + " "
	if faulty == "" && !strings.Contains(text, " dst ") && !strings.Contains(text, " id ") {
		faulty = "neither dst nor id"
	}
	if faulty != "" {
		return bad(faulty)
	}
	return words
}

// validLabels checks an MPLS label stack L/L/….
func validLabels(w string) bool {
	for label := range strings.SplitSeq(w, "/") {
		if syntax.ParseUint(label, 0, 0, 1<<20-1).Problem != "" || label == "" {
			return false
		}
	}
	return true
}

// nexthops takes the groups of words that end a line with nexthop. A fault
// ends them and leaves the hops before it.
func (r *routeLine) nexthops() {
	for more := true; more; {
		hop := NextHop{Weight: 1}
		more = false
		for w, ok := r.a.Next(); ok && !more; {
			switch w {
			case "via":
				hop.Via, ok = r.address("nexthop via")
			case "dev":
				hop.Dev, ok = r.device()
			case "weight":
				v, fine := r.number("weight", 10, 256)
				if ok = fine && v > 0; !ok && fine {
					r.a.Report(syntax.General, "Invalid weight %d specified for route", v)
				}
				hop.Weight = int(v)
				hop.WeightSet = true
			case "onlink":
				hop.OnLink = true
			case "encap":
				hop.Encap = r.encap()
			case "realms":
				if hop.Realms, ok = r.realms(); ok && r.family == family6 {
					r.a.Report(syntax.General, "realms are only supported for IPv4")
					ok = false
				} else if ok {
					r.family = family4
				}
			default:
				r.a.Report(syntax.General, "Route has trailing nonsense after nexthops - %s", w)
				r.hop(hop)
				return
			}
			if !ok {
				// What was dropped is the hop, not the route.
				r.dropped = false
				return
			}
			if w, ok = r.a.Next(); ok && w == "nexthop" {
				more = true
			}
		}
		r.hop(hop)
	}
}

// hop adds a hop that has been read.
func (r *routeLine) hop(h NextHop) {
	if !h.Via.IsValid() && h.Dev == "" {
		r.a.Report(syntax.Log, "nexthop without via and dev - ignoring")
		return
	}
	r.NextHops = append(r.NextHops, h)
}

// realms takes R or R/R.
func (r *routeLine) realms() (string, bool) {
	w, ok := r.need()
	if !ok {
		return "", false
	}
	numbers, ok := r.l.realms(w)
	if !ok {
		r.drop("Invalid realms %s for route", w)
	}
	return numbers, ok
}

// realms gives R or R/R with numbers in the place of names.
func (l *loader) realms(w string) (string, bool) {
	var numbers []string
	for part := range strings.SplitSeq(w, "/") {
		v, ok := l.namedNumber(part, realmNames, 255)
		if !ok {
			return "", false
		}
		numbers = append(numbers, strconv.FormatUint(v, 10))
	}
	return strings.Join(numbers, "/"), true
}
