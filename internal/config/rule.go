package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// firstRulePriority is given to rules that name none; the next one gets one less.
const firstRulePriority = 16384

// ruleLine is a rule while its line is read.
type ruleLine struct {
	Rule
	l           *loader
	a           *syntax.Args
	static      bool
	family      family
	prioritySet bool
	protocolSet bool
	dropped     bool
}

func (r *ruleLine) drop(format string, args ...any) {
	if !r.dropped {
		r.a.Report(syntax.General, format, args...)
	}
	r.dropped = true
}

// rule reads a line of virtual_rules or static_rules.
func (l *loader) rule(a *syntax.Args, static bool) (Rule, bool) {
	r := &ruleLine{Rule: Rule{Text: a.Line.Text, Protocol: keepalivedProtocol, Pos: a.Line.Pos}, l: l, a: a, static: static}
	for w, ok := a.Next(); ok && !r.dropped; w, ok = a.Next() {
		handle, known := ruleWords[w]
		if !known {
			r.drop("Unknown rule option %s", w)
			break
		}
		handle(r, w)
	}
	if r.dropped {
		return Rule{}, false
	}
	r.settle()
	return r.Rule, !r.dropped
}

func (r *ruleLine) settle() {
	r.IPv6 = r.family == family6
	tableAction := r.Action == RuleTable
	switch {
	case r.Action == RuleNone && !r.L3MDev:
		r.drop("No action specified for rule - ignoring")
		return
	case r.L3MDev && r.Action != RuleNone:
		r.drop("Cannot specify l3mdev with other action")
		return
	case !tableAction && (r.Realms != "" || r.SuppressPrefix != nil || r.SuppressGroup != nil):
		r.drop("suppressor/realm specified for non table action - skipping")
		return
	case r.Action == RuleGoto && !r.prioritySet:
		r.drop("Invalid rule - goto target %d specified without preference", r.Goto)
	case r.Action == RuleGoto && r.Goto <= r.Priority:
		r.drop("Invalid rule - preference %d >= goto target %d", r.Priority, r.Goto)
		return
	}
	if r.dropped {
		return
	}
	if !r.prioritySet {
		next := &r.l.draft.rulePriority[0]
		if r.IPv6 {
			next = &r.l.draft.rulePriority[1]
		}
		r.Priority = firstRulePriority - *next
		*next++
		r.a.Report(syntax.General, "Rule has no preference specified - setting to %d. This is probably not what you want.", r.Priority)
	}
	if r.Protocol != keepalivedProtocol && !r.NoTrack {
		r.a.Report(syntax.General, "Rule cannot be tracked if protocol is not RTPROT_KEEPALIVED(%d), resetting protocol", keepalivedProtocol)
		r.Protocol = keepalivedProtocol
	}
	if r.NoTrack && !r.protocolSet {
		r.Protocol = 0 // the mark is for those that are tracked
	}
	if r.TrackGroup != "" && r.In == "" {
		r.a.Report(syntax.General, "Static rule cannot have track_group if dev/iif not specified")
		r.TrackGroup = ""
	}
}

func (r *ruleLine) fits(f family, w string) bool {
	if r.family == familyUnset {
		r.family = f
	}
	if r.family != f {
		r.drop("rule specification has mixed IPv4 and IPv6")
		return false
	}
	return true
}

func (r *ruleLine) need() (string, bool) {
	w, ok := r.a.Need()
	r.dropped = r.dropped || !ok
	return w, ok
}

func (r *ruleLine) number(what string, base int, low, high uint64) (uint64, bool) {
	w, ok := r.need()
	if !ok {
		return 0, false
	}
	n := syntax.ParseUint(w, base, low, high)
	if n.Problem != "" {
		r.a.Report(syntax.InvalidNumber, "%s", n.Problem)
		r.drop("Invalid rule %s %s", what, w)
		return 0, false
	}
	return uint64(n.Value), true
}

func (r *ruleLine) named(what string, t nameTable, high uint64) (uint64, bool) {
	w, ok := r.need()
	if !ok {
		return 0, false
	}
	v, ok := r.l.namedNumber(w, t, high)
	switch {
	case ok:
	case what == "table":
		r.drop("Routing table %s not found for rule", w)
	case what == "tos" || what == "dsfield":
		r.drop("TOS value %s is invalid", w)
	default:
		r.drop("%s %s is invalid", what, w)
	}
	return v, ok
}

func (r *ruleLine) act(action RuleAction) {
	if r.Action != RuleNone {
		r.drop("Cannot specify more than one of table/nop/goto/blackhole/prohibit/unreachable/l3mdev for rule")
		return
	}
	r.Action = action
}

