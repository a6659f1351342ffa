package dump

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Text gives the bytes of the data file. Without transient the lines that change
// all the time are left out, as in what --dump-conf logs.
func (d *Data) Text(transient bool) []byte {
	p := &printer{transient: transient}
	p.global(&d.Global, false)
	p.addresses("Static Addresses", d.Static)
	p.lines("Static Routes", d.StaticRoutes)
	p.lines("Static Rules", d.StaticRules)
	p.section("Static Track groups", len(d.TrackGroups), func(i int) { p.trackGroup(&d.TrackGroups[i]) })
	p.instances(d.Instances)
	p.section("VRRP Sockpool", len(d.Sockets), func(i int) { p.socket(&d.Sockets[i]) })
	p.section("VRRP Sync groups", len(d.Groups), func(i int) { p.group(&d.Groups[i]) })
	p.section("VRRP Scripts", len(d.Scripts), func(i int) { p.script(&d.Scripts[i]) })
	p.section("VRRP Track files", len(d.Files), func(i int) { p.file(&d.Files[i]) })
	p.section("VRRP Track processes", len(d.Processes), func(i int) { p.process(&d.Processes[i]) })
	p.section("VRRP Track BFDs", len(d.BFDs), func(i int) { p.bfd(&d.BFDs[i]) })
	p.section("Interfaces", len(d.Interfaces), func(i int) { p.iface(&d.Interfaces[i]) })
	if d.Past && transient {
		p.past(d)
	}
	return p.b.Bytes()
}

// ParentText gives the bytes of the file that keepalived's parent process
// writes: the global definitions alone.
func (g *Global) ParentText() []byte {
	p := &printer{transient: true}
	p.global(g, true)
	return p.b.Bytes()
}

// printer collects lines.
type printer struct {
	b         bytes.Buffer
	transient bool
}

func (p *printer) head(title string) { fmt.Fprintf(&p.b, "------< %s >------\n", title) }

// section prints a list under its title, if there is anything in it.
func (p *printer) section(title string, n int, each func(int)) {
	if n == 0 {
		return
	}
	p.head(title)
	for i := range n {
		each(i)
	}
}

// instances prints the instances, large numbers of them on all processors: whoever
// has sent the signal waits.
func (p *printer) instances(list []Instance) {
	if len(list) > 0 {
		p.head("VRRP Topology")
	}
	const few = 64
	parts := make([]printer, max(1, min(runtime.GOMAXPROCS(0), len(list)/few)))
	var wait sync.WaitGroup
	for i := range parts {
		part := &parts[i]
		part.transient = p.transient
		mine := list[i*len(list)/len(parts) : (i+1)*len(list)/len(parts)]
		part.b.Grow(3072 * len(mine)) // about, so that it is not copied over and over
		wait.Go(func() {
			for i := range mine {
				part.instance(&mine[i])
			}
		})
	}
	wait.Wait()
	for i := range parts {
		p.b.Write(parts[i].b.Bytes())
	}
}

// line prints a line behind so many blanks.
func (p *printer) line(indent int, format string, args ...any) {
	const blanks = "     "
	b := append(p.b.AvailableBuffer(), blanks[:indent]...)
	b = fmt.Appendf(b, format, args...)
	p.b.Write(append(b, '\n'))
}

func (p *printer) when(cond bool, indent int, format string, args ...any) {
	if cond {
		p.line(indent, format, args...)
	}
}

func (p *printer) lines(title string, list []string) {
	p.section(title, len(list), func(i int) { p.line(5, "%s", list[i]) })
}

func (p *printer) addresses(title string, list []Address) {
	p.section(title, len(list), func(i int) { p.line(5, "%s", &list[i]) })
}

// String is the address as the files show it.
func (a *Address) String() string {
	var b strings.Builder
	if a.Prefix.IsSingleIP() {
		b.WriteString(a.Prefix.Addr().String())
	} else {
		b.WriteString(a.Prefix.String())
	}
	if a.Broadcast.IsValid() {
		b.WriteString(" brd " + a.Broadcast.String())
	}
	b.WriteString(" dev " + a.Interface)
	if a.Base != "" {
		b.WriteString("@" + a.Base)
	}
	add := func(cond bool, text string) {
		if cond {
			b.WriteString(text)
		}
	}
	add(a.UseVMAC, " use_vmac")
	b.WriteString(" scope " + scope(a.Scope))
	add(a.Label != "", " label "+a.Label)
	add(a.Peer.IsValid(), " peer "+a.Peer.String())
	add(a.Home, " home")
	add(a.DAD, " -nodad")
	add(a.MngTmpAddr, " mngtmpaddr")
	add(a.NoPrefixRoute, " noprefixroute")
	add(a.AutoJoin, " autojoin")
	add(a.NoTrack, " no_track")
	add(a.TrackGroup != "", " track_group "+a.TrackGroup)
	if a.Prefix.Addr().Is6() {
		switch a.PreferredLft {
		case 0:
			b.WriteString(" deprecated")
		case 1<<32 - 1:
			b.WriteString(" preferred_lft forever")
		default:
			b.WriteString(" preferred_lft " + strconv.FormatUint(uint64(a.PreferredLft), 10))
		}
	}
	add(a.Set, " set")
	return b.String()
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
		p.line(3, "%s state transition script = %s, params = %s", kind, c.Path, c.withUser())
	default:
		p.line(3, "%s state transition script = %s", kind, c.withUser())
	}
}

// tracks prints a track_* block; sep stands between name and weight.
func (p *printer) tracks(title, sep string, list []Track) {
	p.when(len(list) > 0, 3, "%s :", title)
	for i := range list {
		p.line(5, "%s", list[i].text(sep))
	}
}

func (t *Track) text(sep string) string {
	return fmt.Sprintf("%s%s weight %s", t.Name, sep, weight(t.Weight, t.Reverse))
}

func weight(w int, reverse bool) string {
	if reverse {
		return strconv.Itoa(w) + " reverse"
	}
	return strconv.Itoa(w)
}

// instant prints a time in seconds since 1970.
func instant(t time.Time) string {
	if t.IsZero() {
		return "0.000000"
	}
	return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
}

// moment prints a time twice, for machines and for people.
func moment(t time.Time) string {
	if t.IsZero() {
		t = time.Unix(0, 0).UTC()
	}
	return instant(t) + t.Format(" (Mon Jan _2 15:04:05.000000 2006)")
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// shortest prints seconds with as few digits as they need.
func shortest(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func address(a netip.Addr) string {
	if !a.IsValid() {
		return "(none)"
	}
	return a.WithZone("").String()
}

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
