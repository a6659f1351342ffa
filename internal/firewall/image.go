package firewall

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables/binaryutil"
)

// Options say what the tables are like.
type Options struct {
	Table    string // the name of both tables; "keepalived" is usual
	Priority int    // of the chains, as in "filter + N"; keepalived has -1
	Counters bool   // in every rule
	ByIndex  bool   // name interfaces by their index also where a name would do
	// NoCopies drops reports about groups on virtual MAC interfaces, where otherwise
	// they leave by the base: there are kernels without the statement for it.
	NoCopies bool
}

// Drop is an address that packets are not let through for.
type Drop struct {
	Addr netip.Addr
	// For a link-local address: the interface that it is on, by index or, when
	// that is 0, by name, which survives the interface.
	Index int
	Name  string
}

// VMAC is a virtual MAC interface.
type VMAC struct {
	Name        string
	Index, Base int  // its own index and that of the interface it sits on
	IPv4, IPv6  bool // the families that it carries
	// BaseLinkLocal is the IPv6 address that it shares with its base.
	BaseLinkLocal netip.Addr
	// IGMPAllowed leaves IGMP alone (disable_local_igmp).
	IGMPAllowed bool
}

// Wanted is the whole state.
type Wanted struct {
	Drops []Drop
	VMACs []VMAC
}

// Names of the sets, which are keepalived's: other programs may know them.
const (
	setVIPs      = "vips"
	setLL        = "vips_link_local"
	setLLName    = "vips_link_local_name"
	setParent    = "parent_link_local"
	setVMACs     = "vmac_set"
	setND        = "neighbor-discovery"
	setMLD       = "mld-report"
	mapVMACs     = "vmac_map"
	ifNameLength = 16
)

// Image is what is to be in the sets of one family: set, key, value. A set that
// is not there has no rules either; one that is empty has.
type Image map[string]map[string]string

// key makes the bytes of a set element out of its parts.
func key(parts ...[]byte) string {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return string(b)
}

func addrKey(a netip.Addr) []byte { return a.AsSlice() }

func indexKey(i int) []byte { return binaryutil.NativeEndian.PutUint32(uint32(i)) }

func nameKey(name string) []byte {
	b := make([]byte, ifNameLength)
	copy(b, name)
	return b
}

func (m Image) put(set, key, value string) {
	if m[set] == nil {
		m[set] = map[string]string{}
	}
	m[set][key] = value
}

// putVMAC makes reports about groups leave by the base, or nowhere.
func (m Image) putVMAC(v *VMAC, o *Options) {
	if o.NoCopies {
		m.put(setVMACs, key(indexKey(v.Index)), "")
		return
	}
	m.put(mapVMACs, key(indexKey(v.Index)), key(indexKey(v.Base)))
}

// images are the contents of the IPv4 and of the IPv6 table.
func images(w *Wanted, o *Options) [2]Image {
	v4, v6 := Image{}, Image{}
	for _, d := range w.Drops {
		switch {
		case d.Addr.Is4():
			v4.put(setVIPs, key(addrKey(d.Addr)), "")
		case !d.Addr.IsLinkLocalUnicast():
			v6.put(setVIPs, key(addrKey(d.Addr)), "")
		case d.Index > 0:
			v6.put(setLL, key(addrKey(d.Addr.WithZone("")), indexKey(d.Index)), "")
		default:
			v6.put(setLLName, key(addrKey(d.Addr.WithZone("")), nameKey(d.Name)), "")
		}
	}
	for _, m := range w.VMACs {
		if m.IPv4 && !m.IGMPAllowed {
			v4.putVMAC(&m, o)
		}
		if !m.IPv6 {
			continue
		}
		v6.putVMAC(&m, o)
		v6.put(setVMACs, key(indexKey(m.Index)), "")
		if m.BaseLinkLocal.IsValid() {
			last := nameKey(m.Name)
			if o.ByIndex {
				last = indexKey(m.Index)
			}
			v6.put(setParent, key(addrKey(m.BaseLinkLocal.WithZone("")), last), "")
		}
	}
	v4.complete()
	v6.complete()
	if v6[setVMACs] != nil {
		v6.ensure(setParent)
	}
	return [2]Image{v4, v6}
}

// complete adds the empty sets that rules refer to: all link-local ones belong
// to the same chains.
func (m Image) complete() {
	if m[setLL] != nil || m[setLLName] != nil {
		m.ensure(setVIPs)
	}
}

func (m Image) ensure(set string) {
	if m[set] == nil {
		m[set] = map[string]string{}
	}
}

// covers tells whether every set that other has is here too.
func (m Image) covers(other Image) bool {
	for set := range other {
		if m[set] == nil {
			return false
		}
	}
	return true
}

// Text is the image in words, sorted, for tests and logs.
func (m Image) Text() string {
	var b strings.Builder
	for _, set := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s:", set)
		for _, k := range slices.Sorted(maps.Keys(m[set])) {
			fmt.Fprintf(&b, " %s", words(set, k, m[set][k]))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// words is an element in words.
func words(set, k, v string) string {
	index := func(s string) string { return fmt.Sprint(binaryutil.NativeEndian.Uint32([]byte(s))) }
	switch set {
	case mapVMACs:
		return index(k) + ":" + index(v)
	case setVMACs:
		return index(k)
	}
	n := 4
	if len(k) >= 16 {
		n = 16
	}
	addr, _ := netip.AddrFromSlice([]byte(k[:n]))
	switch rest := k[n:]; len(rest) {
	case 0:
		return addr.String()
	case 4:
		return addr.String() + "." + index(rest)
	default:
		return addr.String() + "." + strings.TrimRight(rest, "\x00")
	}
}