func (r *ruleLine) table(string) {
	v, ok := r.named("table", tableNames, 1<<32-1)
	switch {
	case !ok:
	case v == 0:
		r.drop("Table 0 is not valid")
	default:
		r.act(RuleTable)
		r.Table = uint32(v)
	}
}

func (r *ruleLine) setPriority(w string) {
	if v, ok := r.number(w, 0, 0, 1<<32-1); ok {
		r.Priority, r.prioritySet = uint32(v), true
	}
}

func (r *ruleLine) tos(w string) {
	if v, ok := r.named(w, tosNames, 255); ok {
		r.TOS = new(uint8(v))
	}
}

func (r *ruleLine) suppressPrefix(w string) {
	if v, ok := r.number(w, 10, 0, 1<<31-1); ok {
		r.SuppressPrefix = new(int32(v))
	}
}

func (r *ruleLine) suppressGroup(w string) {
	if v, ok := r.named(w, groupNames, 1<<32-1); ok {
		r.SuppressGroup = new(uint32(v))
	}
}

func (r *ruleLine) input(string) { r.device(&r.In) }

func (r *ruleLine) tunnel(w string) {
	v, ok := r.need()
	if !ok {
		return
	}
	n := syntax.ParseUint(v, 0, 0, 1<<64-1)
	id := uint64(n.Value)
	if n.Problem != "" {
		// The upper half of the range does not fit a Number.
		var err error
		if id, err = strconv.ParseUint(v, 0, 64); err != nil {
			r.a.Report(syntax.InvalidNumber, "%s", n.Problem)
			r.drop("Invalid %s %s specified", w, v)
			return
		}
	}
	r.TunnelID = &id
}

func (r *ruleLine) setProtocol(string) {
	w, ok := r.need()
	if !ok {
		return
	}
	if v, ok := r.l.namedNumber(w, protoNames, 255); ok {
		r.Protocol, r.protocolSet = uint8(v), true
		return
	}
	r.a.Report(syntax.InvalidNumber, "%s", syntax.ParseUint(w, 0, 0, 255).Problem)
	r.a.Report(syntax.General, "Invalid protocol %s", w)
}

func (r *ruleLine) actOfType(string) {
	w, ok := r.need()
	if !ok {
		return
	}
	if action, known := ruleTypes[w]; known {
		r.act(action)
	} else {
		r.drop("Unknown rule option %s", w)
	}
}

func (r *ruleLine) jump(w string) {
	if v, ok := r.number(w, 0, 0, 1<<32-1); ok {
		r.act(RuleGoto)
		r.Goto = uint32(v)
	}
}

var ruleWords map[string]func(r *ruleLine, w string)

func init() {
	ruleWords = map[string]func(r *ruleLine, w string){
		"from": func(r *ruleLine, w string) { r.address(w, &r.From) },
		"to":   func(r *ruleLine, w string) { r.address(w, &r.To) },
		"inet": swallowRule(family4), "inet6": swallowRule(family6),
		"table": (*ruleLine).table, "lookup": (*ruleLine).table,
		"not":      func(r *ruleLine, _ string) { r.Invert = true },
		"priority": (*ruleLine).setPriority, "preference": (*ruleLine).setPriority, "order": (*ruleLine).setPriority,
		"tos": (*ruleLine).tos, "dsfield": (*ruleLine).tos,
		"fwmark":                (*ruleLine).mark,
		"realms":                (*ruleLine).realms,
		"suppress_prefixlength": (*ruleLine).suppressPrefix, "sup_pl": (*ruleLine).suppressPrefix,
		"suppress_ifgroup": (*ruleLine).suppressGroup, "sup_group": (*ruleLine).suppressGroup,
		"dev": (*ruleLine).input, "iif": (*ruleLine).input,
		"oif":         func(r *ruleLine, _ string) { r.device(&r.Out) },
		"tunnel-id":   (*ruleLine).tunnel,
		"uidrange":    (*ruleLine).users,
		"l3mdev":      func(r *ruleLine, _ string) { r.L3MDev = true },
		"protocol":    (*ruleLine).setProtocol,
		"ipproto":     (*ruleLine).ipProtocol,
		"sport":       func(r *ruleLine, w string) { r.ports(w, &r.SourcePorts) },
		"dport":       func(r *ruleLine, w string) { r.ports(w, &r.DestPorts) },
		"type":        (*ruleLine).actOfType,
		"nop":         func(r *ruleLine, _ string) { r.act(RuleNop) },
		"goto":        (*ruleLine).jump,
		"no_track":    func(r *ruleLine, _ string) { r.NoTrack = true },
		"track_group": (*ruleLine).group,
	}
	for name, action := range ruleTypes {
		ruleWords[name] = func(r *ruleLine, _ string) { r.act(action) }
	}
}

