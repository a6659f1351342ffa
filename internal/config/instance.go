package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// instanceDraft is an instance while it is read: what was written and what
// was not decides much of what the missing settings become.
type instanceDraft struct {
	*Instance
	family         family
	stateSet       bool // StateMaster was given
	prioritySet    bool
	versionSet     bool // Version was given, or follows from an IPv6 address
	unicastKeyword bool
	faultNoPeer    bool // unicast_fault_no_peer
	accept         *bool
	strict         *bool
	ownerIgnore    *bool
	lowerNoAdvert  *bool
	higherSend     *bool
	lowerDelaySet  bool // garp_lower_prio_delay was given
	lowerRepeatSet bool
	smtpAlert      *bool
	prioChanges    *bool
	vips, excluded map[addressKey]bool
	peers          map[netip.Addr]bool
	group          *SyncGroup
	groupDraft     *groupDraft
	places         []placed
	broken         bool // it cannot be run; further checks leave it out
}

// placed is where a keyword was given.
type placed struct {
	keyword string
	pos     Pos // of its first argument, or of itself
}

// place notes where a keyword is given, for the checks at the end.
func (d *instanceDraft) place(keyword string, a *syntax.Args) {
	words := a.Line.Words
	d.places = append(d.places, placed{keyword, words[min(1, len(words)-1)].Pos})
}

// at is the place of the first of the keywords that was given; where one was
// given more than once, that which counts. It is the place of the instance
// where none was.
func (d *instanceDraft) at(keywords ...string) Pos {
	for _, k := range keywords {
		for _, p := range slices.Backward(d.places) {
			if p.keyword == k {
				return p.pos
			}
		}
	}
	return d.Pos
}

type family uint8

const (
	familyUnset family = iota
	family4
	family6
)

// joins says whether an address fits the family of the instance, which the
// first address fixes.
func (d *instanceDraft) joins(ip netip.Addr) bool {
	f := family4
	if ip.Is6() {
		f = family6
	}
	if d.family == familyUnset {
		d.family = f
		if f == family6 && !d.versionSet {
			d.Version, d.versionSet = 3, true
		}
	}
	return d.family == f
}

// instanceKeywords are the keywords of vrrp_instance.
func instanceKeywords() *table[*instanceDraft] { return instanceTable }

var instanceTable = &table[*instanceDraft]{
	name: "vrrp_instance",
	rows: slices.Concat(instanceBasic, instanceNetwork, instanceTiming, instanceNotify),
}

