package snmp

import (
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/agentx"
)

// globals adds what is not about an instance.
func (b *builder) globals() {
	g := &b.Global
	at := func(n uint32) agentx.OID { return global.Append(n) }
	b.scalar(at(1), agentx.Text(b.Version))
	b.scalar(at(2), agentx.Text(g.RouterID))
	b.mail()
	b.scalar(at(4), truth(b.Traps))
	b.scalar(at(5), agentx.Int(b.linkbeat()))
	b.scalar(at(6), truth(false))
	b.scalar(at(7), truth(true)) // counters have 64 bits
	b.scalar(at(8), agentx.Text(g.Namespace))
	b.scalar(at(9), truth(b.DBus))
	b.scalar(at(10), truth(g.Dynamic))
	b.scalar(at(11), truth(false))
	b.scalar(at(12), truth(g.V3ChecksumAsV2))
}

// linkbeat is 1 when the kernel tells of all carriers, 2 when some are polled.
func (b *builder) linkbeat() int {
	for _, polled := range b.polled {
		if polled {
			return 2
		}
	}
	return 1
}

func (b *builder) mail() {
	m := &b.Global.Mail
	at := func(n ...uint32) agentx.OID { return global.Append(3).Append(n...) }
	// keepalived has this for a server that is not configured.
	kind, server := typeIPv6, octets(netip.Addr{}, false)
	if a, err := netip.ParseAddr(m.Server); err == nil {
		kind, server = typeOf(a.Is6()), octets(a, a.Is6())
	} else if m.Server != "" {
		kind, server = typeName, agentx.Text(m.Server)
	}
	b.scalar(at(1), agentx.Int(kind))
	b.scalar(at(2), server)
	b.scalar(at(3), count(int64(m.Timeout/time.Second)))
	if m.From != "" {
		b.scalar(at(4), agentx.Text(m.From))
	}
	to := b.table(at(5, 1))
	for i, address := range m.To {
		to.row(number(i)).text(2, address)
	}
	b.scalar(at(6), count(m.Port))
	b.scalar(at(7), truth(!m.NoFaultMail))
	b.scalar(at(8), choice(m.Alert))
	b.scalar(at(9), choice(m.AlertVRRP))
	b.scalar(at(10), choice(nil)) // of health checkers
}

// choice is 1 yes, 2 no, 3 nobody says.
func choice(c *bool) agentx.Value {
	if c == nil {
		return agentx.Int(3)
	}
	return truth(*c)
}
