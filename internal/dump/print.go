package dump

import (
	"iter"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Text gives the bytes of the data file. Without transient the lines that change
// all the time are left out, as in what --dump-conf logs.
func (d *Data) Text(transient bool) []byte { return joined(d.Pieces(transient)) }

// Pieces gives the same bytes one after the other, for whoever writes them. A piece
// is valid until the next is asked for.
func (d *Data) Pieces(transient bool) iter.Seq[[]byte] {
	once := func(print func(p *printer)) iter.Seq[[]byte] {
		return pieces(1, transient, func(p *printer, _ int) { print(p) })
	}
	all := []iter.Seq[[]byte]{
		once(func(p *printer) { p.before(d) }),
		pieces(len(d.Instances), transient, func(p *printer, i int) { p.instance(&d.Instances[i]) }),
		once(func(p *printer) { p.behind(d) }),
	}
	if d.Past && transient {
		all = append(all,
			once(func(p *printer) { p.head("Holdfast: what happened and why") }),
			pieces(len(d.Instances), transient, func(p *printer, i int) { p.past(&d.Instances[i]) }),
			once(func(p *printer) { p.lateness(d.Timers) }))
	}
	return func(yield func([]byte) bool) {
		for _, part := range all {
			for b := range part {
				if !yield(b) {
					return
				}
			}
		}
	}
}

// before prints what stands before the instances.
func (p *printer) before(d *Data) {
	p.global(&d.Global, false)
	p.addresses("Static Addresses", d.Static)
	p.lines("Static Routes", d.StaticRoutes)
	p.lines("Static Rules", d.StaticRules)
	p.section("Static Track groups", len(d.TrackGroups), func(i int) { p.trackGroup(&d.TrackGroups[i]) })
	if len(d.Instances) > 0 {
		p.head("VRRP Topology")
	}
}

// behind prints what keepalived has behind the instances.
func (p *printer) behind(d *Data) {
	p.section("VRRP Sockpool", len(d.Sockets), func(i int) { p.socket(&d.Sockets[i]) })
	p.section("VRRP Sync groups", len(d.Groups), func(i int) { p.group(&d.Groups[i]) })
	p.section("VRRP Scripts", len(d.Scripts), func(i int) { p.script(&d.Scripts[i]) })
	p.section("VRRP Track files", len(d.Files), func(i int) { p.file(&d.Files[i]) })
	p.section("VRRP Track processes", len(d.Processes), func(i int) { p.process(&d.Processes[i]) })
	p.section("VRRP Track BFDs", len(d.BFDs), func(i int) { p.bfd(&d.BFDs[i]) })
	p.section("Interfaces", len(d.Interfaces), func(i int) { p.iface(&d.Interfaces[i]) })
}

// ParentText gives the bytes of the file that keepalived's parent process
// writes: the global definitions alone.
func (g *Global) ParentText() []byte {
	p := &printer{transient: true}
	p.global(g, true)
	return p.b
}

func (p *printer) lines(title string, list []string) {
	p.section(title, len(list), func(i int) { p.put(5, list[i]) })
}

func (p *printer) addresses(title string, list []Address) {
	p.section(title, len(list), func(i int) { p.address(5, &list[i]) })
}

// String is the address as the files show it.
func (a *Address) String() string { return string(a.appendTo(make([]byte, 0, 96))) }

// appendTo appends the address as the files show it.
func (a *Address) appendTo(b []byte) []byte {
	add := func(cond bool, text, more string) {
		if cond {
			b = append(append(b, text...), more...)
		}
	}
	b = appendPlain(b, a.Prefix)
	if a.Broadcast.IsValid() {
		b = a.Broadcast.AppendTo(append(b, " brd "...))
	}
	add(true, " dev ", a.Interface)
	add(a.Base != "", "@", a.Base)
	add(a.UseVMAC, " use_vmac", "")
	add(true, " scope ", scope(a.Scope))
	add(a.Label != "", " label ", a.Label)
	if a.Peer.IsValid() {
		b = a.Peer.AppendTo(append(b, " peer "...))
	}
	add(a.Home, " home", "")
	add(a.DAD, " -nodad", "")
	add(a.MngTmpAddr, " mngtmpaddr", "")
	add(a.NoPrefixRoute, " noprefixroute", "")
	add(a.AutoJoin, " autojoin", "")
	add(a.NoTrack, " no_track", "")
	add(a.TrackGroup != "", " track_group ", a.TrackGroup)
	if a.Prefix.Addr().Is6() {
		add(a.PreferredLft == 0, " deprecated", "")
		add(a.PreferredLft == forever, " preferred_lft forever", "")
		if a.PreferredLft > 0 && a.PreferredLft < forever {
			b = strconv.AppendUint(append(b, " preferred_lft "...), uint64(a.PreferredLft), 10)
		}
	}
	add(a.Set, " set", "")
	return b
}

// forever is a lifetime without end (INFINITY_LIFE_TIME of linux/if_addr.h).
const forever = 1<<32 - 1

// appendPlain appends a prefix, without the length of a single address.
func appendPlain(b []byte, p netip.Prefix) []byte {
	if p.IsSingleIP() {
		return p.Addr().AppendTo(b)
	}
	return p.AppendTo(b)
}

// scope names a scope as rtnetlink does.
func scope(s uint8) string {
	switch s {
	case 0:
		return "global"
	case 200:
		return "site"
	case 253:
		return "link"
	case 254:
		return "host"
	case 255:
		return "nowhere"
	}
	return strconv.Itoa(int(s))
}

// String is the command with each word in single quotes.
func (c *Command) String() string {
	if c.FileTest != "" {
		return c.FileTest
	}
	words := make([]string, len(c.Argv))
	for i, w := range c.Argv {
		words[i] = "'" + w + "'"
	}
	return strings.Join(words, " ")
}

// moved tells whether another path is executed than the one configured.
func (c *Command) moved() bool {
	return c.FileTest == "" && c.Path != "" && len(c.Argv) > 0 && c.Path != c.Argv[0]
}

func (p *printer) notify(kind string, c *Command) {
	switch {
	case c == nil:
	case c.moved():
		p.put(3, kind, " state transition script = ", c.Path, ", params = ", c.withUser())
	default:
		p.put(3, kind, " state transition script = ", c.withUser())
	}
}

// tracks prints a track_* block; sep stands between name and weight.
func (p *printer) tracks(title, sep string, list []Track) {
	if len(list) > 0 {
		p.put(3, title, " :")
		p.trackLines(sep, list)
	}
}

func (p *printer) trackLines(sep string, list []Track) {
	for i := range list {
		p.put(5, list[i].Name, sep, " weight ", weight(list[i].Weight, list[i].Reverse))
	}
}

func weight(w int, reverse bool) string {
	if reverse {
		return strconv.Itoa(w) + " reverse"
	}
	return strconv.Itoa(w)
}

// appendInstant appends a time in seconds since 1970.
func appendInstant(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, "0.000000"...)
	}
	return appendMicro(append(strconv.AppendInt(b, t.Unix(), 10), '.'), t.Nanosecond()/1000)
}

// appendMicro appends a number below a million with all of its six digits.
func appendMicro(b []byte, n int) []byte {
	b = append(b, "000000"...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// appendMoment appends a time twice, for machines and for people.
func appendMoment(b []byte, t time.Time) []byte {
	if t.IsZero() {
		t = time.Unix(0, 0).UTC()
	}
	return t.AppendFormat(appendInstant(b, t), " (Mon Jan _2 15:04:05.000000 2006)")
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// shortest prints seconds with as few digits as they need.
func shortest(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func address(a netip.Addr) string { return string(appendAddress(nil, a)) }

func mac(b []byte) string { return net.HardwareAddr(b).String() }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func enabled(b bool) string {
	if b {
		return "enabled"
	}
	return "disabled"
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