var instanceBasic = []keyword[*instanceDraft]{
	{
		name: "state", args: "MASTER|BACKUP", doc: "State to start in; the first election corrects it.", example: "state BACKUP",
		set: setState,
	},
	{
		name: "interface", args: "INTERFACE", doc: "Interface the instance runs on.", example: "interface eth0",
		set: setInterface,
	},
	{
		name: "vrf", args: "INTERFACE", doc: "VRF of a unicast instance without interface.", example: "vrf blue",
		set: setVRF,
	},
	{
		name: "virtual_router_id", args: "1..255", doc: "Number of the virtual router, the same on all its nodes.", example: "virtual_router_id 51",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 1, high: 255, strict: true, bad: "(" + d.Name + "): VRID '%s' not valid - must be between 1 & 255"}); ok {
				d.VRID = uint8(v)
			}
		},
	},
	{
		name: "priority", args: "1..255", doc: "Priority in the election, 100 by default; 255 for the owner of the addresses.", example: "priority 100",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if a.Left() == 0 {
				a.Need()
				return
			}
			v, ok := l.uint(a, rule{low: 1, high: 255, strict: true, bad: "(" + d.Name + ") Priority not valid! must be between 1 & 255. Using default 100"})
			if !ok {
				v = 100
			}
			d.Priority, d.prioritySet = uint8(v), true
		},
	},
	{
		name: "version", args: "2|3", doc: "Version of VRRP; 2 for IPv4 and 3 for IPv6 by default.", example: "version 3",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			v, ok := l.uint(a, rule{low: 2, high: 3, bad: "(" + d.Name + "): Version must be either 2 or 3"})
			switch {
			case !ok:
			case d.versionSet && d.Version != int(v):
				a.Report(syntax.General, "(%s) vrrp_version %d conflicts with configured or deduced version %d; ignoring.", d.Name, v, d.Version)
			default:
				d.Version, d.versionSet = int(v), true
			}
		},
	},
	{
		name: "advert_int", args: "SECONDS", doc: "Time between adverts, 1 by default; whole seconds in version 2.", example: "advert_int 1",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if v, ok := l.seconds(a, 6, rule{low: 10_000, high: 255_000_000, bad: "(" + d.Name + ") Advert interval (%s) not valid! Must be > 0 - ignoring"}); ok {
				d.AdvertInt = v
			}
		},
	},
	{
		name: "native_ipv6", doc: "Use IPv6, and version 3, whatever the addresses.", example: "native_ipv6",
		set: func(_ *loader, d *instanceDraft, a *syntax.Args) {
			switch {
			case d.family == family4:
				a.Report(syntax.General, "(%s) Cannot specify native_ipv6 with IPv4 addresses", d.Name)
			default:
				d.family = family6
				d.Version, d.versionSet = 3, true
			}
		},
	},
	{
		name: "authentication", args: "{ ... }", shape: block, doc: "Authentication of version 2.", example: "authentication {",
		set: func(l *loader, d *instanceDraft, _ *syntax.Args) { parseOne(l, authKeywords, d) },
		sub: func() []Keyword { return authKeywords.describe() },
	},
	{
		name: "auth_hmac", args: "{ ... }", since: "2.4.0", shape: block, doc: "Authentication trailer with replay protection.", example: "auth_hmac {",
		set: func(l *loader, d *instanceDraft, _ *syntax.Args) { l.readHMAC(d) },
		sub: func() []Keyword { return hmacKeywords.describe() },
	},
	{
		name: "nopreempt", doc: "Do not take over from a master of lower priority.", example: "nopreempt",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.NoPreempt = true },
	},
	{
		name: "preempt", doc: "Take over from a master of lower priority; the default.", example: "preempt",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.NoPreempt = false },
	},
	{
		name: "preempt_delay", args: "SECONDS", doc: "Wait this long before taking over, 0 to 1000.", example: "preempt_delay 300",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			d.PreemptDelay, _ = l.seconds(a, 6, rule{low: 0, high: 1000_000_000, bad: "(" + d.Name + ") Preempt_delay not valid! must be between 0-1000"})
		},
	},
	{
		name: "accept", doc: "A master that is not the owner takes packets for the addresses.", example: "accept",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.accept = new(true) },
	},
	{
		name: "no_accept", doc: "A master that is not the owner drops packets for the addresses.", example: "no_accept",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.accept = new(false) },
	},
	{
		name: "strict_mode", args: "[BOOL]", doc: "Refuse what the RFCs do not allow.", example: "strict_mode true",
		set: instanceBool("invalid strict_mode %s specified", func(d *instanceDraft, v bool) { d.strict = &v }),
	},
	{
		name: "debug", args: "0..4", status: ignored, doc: "Amount of debugging output.", example: "debug 0",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 0, high: 4, bad: "(" + d.Name + ") Debug value '%s' not valid; must be between 0-4"}); ok {
				d.Debug = int(v)
			}
		},
	},
}

var authKeywords = &table[*instanceDraft]{name: "authentication", rows: []keyword[*instanceDraft]{
	{
		name: "auth_type", args: "PASS|AH", doc: "Plain password, or the IPsec authentication header.", example: "auth_type PASS",
		set: func(_ *loader, d *instanceDraft, a *syntax.Args) {
			w, ok := a.Need()
			switch {
			case !ok:
			case w == "PASS":
				d.Auth = AuthPass
			case w == "AH":
				d.Auth = AuthAH
			default:
				d.Auth = AuthNone
				a.Report(syntax.General, "(%s) unknown authentication type '%s'", d.Name, w)
			}
		},
	},
	{
		name: "auth_pass", args: "PASSWORD", doc: "Password of up to 8 bytes.", example: "auth_pass s3cr3t",
		set: func(_ *loader, d *instanceDraft, a *syntax.Args) {
			w, ok := a.Need()
			if !ok {
				return
			}
			if len(w) > 8 {
				a.Report(syntax.General, "Truncating auth_pass to 8 characters")
				w = w[:8]
			}
			d.AuthPass = w
		},
	},
}}

func setState(_ *loader, d *instanceDraft, a *syntax.Args) {
	w, ok := a.Need()
	switch {
	case !ok:
	case w == "MASTER":
		d.StateMaster, d.stateSet = true, true
	case w == "BACKUP":
		if d.StateMaster {
			a.Report(syntax.General, "(%s) state previously set as MASTER - ignoring BACKUP", d.Name)
			return
		}
		d.stateSet = true
	default:
		x := Diagnostic{Code: syntax.General, Text: "(" + d.Name + ") unknown state '" + w + "', defaulting to BACKUP"}
		switch strings.ToUpper(w) {
		case "MASTER", "BACKUP":
			x.Hint = "States are written in capitals."
		case "SLAVE":
			x.Hint = "Did you mean 'BACKUP'?"
		}
		a.Send(x)
		d.StateMaster, d.stateSet = false, true
	}
}

