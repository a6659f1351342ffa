package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// wildScope in a deletion stands for any scope, RT_SCOPE_NOWHERE.
const wildScope = 255

// changeRoute sends a change of a route and returns what the kernel made of it.
func (h *Handle) changeRoute(ctx context.Context, op Op, r Route) (Report, error) {
	req, err := routeRequest(op, r, h.index)
	if err != nil {
		return nil, err
	}
	var now Report
	err = h.conn.execute(ctx, req, func(m syscall.NetlinkMessage) {
		if m.Header.Type == unix.RTM_NEWROUTE {
			if k, ok, err := parseRoute(m.Data, h.conn.linkName); err == nil && ok {
				now = k
			}
		}
	})
	return now, err
}

// routeRequest builds the request for a change of a route. A deletion names what
// [Route.compare] looks at and leaves the rest open: it may have been changed.
// What is added is echoed, which tells what the kernel made of it.
func routeRequest(op Op, r Route, index func(string) (int, error)) (request, error) {
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{
		Family: familyOf(r.IPv6), Dst_len: uint8(r.Dest.Bits()), Tos: r.TOS, Table: shortTable(r.Table),
		Protocol: r.Protocol, Scope: r.Scope, Type: uint8(r.Type),
	}}
	if !r.Dest.IsValid() || r.Dest.Addr().Is6() != r.IPv6 {
		return request{}, fmt.Errorf("not a destination: %v", r.Dest)
	}
	parts := []nl.NetlinkRequestData{msg, attr32(unix.RTA_TABLE, r.Table)}
	if r.Dest.Bits() > 0 {
		parts = append(parts, nl.NewRtAttr(unix.RTA_DST, r.Dest.Masked().Addr().AsSlice()))
	}
	if r.From.IsValid() {
		msg.Src_len = uint8(r.From.Bits())
		parts = append(parts, nl.NewRtAttr(unix.RTA_SRC, r.From.Masked().Addr().AsSlice()))
	}
	metric := r.Metric
	if op == OpDelete {
		msg.Scope = wildScope
		metric = r.metric() // 0 would stand for any
	}
	if metric != 0 {
		parts = append(parts, attr32(unix.RTA_PRIORITY, metric))
	}
	ways, err := wayParts(op, r, msg, index)
	if err != nil {
		return request{}, err
	}
	parts = append(parts, ways...)
	if op == OpDelete {
		return request{typ: unix.RTM_DELROUTE, flags: unix.NLM_F_ACK, parts: parts}, nil
	}
	parts = append(parts, propertyParts(r)...)
	return request{typ: unix.RTM_NEWROUTE, flags: unix.NLM_F_ACK | unix.NLM_F_ECHO | routeFlags(op, r.Mode), parts: parts}, nil
}

func routeFlags(op Op, mode RouteMode) uint16 {
	switch {
	case op == OpReplace:
		return unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	case mode == RouteAdd:
		return unix.NLM_F_CREATE | unix.NLM_F_EXCL
	case mode == RouteAppend:
		return unix.NLM_F_CREATE | unix.NLM_F_APPEND
	}
	return unix.NLM_F_CREATE
}

