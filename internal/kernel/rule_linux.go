package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// changeRule sends a change of a rule and returns what the kernel made of it.
func (h *Handle) changeRule(ctx context.Context, op Op, r Rule) (Report, error) {
	var now Report
	err := h.conn.execute(ctx, ruleRequest(op, r), func(m syscall.NetlinkMessage) {
		if m.Header.Type == unix.RTM_NEWRULE {
			if k, ok, err := parseRule(m.Data); err == nil && ok {
				now = k
			}
		}
	})
	return now, err
}

// ruleRequest builds the request for a change of a rule. Its head has the form
// of a route's.
func ruleRequest(op Op, r Rule) request {
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: familyOf(r.IPv6), Tos: r.TOS, Type: uint8(r.Action)}}
	if r.Invert {
		msg.Flags |= unix.FIB_RULE_INVERT
	}
	parts := []nl.NetlinkRequestData{msg, attr32(nl.FRA_PRIORITY, r.Priority)}
	add := func(cond bool, typ int, b []byte) {
		if cond {
			parts = append(parts, nl.NewRtAttr(typ, b))
		}
	}
	add32 := func(cond bool, typ int, v uint32) { add(cond, typ, nl.Uint32Attr(v)) }
	if r.From.IsValid() {
		msg.Src_len = uint8(r.From.Bits())
		add(true, nl.FRA_SRC, r.From.Masked().Addr().AsSlice())
	}
	if r.To.IsValid() {
		msg.Dst_len = uint8(r.To.Bits())
		add(true, nl.FRA_DST, r.To.Masked().Addr().AsSlice())
	}
	if r.Action == ActionTable && !r.L3MDev {
		msg.Table = shortTable(r.Table)
		add32(true, nl.FRA_TABLE, r.Table)
	}
	add32(r.Action == ActionGoto, nl.FRA_GOTO, r.Goto)
	add(r.L3MDev, nl.FRA_L3MDEV, []byte{1})
	add32(r.MarkMask != 0, nl.FRA_FWMARK, r.Mark)
	add32(r.MarkMask != 0, nl.FRA_FWMASK, r.MarkMask)
	add(r.In != "", nl.FRA_IIFNAME, nl.ZeroTerminated(r.In))
	add(r.Out != "", nl.FRA_OIFNAME, nl.ZeroTerminated(r.Out))
	add(r.TunnelID != 0, nl.FRA_TUN_ID, binary.BigEndian.AppendUint64(nil, r.TunnelID))
	add(r.UsersSet, nl.FRA_UID_RANGE, append(nl.Uint32Attr(r.Users[0]), nl.Uint32Attr(r.Users[1])...))
	add(r.IPProto != 0, nl.FRA_IP_PROTO, []byte{r.IPProto})
	add(r.SourcePorts[1] != 0, nl.FRA_SPORT_RANGE, portRange(r.SourcePorts))
	add(r.DestPorts[1] != 0, nl.FRA_DPORT_RANGE, portRange(r.DestPorts))
	add32(r.Realms != 0, nl.FRA_FLOW, r.Realms)
	add32(r.SuppressPrefix != 0, nl.FRA_SUPPRESS_PREFIXLEN, uint32(r.SuppressPrefix-1))
	add32(r.SuppressGroup != 0, nl.FRA_SUPPRESS_IFGROUP, uint32(r.SuppressGroup-1))
	add(r.Protocol != 0, nl.FRA_PROTOCOL, []byte{r.Protocol})
	if op == OpDelete {
		return request{typ: unix.RTM_DELRULE, flags: unix.NLM_F_ACK, parts: parts}
	}
	return request{
		typ: unix.RTM_NEWRULE, flags: unix.NLM_F_ACK | unix.NLM_F_ECHO | unix.NLM_F_CREATE | unix.NLM_F_EXCL, parts: parts,
	}
}

func portRange(p [2]uint16) []byte { return append(nl.Uint16Attr(p[0]), nl.Uint16Attr(p[1])...) }