func setInterface(l *loader, d *instanceDraft, a *syntax.Args) {
	w, ok := a.Need()
	if !ok {
		return
	}
	if len(w) > maxInterfaceName {
		a.Report(syntax.General, "Interface name '%s' too long - ignoring", w)
		return
	}
	if !l.exists(a, w, "WARNING - interface "+w+" for vrrp_instance "+d.Name+" doesn't exist") {
		return
	}
	if link := l.machine.link(w); link != nil && link.Loopback {
		a.Report(syntax.General, "(%s) cannot use a loopback interface (%s) for vrrp - ignoring", d.Name, w)
		d.Interface = ""
		return
	}
	d.Interface = w
}

func setVRF(l *loader, d *instanceDraft, a *syntax.Args) {
	w, ok := a.Need()
	switch {
	case !ok:
	case d.More.VRF != "":
		a.Report(syntax.General, "(%s) VRF already specified - ignoring '%s'", d.Name, w)
	case d.Interface != "":
		a.Report(syntax.General, "(%s) Cannot specify VRF interface and interface - ignoring", d.Name)
	case l.exists(a, w, "("+d.Name+") WARNING - VRF interface "+w+" doesn't exist"):
		d.More.VRF = w
	}
}

// maxInterfaceName is what the kernel allows.
const maxInterfaceName = 15

// exists checks that an interface is there, or may come later. Where it is
// not, the text is reported and the daemon will not start.
func (l *loader) exists(a *syntax.Args, name, text string) bool {
	if l.machine.link(name) != nil || l.cfg.Global.DynamicInterfaces {
		return true
	}
	d := Diagnostic{Code: syntax.General, Text: text}
	if near := l.nearest(name, func() []string { return l.machine.names }); near != "" {
		d.Hint = "Did you mean '" + near + "'?"
	} else {
		d.Action = "Correct the name, or set dynamic_interfaces if it appears later."
	}
	a.Send(d)
	l.draft.missingLink = true
	return false
}

// instanceBool is the setter of an optional boolean; bad follows the name.
func instanceBool(bad string, set func(*instanceDraft, bool)) func(*loader, *instanceDraft, *syntax.Args) {
	return func(l *loader, d *instanceDraft, a *syntax.Args) {
		if v, ok := l.boolean(a, "("+d.Name+") "+bad); ok {
			set(d, v)
		}
	}
}

// readInstance reads a vrrp_instance.
func readInstance(l *loader, cfg *Config, a *syntax.Args) {
	name, ok := a.Next()
	switch {
	case !ok || a.Left() > 0:
		a.Report(syntax.General, "vrrp_instance must have a name")
		l.cur.SkipBlock()
		return
	case l.instance(name) != nil:
		a.Report(syntax.General, "vrrp instance %s already defined", name)
		l.cur.SkipBlock()
		return
	}
	d := newInstance(&cfg.Global, name, a.Line.Pos)
	cfg.Instances = append(cfg.Instances, d.Instance)
	l.draft.instances = append(l.draft.instances, d)
	l.draft.byName[name] = d
	parseOne(l, instanceKeywords(), d)
	l.endInstance(d)
}

func newInstance(g *Global, name string, pos Pos) *instanceDraft {
	return &instanceDraft{vips: map[addressKey]bool{}, excluded: map[addressKey]bool{}, peers: map[netip.Addr]bool{}, Instance: &Instance{
		Name: name, Pos: pos, AdvertInt: time.Second, Priority: 100, UnicastTTL: -1,
		DownTimerAdverts: g.DownTimerAdverts, GARP: g.GARP,
		CheckUnicastSrc: g.More.CheckUnicastSrc, SkipCheckAdvAddr: g.More.SkipCheckAdvAddr,
		V3ChecksumAsV2: g.More.V3ChecksumAsV2,
		More:           InstanceMore{GARPExtra: g.More.GARPExtra, GARPExtraAll: g.More.GARPExtraAll, IPVLANMode: "bridge"},
	}}
}

// endInstance checks what the closing brace completes.
func (l *loader) endInstance(d *instanceDraft) {
	virtual := d.UseVMAC || d.More.IPVLAN
	if d.unicastKeyword && virtual {
		if d.Interface == "" {
			l.here(syntax.General, "(%s): Cannot use VMAC/ipvlan with unicast and no interface - clearing use_vmac", d.Name)
			d.UseVMAC, d.More.IPVLAN, d.VMACXmitBase = false, false, false
		} else if !d.VMACXmitBase {
			l.here(syntax.General, "(%s) unicast with use_vmac requires vmac_xmit_base - setting", d.Name)
			d.VMACXmitBase = true
		}
	}
	if d.UnicastTTL >= 0 && len(d.Peers) == 0 {
		l.here(syntax.General, "(%s): Cannot use unicast_ttl without unicast peers - resetting", d.Name)
		d.UnicastTTL = -1
	}
}
