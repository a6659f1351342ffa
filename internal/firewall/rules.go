package firewall

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// metaOIFKind is NFT_META_OIFKIND: the kind of the interface a packet leaves by.
const metaOIFKind = 27

// ICMPv6 types (RFC 4861, RFC 2710, RFC 3810).
const (
	routerSolicit   = 133
	neighborSolicit = 135
	neighborAdvert  = 136
	mldReport       = 131
	mld2Report      = 143
	protocolIGMP    = 2
)

// Registers of the nftables machine: reg1 and reg2 are 16 bytes each, and follow
// each other.
const (
	reg1 = unix.NFT_REG_1
	reg2 = unix.NFT_REG_2
)

// family is one of the two tables.
type family struct {
	opt   *Options
	v6    bool
	table *nftables.Table
	sets  map[string]*nftables.Set
}

func newFamily(o *Options, v6 bool) *family {
	f := &family{opt: o, v6: v6, table: &nftables.Table{Name: o.Table, Family: nftables.TableFamilyIPv4}}
	if v6 {
		f.table.Family = nftables.TableFamilyIPv6
	}
	return f
}

// build replaces the table, whatever it holds, with what the image needs.
func (f *family) build(c *nftables.Conn, m Image) error {
	c.AddTable(f.table) // or there may be nothing to delete
	c.DelTable(f.table)
	if len(m) == 0 {
		return nil
	}
	c.AddTable(f.table)
	f.sets = map[string]*nftables.Set{}
	for _, name := range setOrder {
		if m[name] == nil {
			continue
		}
		s := f.set(name)
		if err := c.AddSet(s, elements(m[name], s.IsMap)); err != nil {
			return err
		}
		f.sets[name] = s
	}
	if err := f.constants(c); err != nil {
		return err
	}
	f.rules(c)
	return nil
}

// setOrder is the order in which sets are made.
var setOrder = []string{mapVMACs, setParent, setVMACs, setVIPs, setLL, setLLName}

func (f *family) set(name string) *nftables.Set {
	s := &nftables.Set{Table: f.table, Name: name, KeyType: nftables.TypeIPAddr}
	if f.v6 {
		s.KeyType = nftables.TypeIP6Addr
	}
	byIndex := nftables.MustConcatSetType(nftables.TypeIP6Addr, nftables.TypeIFIndex)
	byName := nftables.MustConcatSetType(nftables.TypeIP6Addr, nftables.TypeIFName)
	switch name {
	case mapVMACs:
		s.KeyType, s.DataType, s.IsMap, s.KeyByteOrder = nftables.TypeIFIndex, nftables.TypeIFIndex, true, binaryutil.NativeEndian
	case setVMACs:
		s.KeyType, s.KeyByteOrder = nftables.TypeIFIndex, binaryutil.NativeEndian
	case setLL:
		s.KeyType, s.Concatenation = byIndex, true
	case setLLName:
		s.KeyType, s.Concatenation = byName, true
	case setParent:
		s.KeyType, s.Concatenation = byName, true
		if f.opt.ByIndex {
			s.KeyType = byIndex
		}
	}
	return s
}

// constants makes the sets that never change.
func (f *family) constants(c *nftables.Conn) error {
	for _, x := range []struct {
		name  string
		where string // it is needed if this set is there
		types []byte
	}{
		{setND, setVIPs, []byte{neighborSolicit, neighborAdvert}},
		{setMLD, setVMACs, []byte{mldReport, mld2Report}},
	} {
		if !f.v6 || f.sets[x.where] == nil {
			continue
		}
		s := &nftables.Set{Table: f.table, Name: x.name, KeyType: nftables.TypeICMP6Type, Constant: true}
		var all []nftables.SetElement
		for _, t := range x.types {
			all = append(all, nftables.SetElement{Key: []byte{t}})
		}
		if err := c.AddSet(s, all); err != nil {
			return err
		}
		f.sets[x.name] = s
	}
	return nil
}

// rules makes the chains and their rules. The order matters over IPv6: what is
// dropped on virtual MAC interfaces comes before neighbour discovery is let
// through.
func (f *family) rules(c *nftables.Conn) {
	out := f.hook(c, "out", nftables.ChainHookOutput)
	if !f.v6 {
		f.ipv4(c, out)
		return
	}
	icmp := func(t byte) []expr.Any { return append(icmp6(), equal([]byte{t})) }
	if f.sets[setParent] != nil {
		f.rule(c, out, icmp(neighborAdvert), onMacvlan(), f.where(srcIP6, unix.NFT_META_OIFNAME, setParent), drop())
	}
	if f.sets[setVMACs] != nil {
		f.rule(c, out, icmp6(), f.among(setMLD), onMacvlan(), f.reports(dstIP6), drop())
		f.rule(c, out, icmp(routerSolicit), onMacvlan(), meta(unix.NFT_META_OIF, reg1), f.among(setVMACs), drop())
	}
	if f.sets[setVIPs] == nil {
		return
	}
	in := f.hook(c, "in", nftables.ChainHookInput)
	for _, d := range []struct {
		chain     *nftables.Chain
		local     string
		at        place
		dev, name uint32
	}{
		{out, "out_link_local", srcIP6, unix.NFT_META_OIF, unix.NFT_META_OIFNAME},
		{in, "in_link_local", dstIP6, unix.NFT_META_IIF, unix.NFT_META_IIFNAME},
	} {
		f.rule(c, d.chain, icmp6(), f.among(setND), verdict(expr.VerdictAccept, ""))
		if f.sets[setLL] != nil || f.sets[setLLName] != nil {
			local := c.AddChain(&nftables.Chain{Table: f.table, Name: d.local})
			f.rule(c, d.chain, payload(d.at), linkLocal(), verdict(expr.VerdictGoto, d.local))
			if f.sets[setLL] != nil {
				f.rule(c, local, f.where(d.at, d.dev, setLL), drop())
			}
			if f.sets[setLLName] != nil {
				f.rule(c, local, f.where(d.at, d.name, setLLName), drop())
			}
		}
		f.rule(c, d.chain, payload(d.at), f.among(setVIPs), drop())
	}
}

