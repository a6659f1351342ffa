package agentx

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxPayload bounds a message: no request of a master comes near it.
const maxPayload = 1 << 20

var (
	errShort   = errors.New("the message ends too early")
	errLong    = errors.New("there is more than the message says")
	errVersion = errors.New("the version is not 1")
)

// Length returns how many bytes follow the header.
func Length(header [headerSize]byte) (int, error) {
	var order binary.ByteOrder = binary.LittleEndian
	if header[2]&flagNetworkBig != 0 {
		order = binary.BigEndian
	}
	n := order.Uint32(header[16:])
	switch {
	case header[0] != version:
		return 0, errVersion
	case n > maxPayload || n%4 != 0:
		return 0, fmt.Errorf("a message of %d bytes", n)
	}
	return int(n), nil
}

// decoder reads from b. After an error it returns zero values.
type decoder struct {
	b     []byte
	order binary.ByteOrder
	err   error
}

// take returns the next n bytes; after an error nothing but nil.
func (d *decoder) take(n int) []byte {
	if d.err != nil || n > len(d.b) {
		d.fail(errShort)
		return nil
	}
	part := d.b[:n]
	d.b = d.b[n:]
	return part
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

func (d *decoder) u16() uint16 {
	if b := d.take(2); b != nil {
		return d.order.Uint16(b)
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return d.order.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.take(8); b != nil {
		return d.order.Uint64(b)
	}
	return 0
}

// four reads four bytes that stand for themselves.
func (d *decoder) four() (x [4]byte) {
	copy(x[:], d.take(4))
	return x
}

func (d *decoder) oid() (o OID, include bool) {
	head := d.four()
	n, prefix := int(head[0]), head[1]
	if n*4 > len(d.b) {
		d.fail(errShort)
		return nil, false
	}
	if prefix != 0 {
		o = append(o, internet...)
		o = append(o, uint32(prefix))
	}
	for range n {
		o = append(o, d.u32())
	}
	if len(o) > maxOID {
		d.fail(fmt.Errorf("an identifier of %d numbers", len(o)))
	}
	return o, head[2] != 0
}

func (d *decoder) octets() []byte {
	n := d.u32()
	if int64(n) > int64(len(d.b)) {
		d.fail(errShort)
		return nil
	}
	s := d.take(int(n))
	d.take(-int(n) & 3)
	return append([]byte(nil), s...)
}

func (d *decoder) varbind() Varbind {
	v := Varbind{Value: Value{Syntax: Syntax(d.u16())}}
	d.u16()
	v.Name, _ = d.oid()
	switch x := &v.Value; x.Syntax {
	case Integer, Counter32, Gauge32, TimeTicks:
		x.Number = uint64(d.u32())
	case Counter64:
		x.Number = d.u64()
	case OctetString, IPAddress, Opaque:
		x.Bytes = d.octets()
	case ObjectID:
		x.OID, _ = d.oid()
	case Null, NoSuchObject, NoSuchInstance, EndOfMIBView:
	default:
		d.fail(fmt.Errorf("a value of the type %d", x.Syntax))
	}
	return v
}

// Decode reads a message, which all of b is.
func Decode(b []byte) (*PDU, error) {
	if len(b) < headerSize {
		return nil, errShort
	}
	n, err := Length([headerSize]byte(b))
	if err != nil {
		return nil, err
	}
	if n != len(b)-headerSize {
		return nil, errLong
	}
	p := &PDU{Type: Type(b[1]), LittleEndian: b[2]&flagNetworkBig == 0}
	d := &decoder{b: b[4:16], order: binary.BigEndian}
	if p.LittleEndian {
		d.order = binary.LittleEndian
	}
	p.Session, p.Transaction, p.Packet = d.u32(), d.u32(), d.u32()
	d.b = b[headerSize:]
	if b[2]&flagContext != 0 {
		context := string(d.octets())
		p.Context = &context
	}
	d.payload(p)
	if d.err != nil {
		return nil, d.err
	}
	if len(d.b) > 0 {
		return nil, errLong
	}
	return p, nil
}

func (d *decoder) payload(p *PDU) {
	switch p.Type {
	case Open:
		p.Timeout = d.four()[0]
		p.ID, _ = d.oid()
		p.Description = string(d.octets())
	case Close:
		p.Reason = d.four()[0]
	case Register, Unregister:
		head := d.four()
		p.Priority = head[1]
		if p.Type == Register {
			p.Timeout = head[0]
		}
		if head[2] != 0 {
			d.fail(errors.New("a registration of a range"))
		}
		p.Subtree, _ = d.oid()
	case GetBulk:
		p.NonRepeaters, p.MaxRepetitions = d.u16(), d.u16()
		d.ranges(p)
	case Get, GetNext:
		d.ranges(p)
	case Response:
		p.UpTime, p.Error, p.Index = d.u32(), Error(d.u16()), d.u16()
		d.varbinds(p)
	case TestSet, Notify:
		d.varbinds(p)
	case CommitSet, UndoSet, CleanupSet, Ping:
	default:
		d.fail(fmt.Errorf("a message of the type %d", p.Type))
	}
}

func (d *decoder) ranges(p *PDU) {
	for len(d.b) > 0 {
		var r Range
		r.Start, r.Include = d.oid()
		r.End, _ = d.oid()
		p.Ranges = append(p.Ranges, r)
	}
}

func (d *decoder) varbinds(p *PDU) {
	for len(d.b) > 0 {
		p.Varbinds = append(p.Varbinds, d.varbind())
	}
}
