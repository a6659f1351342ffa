package interop

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// Instance is the name of the instance in the files that [Conf] writes.
const Instance = "VI_1"

// VRID is its virtual router identifier.
const VRID = 51

// Password is used where the protocol has one.
const Password = "s3cr3t"

// Protocol is one of the forms in which adverts are exchanged.
type Protocol struct {
	Name     string
	Version  int
	IPv6     bool
	Pass     bool // simple password, version 2 only
	AH       bool // authentication header, version 2 only
	Unicast  bool
	Interval time.Duration
}

// Protocols are the forms that the suite tries: version 2 cannot do less than
// a second, version 3 takes a tenth.
var Protocols = []Protocol{
	{Name: "v2", Version: 2, Interval: time.Second},
	{Name: "v2pass", Version: 2, Pass: true, Interval: time.Second},
	{Name: "v2unicast", Version: 2, Unicast: true, Interval: time.Second},
	{Name: "v3", Version: 3, Interval: 100 * time.Millisecond},
	{Name: "v3ipv6", Version: 3, IPv6: true, Interval: 100 * time.Millisecond},
	{Name: "v3unicast", Version: 3, Unicast: true, Interval: 100 * time.Millisecond},
	{Name: "v2ah", Version: 2, AH: true, Interval: time.Second},
}

// Skew returns the skew time of a backup (RFC 3768 section 6.1, RFC 5798
// section 6.1).
func (p Protocol) Skew(priority int) time.Duration {
	unit := time.Second
	if p.Version == 3 {
		unit = p.Interval
	}
	return unit * time.Duration(256-priority) / 256
}

// DownTime returns how long a backup waits for the next advert.
func (p Protocol) DownTime(priority int) time.Duration {
	return 3*p.Interval + p.Skew(priority)
}

// VIPs returns the addresses to be held, with their prefix lengths.
func (p Protocol) VIPs() []netip.Prefix {
	if p.IPv6 {
		// The link-local one comes first (RFC 5798 section 5.2.9).
		return []netip.Prefix{netip.MustParsePrefix("fe80::100/64"), netip.MustParsePrefix("2001:db8::100/64")}
	}
	return []netip.Prefix{netip.MustParsePrefix("192.0.2.100/24"), netip.MustParsePrefix("192.0.2.101/24")}
}

// Conf writes the configuration of node i of the segment. Global goes into
// global_defs, before in front of the instance, inside into it.
type Conf struct {
	Protocol Protocol
	LAN      *nettest.LAN
	Node     int
	Priority int

	Global, Before, Inside string
}

// String returns the text of the configuration file.
func (c Conf) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "global_defs {\n\trouter_id N%d\n\tvrrp_version %d\n\tenable_script_security\n\tscript_user root\n%s\n}\n",
		c.Node, c.Protocol.Version, c.Global)
	b.WriteString(c.Before)
	fmt.Fprintf(&b, "\nvrrp_instance %s {\n\tinterface %s\n\tvirtual_router_id %d\n\tpriority %d\n\tadvert_int %g\n",
		Instance, c.LAN.Iface(), VRID, c.Priority, c.Protocol.Interval.Seconds())
	if c.Protocol.Pass {
		fmt.Fprintf(&b, "\tauthentication {\n\t\tauth_type PASS\n\t\tauth_pass %s\n\t}\n", Password)
	}
	if c.Protocol.AH {
		fmt.Fprintf(&b, "\tauthentication {\n\t\tauth_type AH\n\t\tauth_pass %s\n\t}\n", Password)
	}
	if c.Protocol.Unicast {
		fmt.Fprintf(&b, "\tunicast_src_ip %v\n\tunicast_peer {\n", c.LAN.Prefix4(c.Node).Addr())
		for i := 1; i <= c.LAN.Nodes(); i++ {
			if i != c.Node {
				fmt.Fprintf(&b, "\t\t%v\n", c.LAN.Prefix4(i).Addr())
			}
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("\tvirtual_ipaddress {\n")
	for _, vip := range c.Protocol.VIPs() {
		fmt.Fprintf(&b, "\t\t%v\n", vip)
	}
	fmt.Fprintf(&b, "\t}\n%s\n}\n", c.Inside)
	return b.String()
}