var ruleTypes = map[string]RuleAction{"blackhole": RuleBlackhole, "prohibit": RuleProhibit, "unreachable": RuleUnreachable}

// swallowRule fixes the family and, as keepalived does, loses the next word.
func swallowRule(f family) func(*ruleLine, string) {
	return func(r *ruleLine, w string) {
		if r.fits(f, w) {
			r.a.Next()
		}
	}
}

func (r *ruleLine) address(what string, field *netip.Prefix) {
	w, ok := r.need()
	if !ok {
		return
	}
	if w == "default" || w == "any" || w == "all" {
		if r.family != familyUnset {
			r.drop("rule specification has mixed IPv4 and IPv6")
		}
		return
	}
	p, ok := r.l.prefix(r.a, w)
	if !ok {
		r.drop("Invalid rule %s address %s", what, w)
		return
	}
	if r.fits(familyOf(p.Addr()), w) {
		*field = p
	}
}

func (r *ruleLine) device(field *string) {
	w, ok := r.need()
	if !ok {
		return
	}
	if !r.l.exists(r.a, w, fmt.Sprintf("WARNING - interface %s for rule doesn't exist", w)) {
		r.dropped = true
		return
	}
	*field = w
}

// mark takes N[/MASK].
func (r *ruleLine) mark(string) {
	w, ok := r.need()
	if !ok {
		return
	}
	value, mask, masked := strings.Cut(w, "/")
	v := syntax.ParseUint(value, 0, 0, 1<<32-1)
	m := syntax.ParseUint(mask, 0, 0, 1<<32-1)
	if v.Problem != "" || m.Problem != "" || value == "" || (masked && mask == "") {
		r.drop("Invalid rule fwmark %s specified", w)
		return
	}
	r.Mark = new(uint32(v.Value))
	if masked {
		r.MarkMask = new(uint32(m.Value))
	}
}

func (r *ruleLine) realms(string) {
	w, ok := r.need()
	if !ok {
		return
	}
	numbers, ok := r.l.realms(w)
	if !ok {
		r.drop("Invalid rule realms %s", w)
		return
	}
	if r.family == familyUnset {
		r.family = family4
	}
	if r.family != family4 {
		r.drop("realms is only valid for IPv4")
		return
	}
	r.Realms = numbers
}

// span reads N-N.
func span(w string, high uint64) (low, top uint64, ok bool) {
	from, to, cut := strings.Cut(w, "-")
	if rest := strings.IndexFunc(to, func(r rune) bool { return r < '0' || r > '9' }); rest > 0 {
		to = to[:rest] // keepalived looks no further
	}
	a, b := syntax.ParseUint(from, 10, 0, high), syntax.ParseUint(to, 10, 0, high)
	return uint64(a.Value), uint64(b.Value), cut && from != "" && to != "" && a.Problem == "" && b.Problem == "" && a.Value <= b.Value
}

func (r *ruleLine) users(string) {
	w, ok := r.need()
	if !ok {
		return
	}
	low, high, ok := span(w, 1<<32-1)
	if !ok {
		r.drop("Invalid uidrange %s specified", w)
		return
	}
	r.UIDRange = &[2]uint32{uint32(low), uint32(high)}
}

func (r *ruleLine) ports(what string, field **[2]uint16) {
	w, ok := r.need()
	if !ok {
		return
	}
	low, high, ok := span(w, 65535)
	if !ok {
		d := Diagnostic{Code: syntax.General, Text: fmt.Sprintf("invalid %s range %s", what, w)}
		if syntax.ParseUint(w, 10, 0, 65535).Problem == "" {
			d.Hint = fmt.Sprintf("A single port is written %s-%s.", w, w)
		}
		r.a.Send(d)
		return
	}
	*field = &[2]uint16{uint16(low), uint16(high)}
}

func (r *ruleLine) ipProtocol(string) {
	w, ok := r.need()
	if !ok {
		return
	}
	if n := syntax.ParseUint(w, 10, 0, 255); n.Problem == "" && w != "" {
		r.IPProto = new(uint8(n.Value))
	} else if v, ok := r.l.opt.Host.Protocol(w); ok {
		r.IPProto = &v
	} else {
		r.a.Report(syntax.General, "Invalid ipproto %s", w)
	}
}

func (r *ruleLine) group(string) {
	if !r.static {
		r.drop("Unknown rule option track_group")
		return
	}
	name, ok := r.need()
	switch {
	case !ok:
	case !r.l.draft.trackGroups[name]:
		r.a.Report(syntax.General, "track_group %s not found", name)
	default:
		r.TrackGroup = name
	}
}
