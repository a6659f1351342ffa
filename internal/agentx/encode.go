package agentx

import "encoding/binary"

// Bits of the flags of a header.
const (
	flagContext    = 0x08
	flagNetworkBig = 0x10
)

const (
	version    = 1
	headerSize = 20
)

// encoder appends to b in the order of bytes that it is given.
type encoder struct {
	b     []byte
	order binary.AppendByteOrder
}

func (e *encoder) u8(n ...uint8) { e.b = append(e.b, n...) }
func (e *encoder) u16(n uint16)  { e.b = e.order.AppendUint16(e.b, n) }
func (e *encoder) u32(n uint32)  { e.b = e.order.AppendUint32(e.b, n) }

// internet is what all identifiers begin with that may be shortened.
var internet = OID{1, 3, 6, 1}

func (e *encoder) oid(o OID, include bool) {
	var prefix, inc uint8
	if len(o) > len(internet) && o.HasPrefix(internet) && o[4] > 0 && o[4] < 256 {
		prefix, o = uint8(o[4]), o[5:]
	}
	if include {
		inc = 1
	}
	e.u8(uint8(len(o)), prefix, inc, 0)
	for _, n := range o {
		e.u32(n)
	}
}

func (e *encoder) octets(s []byte) {
	e.u32(uint32(len(s)))
	e.b = append(e.b, s...)
	for range -len(s) & 3 {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) varbind(v *Varbind) {
	e.u16(uint16(v.Value.Syntax))
	e.u16(0)
	e.oid(v.Name, false)
	switch x := &v.Value; x.Syntax {
	case Integer, Counter32, Gauge32, TimeTicks:
		e.u32(uint32(x.Number))
	case Counter64:
		e.b = e.order.AppendUint64(e.b, x.Number)
	case OctetString, IPAddress, Opaque:
		e.octets(x.Bytes)
	case ObjectID:
		e.oid(x.OID, false)
	}
}

// Append appends the message to b.
func (p *PDU) Append(b []byte) []byte {
	e := &encoder{b: b, order: binary.BigEndian}
	flags := uint8(flagNetworkBig)
	if p.LittleEndian {
		e.order, flags = binary.LittleEndian, 0
	}
	if p.Context != nil {
		flags |= flagContext
	}
	e.u8(version, uint8(p.Type), flags, 0)
	e.u32(p.Session)
	e.u32(p.Transaction)
	e.u32(p.Packet)
	e.u32(0)
	begin := len(e.b)
	if p.Context != nil {
		e.octets([]byte(*p.Context))
	}
	e.payload(p)
	n := uint32(len(e.b) - begin)
	if p.LittleEndian {
		binary.LittleEndian.PutUint32(e.b[begin-4:], n)
	} else {
		binary.BigEndian.PutUint32(e.b[begin-4:], n)
	}
	return e.b
}

func (e *encoder) payload(p *PDU) {
	switch p.Type {
	case Open:
		e.u8(p.Timeout, 0, 0, 0)
		e.oid(p.ID, false)
		e.octets([]byte(p.Description))
	case Close:
		e.u8(p.Reason, 0, 0, 0)
	case Register:
		e.u8(p.Timeout, p.Priority, 0, 0)
		e.oid(p.Subtree, false)
	case Unregister:
		e.u8(0, p.Priority, 0, 0)
		e.oid(p.Subtree, false)
	case GetBulk:
		e.u16(p.NonRepeaters)
		e.u16(p.MaxRepetitions)
		e.ranges(p.Ranges)
	case Get, GetNext:
		e.ranges(p.Ranges)
	case Response:
		e.u32(p.UpTime)
		e.u16(uint16(p.Error))
		e.u16(p.Index)
		e.varbinds(p.Varbinds)
	case TestSet, Notify:
		e.varbinds(p.Varbinds)
	}
}

func (e *encoder) ranges(list []Range) {
	for _, r := range list {
		e.oid(r.Start, r.Include)
		e.oid(r.End, false)
	}
}

func (e *encoder) varbinds(list []Varbind) {
	for i := range list {
		e.varbind(&list[i])
	}
}
