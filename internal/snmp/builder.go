package snmp

import (
	"net/netip"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/agentx"
	"github.com/holdfast-ha/holdfast/internal/dump"
)

// Roots of the MIBs.
var (
	keepalived = agentx.ParseOID("1.3.6.1.4.1.9586.100.5")
	global     = keepalived.Append(1)
	vrrp       = keepalived.Append(2)
	rfc2787    = agentx.ParseOID("1.3.6.1.2.1.68")
	rfc6527    = agentx.ParseOID("1.3.6.1.2.1.207")
)

// builder collects objects.
type builder struct {
	*Snapshot
	binds   []agentx.Varbind
	columns []agentx.OID
	index   map[string]int // of interfaces
	mac     map[string][]byte
	polled  map[string]bool
}

// build makes a view of a snapshot.
func build(s *Snapshot, set *Settings) *agentx.View {
	b := &builder{Snapshot: s, index: map[string]int{}, mac: map[string][]byte{}, polled: map[string]bool{}}
	for i := range s.Interfaces {
		l := &s.Interfaces[i]
		b.index[l.Name], b.mac[l.Name], b.polled[l.Name] = l.Index, l.MAC, l.Linkbeat != ""
	}
	if set.VRRP {
		b.globals()
		b.groups()
		b.instances()
		b.trackTables()
		b.addresses()
		b.tracked()
		b.routes()
		b.rules()
	}
	if set.RFCv2 {
		b.rfc2787()
	}
	if set.RFCv3 {
		b.rfc6527()
	}
	return agentx.NewView(b.binds, b.columns)
}

// scalar adds an object that there is once.
func (b *builder) scalar(o agentx.OID, v agentx.Value) {
	b.columns = append(b.columns, o)
	b.binds = append(b.binds, agentx.Varbind{Name: o.Append(0), Value: v})
}

// table is a table that is being filled.
type table struct {
	b     *builder
	entry agentx.OID
	known map[uint32]bool
}

func (b *builder) table(entry agentx.OID) *table {
	return &table{b: b, entry: entry, known: map[uint32]bool{}}
}

// row is a row of a table.
type row struct {
	t     *table
	index []uint32
}

func (t *table) row(index ...uint32) row { return row{t, index} }

func (r row) put(column uint32, v agentx.Value) {
	t := r.t
	o := t.entry.Append(column)
	if !t.known[column] {
		t.known[column] = true
		t.b.columns = append(t.b.columns, o)
	}
	t.b.binds = append(t.b.binds, agentx.Varbind{Name: o.Append(r.index...), Value: v})
}

// text adds a word, if there is one.
func (r row) text(column uint32, s string) {
	if s != "" {
		r.put(column, agentx.Text(s))
	}
}

func (r row) command(column uint32, c *dump.Command) {
	if c != nil {
		r.put(column, agentx.Text(commandText(c)))
	}
}

// commandText is a command with its words in quotes.
func commandText(c *dump.Command) string { return "'" + strings.Join(c.Argv, "' '") + "'" }

// truth is a TruthValue.
func truth(yes bool) agentx.Value {
	if yes {
		return agentx.Int(1)
	}
	return agentx.Int(2)
}

// count is an unsigned number that never is below 0.
func count[T int | int64 | uint8 | uint16](n T) agentx.Value { return agentx.Gauge(uint32(n)) }

// Types of addresses (InetAddressType).
const (
	typeIPv4 = 1
	typeIPv6 = 2
	typeName = 16
)

func typeOf(ipv6 bool) int {
	if ipv6 {
		return typeIPv6
	}
	return typeIPv4
}

// octets are the bytes of an address; of none as many zeros as it would have.
func octets(a netip.Addr, ipv6 bool) agentx.Value {
	switch {
	case a.IsValid():
		return agentx.Octets(a.AsSlice())
	case ipv6:
		return agentx.Octets(make([]byte, 16))
	}
	return agentx.Octets(make([]byte, 4))
}

// ticks are hundredths of a second.
func ticks(d time.Duration) agentx.Value {
	return agentx.Ticks(uint64(max(d, 0) / (10 * time.Millisecond)))
}

// number is the index of something by its place.
func number(i int) uint32 { return uint32(i + 1) }
