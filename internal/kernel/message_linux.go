package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes that golang.org/x/sys/unix has no names for.
const (
	ifaProto             = 11 // IFA_PROTO, since Linux 5.18
	rtextFilterSkipStats = 1 << 3
	attrType             = 0x3fff // NLA_TYPE_MASK: the type of an attribute without its flags
)

var errShort = errors.New("netlink message too short")

// addressRequest builds the request to add or delete an address on the link
// with the index. IFA_PROTO is left out unless proto is set.
//
// IFA_ADDRESS is always sent, equal to IFA_LOCAL unless there is a peer. For
// adding it would not be needed without one; in a deletion the kernel compares
// the prefix length of IPv4 addresses only if it is there, and would otherwise
// delete the first entry with that address, whatever its network.
func addressRequest(op Op, index int, a Address, proto bool) (request, error) {
	addr := a.Prefix.Addr()
	if !a.Prefix.IsValid() || addr.Is4In6() {
		return request{}, fmt.Errorf("not an address with a prefix length: %v", a.Prefix)
	}
	far, bits := addr, a.Prefix.Bits()
	if a.Peer.IsValid() {
		far, bits = a.Peer.Addr(), a.Peer.Bits()
	}
	if addr.Is4() != far.Is4() || a.Broadcast.IsValid() && addr.Is4() != a.Broadcast.Is4() {
		return request{}, errors.New("addresses of both families in one")
	}
	family := unix.AF_INET6
	if addr.Is4() {
		family = unix.AF_INET
	}
	msg := nl.NewIfAddrmsg(family)
	msg.Prefixlen = uint8(bits)
	msg.Index = uint32(index)
	parts := []nl.NetlinkRequestData{
		msg,
		nl.NewRtAttr(unix.IFA_LOCAL, addr.AsSlice()),
		nl.NewRtAttr(unix.IFA_ADDRESS, far.AsSlice()),
	}
	if op == OpDelete {
		// Nothing more: label and the rest may differ in an adopted address.
		return request{typ: unix.RTM_DELADDR, flags: unix.NLM_F_ACK, parts: parts}, nil
	}
	msg.Scope = a.Scope
	if addr.Is4() {
		if a.Broadcast.IsValid() {
			parts = append(parts, nl.NewRtAttr(unix.IFA_BROADCAST, a.Broadcast.AsSlice()))
		}
		if a.Label != "" {
			parts = append(parts, nl.NewRtAttr(unix.IFA_LABEL, nl.ZeroTerminated(a.Label)))
		}
	}
	if flags := a.flags(); flags != 0 {
		parts = append(parts, nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(uint32(flags))))
	}
	if !addr.Is4() {
		info := nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{Prefered: a.PreferredLft, Valid: Forever}}
		parts = append(parts, nl.NewRtAttr(unix.IFA_CACHEINFO, info.Serialize()))
	}
	if proto {
		parts = append(parts, nl.NewRtAttr(ifaProto, nl.Uint8Attr(Protocol)))
	}
	flags := uint16(unix.NLM_F_ACK)
	if op == OpReplace {
		flags |= unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	}
	return request{typ: unix.RTM_NEWADDR, flags: flags, parts: parts}, nil
}

// flags returns the flags to set an address with. Those that are for IPv6 only
// would be stored with an IPv4 address all the same, so they are left out.
func (a Address) flags() AddrFlags {
	var f AddrFlags
	set := func(on bool, flag AddrFlags) {
		if on {
			f |= flag
		}
	}
	ipv6 := !a.Prefix.Addr().Is4()
	set(ipv6 && !a.DAD, FlagNoDAD)
	set(ipv6 && a.Home, FlagHomeAddress)
	set(ipv6 && a.MngTmpAddr, FlagManageTemp)
	set(a.NoPrefixRoute, FlagNoPrefixRoute)
	set(a.AutoJoin, FlagMCAutoJoin)
	return f
}

// listLinks is the request for all links, without their counters.
func listLinks() request {
	return request{
		typ:   unix.RTM_GETLINK,
		flags: unix.NLM_F_DUMP,
		parts: []nl.NetlinkRequestData{
			nl.NewIfInfomsg(unix.AF_UNSPEC),
			nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(rtextFilterSkipStats)),
		},
	}
}

// listAddresses is the request for all addresses of a family.
func listAddresses(family int) request {
	return request{typ: unix.RTM_GETADDR, flags: unix.NLM_F_DUMP, parts: []nl.NetlinkRequestData{nl.NewIfAddrmsg(family)}}
}

// parseLink reads the body of RTM_NEWLINK or RTM_DELLINK. It returns nil for a
// message that is not about the link itself: a bridge reports its ports, even
// their removal from it, as links of family AF_BRIDGE, and wireless drivers
// send reports that hold nothing but an event of theirs.
func parseLink(body []byte) (*Link, error) {
	if len(body) < unix.SizeofIfInfomsg {
		return nil, errShort
	}
	msg := nl.DeserializeIfInfomsg(body)
	if msg.Family != unix.AF_UNSPEC {
		return nil, nil
	}
	attrs, err := attributes(body[unix.SizeofIfInfomsg:])
	if err != nil {
		return nil, err
	}
	l := &Link{Index: int(msg.Index), HWType: msg.Type}
	l.setFlags(msg.Flags)
	elsewhere := false
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFLA_WIRELESS:
			if msg.Change == 0 {
				return nil, nil
			}
		case unix.IFLA_LINK_NETNSID:
			elsewhere = true
		default:
			readLinkAttr(l, a)
		}
	}
	if elsewhere {
		l.Lower = 0
	}
	return l, nil
}

