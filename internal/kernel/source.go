package kernel

import "net/netip"

// PickSource chooses the source address of adverts on a link that has none
// configured: IPv4 any address, IPv6 a link-local one. It keeps current as
// long as the link has it. Without a current one it takes the address that the
// kernel reported first; when current has disappeared, the one that was added
// last. Addresses for which exclude is true, which are the virtual ones, and
// those that duplicate address detection has not cleared are never taken. The
// result is invalid if there is no address.
func PickSource(link Link, ipv6 bool, exclude func(netip.Addr) bool, current netip.Addr) netip.Addr {
	var first, last netip.Addr
	for _, a := range link.Addrs {
		addr := a.Prefix.Addr()
		switch {
		case addr.Is4() == ipv6, ipv6 && !addr.IsLinkLocalUnicast(), !a.Usable(), exclude != nil && exclude(addr):
			continue
		case addr == current:
			return current
		}
		if !first.IsValid() {
			first = addr
		}
		last = addr
	}
	if current.IsValid() {
		return last
	}
	return first
}