func familyOf(ipv6 bool) uint8 {
	if ipv6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// shortTable is the number of a table in the place that has room for one byte.
func shortTable(t uint32) uint8 {
	if t < 256 {
		return uint8(t)
	}
	return unix.RT_TABLE_UNSPEC
}

func attr32(typ int, v uint32) *nl.RtAttr { return nl.NewRtAttr(typ, nl.Uint32Attr(v)) }

// wayParts says where the route leads.
func wayParts(op Op, r Route, msg *nl.RtMsg, index func(string) (int, error)) ([]nl.NetlinkRequestData, error) {
	if len(r.Hops) == 0 {
		i, parts, err := hopParts(r.Hop, index)
		if err != nil {
			return nil, err
		}
		if i != 0 {
			parts = append(parts, attr32(unix.RTA_OIF, uint32(i)))
		}
		if r.OnLink && op != OpDelete {
			msg.Flags |= unix.RTNH_F_ONLINK
		}
		return parts, nil
	}
	var all []byte
	for _, h := range r.Hops {
		i, parts, err := hopParts(h, index)
		if err != nil {
			return nil, err
		}
		hop := nl.RtNexthop{RtNexthop: unix.RtNexthop{Hops: uint8(max(h.Weight, 1) - 1), Ifindex: int32(i)}}
		if h.OnLink {
			hop.Flags = unix.RTNH_F_ONLINK
		}
		hop.Children = parts
		all = append(all, hop.Serialize()...)
	}
	return []nl.NetlinkRequestData{nl.NewRtAttr(unix.RTA_MULTIPATH, all)}, nil
}

// hopParts returns the index of the hop's link, 0 for none, and its attributes.
func hopParts(h Hop, index func(string) (int, error)) (link int, parts []nl.NetlinkRequestData, err error) {
	if h.Link != "" {
		if link, err = index(h.Link); err != nil {
			return 0, nil, err
		}
	}
	if h.Via.IsValid() {
		parts = append(parts, nl.NewRtAttr(unix.RTA_GATEWAY, h.Via.AsSlice()))
	}
	if h.Realms != 0 {
		parts = append(parts, attr32(unix.RTA_FLOW, h.Realms))
	}
	if h.Encap.Kind != EncapNone {
		inner := nl.NewRtAttr(unix.RTA_ENCAP|unix.NLA_F_NESTED, nil)
		for _, a := range h.Encap.parts() {
			inner.AddChild(a)
		}
		parts = append(parts, nl.NewRtAttr(unix.RTA_ENCAP_TYPE, nl.Uint16Attr(uint16(h.Encap.Kind))), inner)
	}
	return link, parts, nil
}

// propertyParts are the attributes that do not tell routes apart.
func propertyParts(r Route) []nl.NetlinkRequestData {
	var parts []nl.NetlinkRequestData
	add := func(typ int, b []byte) { parts = append(parts, nl.NewRtAttr(typ, b)) }
	if r.Source.IsValid() {
		add(unix.RTA_PREFSRC, r.Source.AsSlice())
	}
	if r.Expires != 0 {
		add(unix.RTA_EXPIRES, nl.Uint32Attr(r.Expires))
	}
	if r.Pref != 0 {
		add(unix.RTA_PREF, []byte{r.Pref})
	}
	switch r.TTLPropagate {
	case On:
		add(unix.RTA_TTL_PROPAGATE, []byte{1})
	case Off:
		add(unix.RTA_TTL_PROPAGATE, []byte{0})
	}
	metrics := nl.NewRtAttr(unix.RTA_METRICS|unix.NLA_F_NESTED, nil)
	any := false
	for i, v := range r.Metrics {
		if v != 0 {
			any = true
			metrics.AddRtAttr(i, nl.Uint32Attr(v))
		}
	}
	if r.Congestion != "" {
		any = true
		metrics.AddRtAttr(int(MetricCongestion), nl.ZeroTerminated(r.Congestion))
	}
	if any {
		parts = append(parts, metrics)
	}
	return parts
}

// routes lists the routes on a shelf. The kernel is asked for those with the
// mark only: a router may have a million others.
func (c *conn) routes(ctx context.Context, s Shelf) ([]Report, error) {
	var list []Report
	var bad error
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: familyOf(s.IPv6), Protocol: s.Protocol}}
	req := request{typ: unix.RTM_GETROUTE, flags: unix.NLM_F_DUMP, parts: []nl.NetlinkRequestData{msg}}
	err := c.list(ctx, req, func() { list, bad = nil, nil }, func(m syscall.NetlinkMessage) {
		if m.Header.Type != unix.RTM_NEWROUTE {
			return
		}
		switch r, ok, err := parseRoute(m.Data, c.linkName); {
		case err != nil:
			bad = err
		case ok && r.IPv6 == s.IPv6 && r.Protocol == s.Protocol:
			list = append(list, r)
		}
	})
	return list, errors.Join(err, bad)
}

// linkName returns the name of a link in the namespace of the socket, empty if
// it does not exist. It waits for no lock, see linkIndex.
func (c *conn) linkName(index int) string {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return ""
	}
	ifr.SetUint32(uint32(index))
	cerr := c.raw.Control(func(fd uintptr) { err = unix.IoctlIfreq(int(fd), unix.SIOCGIFNAME, ifr) })
	if errors.Join(cerr, err) != nil {
		return ""
	}
	return ifr.Name()
}