func readLinkAttr(l *Link, a syscall.NetlinkRouteAttr) {
	number := func(to *uint32) {
		if len(a.Value) >= 4 {
			*to = nl.NativeEndian().Uint32(a.Value)
		}
	}
	var n uint32
	switch a.Attr.Type {
	case unix.IFLA_IFNAME:
		l.Name = unix.ByteSliceToString(a.Value)
	case unix.IFLA_MTU:
		number(&n)
		l.MTU = int(n)
	case unix.IFLA_GROUP:
		number(&l.Group)
	case unix.IFLA_LINK:
		number(&n)
		l.Lower = int(n)
	case unix.IFLA_MASTER:
		number(&n)
		l.Master = int(n)
	case unix.IFLA_ADDRESS:
		l.HardwareAddr = net.HardwareAddr(slices.Clone(a.Value))
	case unix.IFLA_BROADCAST:
		l.HardwareBroadcast = net.HardwareAddr(slices.Clone(a.Value))
	case unix.IFLA_LINKINFO:
		readLinkInfo(l, a.Value)
	}
}

// readLinkInfo reads what kind of link it is. One that cannot be read is plain.
func readLinkInfo(l *Link, info []byte) {
	attrs, err := attributes(info)
	if err != nil {
		return
	}
	var data []byte
	for _, a := range attrs {
		switch a.Attr.Type & attrType {
		case unix.IFLA_INFO_KIND:
			l.Kind = unix.ByteSliceToString(a.Value)
		case unix.IFLA_INFO_DATA:
			data = a.Value
		}
	}
	attrs, err = attributes(data)
	if err != nil {
		return
	}
	for _, a := range attrs {
		switch typ := a.Attr.Type & attrType; {
		case l.Kind == kindMacvlan && typ == unix.IFLA_MACVLAN_MODE && len(a.Value) >= 4:
			l.Mode = nl.NativeEndian().Uint32(a.Value)
		case l.Kind == kindIPVLAN && typ == unix.IFLA_IPVLAN_FLAGS && len(a.Value) >= 2:
			l.Mode = uint32(nl.NativeEndian().Uint16(a.Value))
		}
	}
}

// parseAddr reads the body of RTM_NEWADDR or RTM_DELADDR. The index is 0 for an
// address that is neither IPv4 nor IPv6.
func parseAddr(body []byte) (index int, s AddrState, err error) {
	if len(body) < unix.SizeofIfAddrmsg {
		return 0, s, errShort
	}
	msg := nl.DeserializeIfAddrmsg(body)
	if msg.Family != unix.AF_INET && msg.Family != unix.AF_INET6 {
		return 0, s, nil
	}
	attrs, err := attributes(body[unix.SizeofIfAddrmsg:])
	if err != nil {
		return 0, s, err
	}
	s = AddrState{
		Scope: msg.Scope, Flags: AddrFlags(msg.IfAddrmsg.Flags),
		PreferredLft: Forever, ValidLft: Forever,
	}
	var local, far netip.Addr
	for _, a := range attrs {
		readAddrAttr(&s, &local, &far, a)
	}
	// IPv4 has both attributes, IPv6 only IFA_ADDRESS unless there is a peer.
	if !local.IsValid() {
		local = far
	}
	if !local.IsValid() || local.Is4() != (msg.Family == unix.AF_INET) {
		return 0, s, errors.New("netlink message without an address")
	}
	s.Prefix = netip.PrefixFrom(local, int(msg.Prefixlen))
	if far.IsValid() && far != local {
		s.Prefix = netip.PrefixFrom(local, local.BitLen())
		s.Peer = netip.PrefixFrom(far, int(msg.Prefixlen))
	}
	if !s.Prefix.IsValid() {
		return 0, s, fmt.Errorf("netlink message with prefix length %d", msg.Prefixlen)
	}
	return int(msg.Index), s, nil
}

func readAddrAttr(s *AddrState, local, far *netip.Addr, a syscall.NetlinkRouteAttr) {
	switch a.Attr.Type {
	case unix.IFA_LOCAL:
		*local, _ = netip.AddrFromSlice(a.Value)
	case unix.IFA_ADDRESS:
		*far, _ = netip.AddrFromSlice(a.Value)
	case unix.IFA_BROADCAST:
		s.Broadcast, _ = netip.AddrFromSlice(a.Value)
	case unix.IFA_LABEL:
		s.Label = unix.ByteSliceToString(a.Value)
	case unix.IFA_FLAGS:
		if len(a.Value) >= 4 {
			s.Flags = AddrFlags(nl.NativeEndian().Uint32(a.Value))
		}
	case unix.IFA_CACHEINFO:
		if len(a.Value) >= unix.SizeofIfaCacheinfo {
			info := nl.DeserializeIfaCacheInfo(a.Value)
			s.PreferredLft, s.ValidLft = info.Prefered, info.Valid
		}
	case ifaProto:
		if len(a.Value) >= 1 {
			s.Proto = a.Value[0]
		}
	}
}