// rules lists the rules on a shelf.
func (c *conn) rules(ctx context.Context, s Shelf) ([]Report, error) {
	var list []Report
	var bad error
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: familyOf(s.IPv6)}}
	req := request{typ: unix.RTM_GETRULE, flags: unix.NLM_F_DUMP, parts: []nl.NetlinkRequestData{msg}}
	err := c.list(ctx, req, func() { list, bad = nil, nil }, func(m syscall.NetlinkMessage) {
		if m.Header.Type != unix.RTM_NEWRULE {
			return
		}
		switch r, ok, err := parseRule(m.Data); {
		case err != nil:
			bad = err
		case ok && r.IPv6 == s.IPv6 && r.Protocol == s.Protocol:
			list = append(list, r)
		}
	})
	return list, errors.Join(err, bad)
}

// parseRule reads the body of RTM_NEWRULE or RTM_DELRULE; false: it is neither
// for IPv4 nor for IPv6.
func parseRule(body []byte) (r Rule, ok bool, err error) {
	if len(body) < unix.SizeofRtMsg {
		return r, false, errShort
	}
	msg := nl.DeserializeRtMsg(body)
	if msg.Family != unix.AF_INET && msg.Family != unix.AF_INET6 {
		return r, false, nil
	}
	r = Rule{
		IPv6: msg.Family == unix.AF_INET6, TOS: msg.Tos, Action: Action(msg.Type), Table: uint32(msg.Table),
		Invert: msg.Flags&unix.FIB_RULE_INVERT != 0,
	}
	attrs, err := attributes(body[unix.SizeofRtMsg:])
	if err != nil {
		return r, false, err
	}
	for _, a := range attrs {
		readRuleAttr(&r, msg, a)
	}
	if r.Action != ActionTable || r.L3MDev {
		r.Table = 0
	}
	return r, true, nil
}

func readRuleAttr(r *Rule, msg *nl.RtMsg, a syscall.NetlinkRouteAttr) {
	v := a.Value
	number := u32(v)
	switch a.Attr.Type {
	case nl.FRA_PRIORITY:
		r.Priority = number
	case nl.FRA_SRC:
		r.From = prefixOf(v, msg.Src_len)
	case nl.FRA_DST:
		r.To = prefixOf(v, msg.Dst_len)
	case nl.FRA_TABLE:
		r.Table = number
	case nl.FRA_GOTO:
		r.Goto = number
	case nl.FRA_L3MDEV:
		r.L3MDev = len(v) > 0 && v[0] != 0
	case nl.FRA_FWMARK:
		r.Mark = number
	case nl.FRA_FWMASK:
		r.MarkMask = number
	case nl.FRA_IIFNAME:
		r.In = unix.ByteSliceToString(v)
	case nl.FRA_OIFNAME:
		r.Out = unix.ByteSliceToString(v)
	case nl.FRA_TUN_ID:
		if len(v) >= 8 {
			r.TunnelID = binary.BigEndian.Uint64(v)
		}
	case nl.FRA_UID_RANGE:
		if len(v) >= 8 {
			r.UsersSet, r.Users = true, [2]uint32{number, u32(v[4:])}
		}
	case nl.FRA_IP_PROTO:
		r.IPProto = first(v)
	case nl.FRA_SPORT_RANGE:
		r.SourcePorts = readPorts(v)
	case nl.FRA_DPORT_RANGE:
		r.DestPorts = readPorts(v)
	case nl.FRA_FLOW:
		r.Realms = number
	case nl.FRA_SUPPRESS_PREFIXLEN:
		r.SuppressPrefix = int64(int32(number)) + 1
	case nl.FRA_SUPPRESS_IFGROUP:
		r.SuppressGroup = int64(int32(number)) + 1
	case nl.FRA_PROTOCOL:
		r.Protocol = first(v)
	}
}

func first(b []byte) uint8 {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func readPorts(b []byte) [2]uint16 {
	if len(b) < 4 {
		return [2]uint16{}
	}
	return [2]uint16{nl.NativeEndian().Uint16(b), nl.NativeEndian().Uint16(b[2:])}
}