// parseRoute reads the body of RTM_NEWROUTE or RTM_DELROUTE; false: it is
// neither an IPv4 nor an IPv6 route, or one of the kernel's cache.
func parseRoute(body []byte, name func(int) string) (r Route, ok bool, err error) {
	if len(body) < unix.SizeofRtMsg {
		return r, false, errShort
	}
	msg := nl.DeserializeRtMsg(body)
	if msg.Family != unix.AF_INET && msg.Family != unix.AF_INET6 || msg.Flags&unix.RTM_F_CLONED != 0 {
		return r, false, nil
	}
	r = Route{
		IPv6: msg.Family == unix.AF_INET6, Type: RouteType(msg.Type), Table: uint32(msg.Table),
		Protocol: msg.Protocol, Scope: msg.Scope, TOS: msg.Tos,
	}
	r.OnLink = msg.Flags&unix.RTNH_F_ONLINK != 0
	zero := netip.IPv4Unspecified()
	if r.IPv6 {
		zero = netip.IPv6Unspecified()
	}
	r.Dest = netip.PrefixFrom(zero, 0)
	attrs, err := attributes(body[unix.SizeofRtMsg:])
	if err != nil {
		return r, false, err
	}
	for _, a := range attrs {
		if err := readRouteAttr(&r, msg, a, name); err != nil {
			return r, false, err
		}
	}
	return r, true, nil
}

func readRouteAttr(r *Route, msg *nl.RtMsg, a syscall.NetlinkRouteAttr, name func(int) string) error {
	switch a.Attr.Type & attrType {
	case unix.RTA_DST:
		r.Dest = prefixOf(a.Value, msg.Dst_len)
	case unix.RTA_SRC:
		r.From = prefixOf(a.Value, msg.Src_len)
	case unix.RTA_TABLE:
		r.Table = u32(a.Value)
	case unix.RTA_PRIORITY:
		r.Metric = u32(a.Value)
	case unix.RTA_PREFSRC:
		r.Source, _ = netip.AddrFromSlice(a.Value)
	case unix.RTA_METRICS:
		return readMetrics(r, a.Value)
	case unix.RTA_MULTIPATH:
		return readHops(r, a.Value, name)
	case unix.RTA_PREF:
		if len(a.Value) > 0 {
			r.Pref = a.Value[0]
		}
	case unix.RTA_TTL_PROPAGATE:
		r.TTLPropagate = Off
		if len(a.Value) > 0 && a.Value[0] != 0 {
			r.TTLPropagate = On
		}
	case unix.RTA_CACHEINFO:
		if len(a.Value) >= 12 && int32(u32(a.Value[8:])) > 0 {
			r.Expires = 1
		}
	default:
		return readHopAttr(&r.Hop, a, name)
	}
	return nil
}

// readHopAttr reads what a route of one way and each of several ways has.
func readHopAttr(h *Hop, a syscall.NetlinkRouteAttr, name func(int) string) (err error) {
	switch a.Attr.Type & attrType {
	case unix.RTA_GATEWAY:
		h.Via, _ = netip.AddrFromSlice(a.Value)
	case unix.RTA_OIF:
		h.Link = name(int(u32(a.Value)))
	case unix.RTA_FLOW:
		h.Realms = u32(a.Value)
	case unix.RTA_ENCAP_TYPE:
		if len(a.Value) >= 2 {
			kind := EncapKind(nl.NativeEndian().Uint16(a.Value))
			if h.Encap.Kind == EncapNone { // its options may have come first
				h.Encap.Kind = kind
			}
			err = h.Encap.read(h.Encap.raw)
		}
	case unix.RTA_ENCAP:
		h.Encap.raw = string(a.Value)
		err = h.Encap.read(h.Encap.raw)
	}
	return err
}

func readMetrics(r *Route, b []byte) error {
	attrs, err := attributes(b)
	for _, a := range attrs {
		switch t := Metric(a.Attr.Type); {
		case t == MetricCongestion:
			r.Congestion = unix.ByteSliceToString(a.Value)
		case t < metricEnd:
			r.Metrics[t] = u32(a.Value)
		}
	}
	return err
}

func readHops(r *Route, b []byte, name func(int) string) error {
	for len(b) >= unix.SizeofRtNexthop {
		head := nl.DeserializeRtNexthop(b)
		size := int(head.RtNexthop.Len)
		if size < unix.SizeofRtNexthop || size > len(b) {
			return errShort
		}
		h := Hop{Weight: int(head.Hops) + 1, OnLink: head.Flags&unix.RTNH_F_ONLINK != 0, Link: name(int(head.Ifindex))}
		attrs, err := attributes(b[unix.SizeofRtNexthop:size])
		if err != nil {
			return err
		}
		for _, a := range attrs {
			if err := readHopAttr(&h, a, name); err != nil {
				return err
			}
		}
		r.Hops = append(r.Hops, h)
		b = b[min((size+3)&^3, len(b)):]
	}
	return nil
}

// prefixOf reads a destination. A length that cannot be makes it invalid.
func prefixOf(b []byte, bits uint8) netip.Prefix {
	ip, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(ip, int(bits))
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return nl.NativeEndian().Uint32(b)
}
