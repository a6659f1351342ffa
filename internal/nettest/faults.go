package nettest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Faults are made at the switch, so the node under test cannot see how. Nodes
// are numbered from 1.

// Cut pulls the cable of node i: its interface loses the carrier.
func (l *LAN) Cut(i int) error {
	port, err := l.port(i)
	if err != nil {
		return err
	}
	return l.Switch.handle.LinkSetDown(port)
}

// Join plugs the cable of node i in again and returns when it carries frames.
func (l *LAN) Join(i int) error {
	port, err := l.port(i)
	if err != nil {
		return err
	}
	if err := l.Switch.handle.LinkSetUp(port); err != nil {
		return err
	}
	return l.awaitCarrier(i)
}

// Remove takes the interface of node i away, as when a card is pulled out.
func (l *LAN) Remove(i int) error {
	port, err := l.port(i)
	if err != nil {
		return err
	}
	return l.Switch.handle.LinkDel(port) // and the other end with it
}

// Replace gives node i, whose interface was removed, a new one with the same
// name and addresses, and returns when it carries frames.
func (l *LAN) Replace(i int) error {
	bridge, err := l.Switch.handle.LinkByName("br0")
	if err != nil {
		return err
	}
	if err := l.plug(i, bridge.Attrs().Index); err != nil {
		return fmt.Errorf("plug in node %d: %w", i, err)
	}
	return l.awaitCarrier(i)
}

// Deaf drops all frames to node i.
func (l *LAN) Deaf(i int) error { return l.drop(i, dropPart(0), dropPart(100)) }

// Mute drops all frames from node i.
func (l *LAN) Mute(i int) error { return l.drop(i, dropPart(100), dropPart(0)) }

// Loss drops the given part of the frames, each way, at random. 0 heals
// [LAN.Deaf], [LAN.Mute], [LAN.MuteVRRP] and Loss.
func (l *LAN) Loss(i, percent int) error {
	return l.drop(i, dropPart(percent), dropPart(percent))
}

// MuteVRRP drops the adverts of node i over IPv4 and IPv6, with or without an
// authentication header, and nothing else.
func (l *LAN) MuteVRRP(i int) error { return l.drop(i, dropVRRP(), dropPart(0)) }

// Split cuts the wire between the given nodes, which go on to hear and be heard
// by all others: the split brain that a third node, a client, can see.
func (l *LAN) Split(nodes ...int) error {
	for _, i := range nodes {
		if err := l.isolate(i, true); err != nil {
			return err
		}
	}
	return nil
}

// Heal undoes [LAN.Split] for all nodes.
func (l *LAN) Heal() error {
	for i := range l.nodes {
		if err := l.isolate(i+1, false); err != nil {
			return err
		}
	}
	return nil
}

func (l *LAN) isolate(i int, on bool) error {
	port, err := l.port(i)
	if err != nil {
		return err
	}
	if err := l.Switch.handle.LinkSetIsolated(port, on); err != nil {
		return fmt.Errorf("isolate port of node %d: %w", i, err)
	}
	return nil
}

func (l *LAN) port(i int) (netlink.Link, error) {
	if i < 1 || i > len(l.nodes) {
		return nil, fmt.Errorf("no node %d on a segment of %d", i, len(l.nodes))
	}
	return l.Switch.handle.LinkByName(portName(i))
}

// Verdicts of a traffic control filter.
const (
	actOK   = 0
	actShot = 2
)

// dropPart is a filter program that drops the given part of all frames.
func dropPart(percent int) []bpf.Instruction {
	switch {
	case percent <= 0:
		return nil
	case percent >= 100:
		return []bpf.Instruction{bpf.RetConstant{Val: actShot}}
	}
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.ALUOpConstant{Op: bpf.ALUOpMod, Val: 100},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: uint32(percent), SkipFalse: 1},
		bpf.RetConstant{Val: actShot},
		bpf.RetConstant{Val: actOK},
	}
}

// dropVRRP is a filter program that drops adverts.
func dropVRRP() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherIPv4, SkipFalse: 2},
		bpf.LoadAbsolute{Off: 14 + 9, Size: 1},
		bpf.Jump{Skip: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherIPv6, SkipFalse: 4},
		bpf.LoadAbsolute{Off: 14 + 6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoVRRP, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoAH, SkipFalse: 1},
		bpf.RetConstant{Val: actShot},
		bpf.RetConstant{Val: actOK},
	}
}

// drop puts one filter on the frames from node i and one on those to it.
//
// The filters are classic BPF programs in a clsact queueing discipline. Unlike
// netem they need no kernel module that is rarely there, unlike nftables no
// program, and unlike extended BPF no privilege outside the namespace.
func (l *LAN) drop(i int, from, to []bpf.Instruction) error {
	port, err := l.port(i)
	if err != nil {
		return err
	}
	qdisc := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: port.Attrs().Index,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}}
	err = l.Switch.handle.QdiscDel(qdisc)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("remove faults of node %d: %w", i, err)
	}
	if from == nil && to == nil {
		return nil
	}
	if err := l.Switch.handle.QdiscAdd(qdisc); err != nil {
		return fmt.Errorf("prepare faults of node %d: %w", i, err)
	}
	// Seen from the switch, what comes from the node is ingress.
	if err := l.addFilter(port.Attrs().Index, netlink.HANDLE_MIN_INGRESS, from); err != nil {
		return fmt.Errorf("drop frames from node %d: %w", i, err)
	}
	if err := l.addFilter(port.Attrs().Index, netlink.HANDLE_MIN_EGRESS, to); err != nil {
		return fmt.Errorf("drop frames to node %d: %w", i, err)
	}
	return nil
}

// addFilter attaches a classic BPF program whose result is the verdict. The
// netlink library only knows extended BPF.
func (l *LAN) addFilter(index int, parent uint32, prog []bpf.Instruction) error {
	if prog == nil {
		return nil
	}
	raw, err := bpf.Assemble(prog)
	if err != nil {
		return err
	}
	ops := make([]byte, 0, 8*len(raw))
	for _, r := range raw {
		ops = binary.NativeEndian.AppendUint16(ops, r.Op)
		ops = append(ops, r.Jt, r.Jf)
		ops = binary.NativeEndian.AppendUint32(ops, r.K)
	}

	req := nl.NewNetlinkRequest(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{
		Family:  nl.FAMILY_ALL,
		Ifindex: int32(index),
		Parent:  parent,
		Info:    netlink.MakeHandle(1, nl.Swap16(unix.ETH_P_ALL)),
	})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bpf")))
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_BPF_OPS_LEN, nl.Uint16Attr(uint16(len(raw))))
	options.AddRtAttr(nl.TCA_BPF_OPS, ops)
	options.AddRtAttr(nl.TCA_BPF_FLAGS, nl.Uint32Attr(nl.TCA_BPF_FLAG_ACT_DIRECT))
	req.AddData(options)
	return l.Switch.Do(func() error {
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
}
