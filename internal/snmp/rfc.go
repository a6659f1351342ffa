package snmp

import (
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/agentx"
	"github.com/holdfast-ha/holdfast/internal/dump"
)

// operState is the state of an instance in the MIBs of the RFCs, which have no
// FAULT.
func operState(s dump.State) int {
	if s == dump.Backup || s == dump.Master {
		return int(s) + 1
	}
	return 1
}

// masterOf is the address of the Master, as far as it is known.
func masterOf(x *dump.Instance) netip.Addr {
	switch x.State {
	case dump.Master:
		return x.Source
	case dump.Backup:
		return x.Master
	}
	return netip.Addr{}
}

// macOf is the MAC at which an instance is reached.
func (b *builder) macOf(x *dump.Instance) []byte {
	if x.Virtual != nil {
		return b.mac[x.Virtual.Name]
	}
	return b.mac[x.Interface]
}

// active is a RowStatus.
const active = 1

// inRFC2787 tells whether an instance has a place in that MIB.
func inRFC2787(x *dump.Instance) bool { return x.Version == 2 && !x.IPv6 && len(x.Addresses) > 0 }

// Tables of RFC 2787.
var (
	operV2  = rfc2787.Append(1, 3, 1)
	assocV2 = rfc2787.Append(1, 4, 1)
	statsV2 = rfc2787.Append(2, 4, 1)
)

func (b *builder) rfc2787() {
	b.scalar(rfc2787.Append(1, 1), agentx.Int(2))
	b.scalar(rfc2787.Append(1, 2), truth(b.Traps))
	b.scalar(rfc2787.Append(2, 1), agentx.Count(b.ChecksumErrors))
	b.scalar(rfc2787.Append(2, 2), agentx.Count(b.VersionErrors))
	b.scalar(rfc2787.Append(2, 3), agentx.Count(0)) // the kernel drops what is for other routers
	oper, assoc, stats := b.table(operV2), b.table(assocV2), b.table(statsV2)
	for i := range b.Instances {
		x := &b.Instances[i]
		if !inRFC2787(x) {
			continue
		}
		index := []uint32{uint32(b.index[x.Interface]), uint32(x.VRID)}
		b.operV2(oper.row(index...), x, &b.More[i])
		for _, a := range x.Addresses {
			assoc.row(append(index[:2:2], numbers(a.Prefix.Addr())...)...).put(2, agentx.Int(active))
		}
		statsOfV2(stats.row(index...), &x.Stats)
	}
}

// numbers are the bytes of an address as part of an index.
func numbers(a netip.Addr) []uint32 {
	var n []uint32
	for _, b := range a.AsSlice() {
		n = append(n, uint32(b))
	}
	return n
}

func (b *builder) operV2(r row, x *dump.Instance, m *More) {
	since := time.Duration(0)
	if !m.Began.IsZero() { // how old the daemon was then
		since = b.UpTime - b.Taken.Sub(m.Began)
	}
	r.put(2, agentx.Octets(b.macOf(x)))
	r.put(3, agentx.Int(operState(x.State)))
	r.put(4, agentx.Int(1)) // up
	r.put(5, agentx.Int(int(x.Priority)))
	r.put(6, agentx.Int(len(x.Addresses)))
	r.put(7, agentx.IPv4(masterOf(x)))
	r.put(8, agentx.IPv4(x.Source))
	r.put(9, agentx.Int(int(x.Auth)+1))
	r.put(11, agentx.Int(int(x.AdvertInterval/time.Second)))
	r.put(12, truth(!x.NoPreempt))
	r.put(13, ticks(since))
	r.put(14, agentx.Int(1)) // IP
	r.put(15, agentx.Int(active))
}

func statsOfV2(r row, s *dump.Stats) {
	for i, n := range []uint64{
		s.BecameMaster, s.AdvertsReceived, s.AdvertInterval, s.AuthFailure, s.TTL, s.ZeroReceived, s.ZeroSent,
		s.InvalidType, s.AddressList, s.AuthInvalidType, s.AuthTypeMismatch, s.PacketLength,
	} {
		r.put(number(i), agentx.Count(n))
	}
}

// Tables of RFC 6527.
var (
	operV3  = rfc6527.Append(1, 1, 1, 1)
	assocV3 = rfc6527.Append(1, 1, 2, 1)
	statsV3 = rfc6527.Append(1, 2, 5, 1)
)

func (b *builder) rfc6527() {
	b.scalar(rfc6527.Append(1, 2, 1), agentx.BigCount(b.ChecksumErrors))
	b.scalar(rfc6527.Append(1, 2, 2), agentx.BigCount(b.VersionErrors))
	b.scalar(rfc6527.Append(1, 2, 3), agentx.BigCount(0))
	b.scalar(rfc6527.Append(1, 2, 4), agentx.Ticks(0)) // counters never go back
	oper, assoc, stats := b.table(operV3), b.table(assocV3), b.table(statsV3)
	for i := range b.Instances {
		x := &b.Instances[i]
		index := b.indexV3(x)
		b.operV3(oper.row(index...), x, &b.More[i])
		for _, a := range x.Addresses {
			assoc.row(append(index[:3:3], numbers(a.Prefix.Addr())...)...).put(2, agentx.Int(active))
		}
		b.statsV3(stats.row(index...), x, &b.More[i])
	}
}

func (b *builder) indexV3(x *dump.Instance) []uint32 {
	return []uint32{uint32(b.index[x.Interface]), uint32(x.VRID), uint32(typeOf(x.IPv6))}
}

func (b *builder) operV3(r row, x *dump.Instance, m *More) {
	up := time.Duration(0)
	if !m.Began.IsZero() {
		up = b.Taken.Sub(m.Began)
	}
	r.put(3, octets(masterOf(x), x.IPv6))
	r.put(4, octets(x.Source, x.IPv6))
	r.put(5, agentx.Octets(b.macOf(x)))
	r.put(6, agentx.Int(operState(x.State)))
	r.put(7, count(x.Priority))
	r.put(8, agentx.Int(len(x.Addresses)))
	r.put(9, agentx.Int(int(x.AdvertInterval/(10*time.Millisecond))))
	r.put(10, truth(!x.NoPreempt))
	r.put(11, truth(x.Version == 2 || x.Accept))
	r.put(12, ticks(up))
	r.put(13, agentx.Int(active))
}

func (b *builder) statsV3(r row, x *dump.Instance, m *More) {
	s := &x.Stats
	r.put(1, agentx.Count(s.BecameMaster))
	r.put(2, agentx.Int(int(m.Reason)))
	r.put(3, agentx.BigCount(s.AdvertsReceived))
	r.put(4, agentx.BigCount(s.AdvertInterval))
	r.put(5, agentx.BigCount(s.TTL))
	r.put(6, agentx.Int(int(m.Protocol)))
	r.put(7, agentx.BigCount(s.ZeroReceived))
	r.put(8, agentx.BigCount(s.ZeroSent))
	r.put(9, agentx.BigCount(s.InvalidType))
	r.put(10, agentx.BigCount(s.AddressList))
	r.put(11, agentx.BigCount(s.PacketLength))
	r.put(12, agentx.Ticks(0))
	r.put(13, count(x.AdvertInterval.Milliseconds()))
}