func (f *family) ipv4(c *nftables.Conn, out *nftables.Chain) {
	if f.sets[mapVMACs] != nil || f.sets[setVMACs] != nil {
		f.rule(c, out, append(payload(protoIP4), equal([]byte{protocolIGMP})), onMacvlan(), f.reports(dstIP4), drop())
	}
	if f.sets[setVIPs] != nil {
		f.rule(c, out, payload(srcIP4), f.among(setVIPs), drop())
		in := f.hook(c, "in", nftables.ChainHookInput)
		f.rule(c, in, payload(dstIP4), f.among(setVIPs), drop())
	}
}

func (f *family) hook(c *nftables.Conn, name string, hook *nftables.ChainHook) *nftables.Chain {
	priority := nftables.ChainPriority(f.opt.Priority)
	return c.AddChain(&nftables.Chain{Table: f.table, Name: name, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: &priority})
}

// rule adds a rule of several parts; the counter stands before the verdict.
func (f *family) rule(c *nftables.Conn, chain *nftables.Chain, parts ...[]expr.Any) {
	var all []expr.Any
	for i, p := range parts {
		if i == len(parts)-1 && f.opt.Counters {
			all = append(all, &expr.Counter{})
		}
		all = append(all, p...)
	}
	c.AddRule(&nftables.Rule{Table: f.table, Chain: chain, Exprs: all})
}

// place is a field of a packet.
type place struct {
	base  expr.PayloadBase
	at, n uint32
}

var (
	protoIP4 = place{expr.PayloadBaseNetworkHeader, 9, 1}
	srcIP4   = place{expr.PayloadBaseNetworkHeader, 12, 4}
	dstIP4   = place{expr.PayloadBaseNetworkHeader, 16, 4}
	srcIP6   = place{expr.PayloadBaseNetworkHeader, 8, 16}
	dstIP6   = place{expr.PayloadBaseNetworkHeader, 24, 16}
	icmpType = place{expr.PayloadBaseTransportHeader, 0, 1}
)

func payload(p place) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: reg1, Base: p.base, Offset: p.at, Len: p.n}}
}

func equal(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg1, Data: data} }

func meta(k uint32, register uint32) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKey(k), Register: register}}
}

// icmp6 leaves the type of an ICMPv6 message in reg1.
func icmp6() []expr.Any {
	return append(append(meta(unix.NFT_META_L4PROTO, reg1), equal([]byte{unix.IPPROTO_ICMPV6})), payload(icmpType)...)
}

// onMacvlan lets through what leaves by an interface of that kind.
func onMacvlan() []expr.Any { return append(meta(metaOIFKind, reg1), equal(nameKey("macvlan"))) }

// linkLocal lets through what is in fe80::/10 in reg1.
func linkLocal() []expr.Any {
	mask, want := make([]byte, 16), make([]byte, 16)
	mask[0], mask[1], want[0], want[1] = 0xff, 0xc0, 0xfe, 0x80
	return []expr.Any{
		&expr.Bitwise{SourceRegister: reg1, DestRegister: reg1, Len: 16, Mask: mask, Xor: make([]byte, 16)},
		equal(want),
	}
}

// among lets through what is in reg1 and in the set.
func (f *family) among(set string) []expr.Any {
	s := f.sets[set]
	return []expr.Any{&expr.Lookup{SourceRegister: reg1, SetName: s.Name, SetID: s.ID}}
}

// where lets through an address on an interface, both in the set.
func (f *family) where(p place, dev uint32, set string) []expr.Any {
	if set == setParent && f.opt.ByIndex {
		dev = unix.NFT_META_OIF
	}
	return slices.Concat(payload(p), meta(dev, reg2), f.among(set))
}

// reports lets through those that leave by a virtual MAC interface, after a copy has
// been sent by its base where that can be.
func (f *family) reports(to place) []expr.Any {
	if f.sets[mapVMACs] == nil {
		return append(meta(unix.NFT_META_OIF, reg1), f.among(setVMACs)...)
	}
	return f.toBase(payload(to))
}

// toBase sends a copy to the interface below the virtual one.
func (f *family) toBase(to []expr.Any) []expr.Any {
	s := f.sets[mapVMACs]
	return slices.Concat(to, meta(unix.NFT_META_OIF, reg2), []expr.Any{
		&expr.Lookup{SourceRegister: reg2, DestRegister: reg2, IsDestRegSet: true, SetName: s.Name, SetID: s.ID},
		&expr.Dup{RegAddr: reg1, RegDev: reg2, IsRegDevSet: true},
	})
}

func drop() []expr.Any { return verdict(expr.VerdictDrop, "") }

func verdict(k expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: k, Chain: chain}}
}
