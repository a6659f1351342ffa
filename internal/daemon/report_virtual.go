package daemon

import (
	"slices"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// seated are addresses of an instance as they are shown: where they really are.
func (sv *survey) seated(set *settings, list []config.Address, held bool) []dump.Address {
	list = slices.Clone(list)
	for i := range list {
		list[i].Dev = set.seat.dev(set.cfg, list[i])
	}
	return sv.addresses(list, held)
}

// virtual adds the virtual link of an instance.
func (sv *survey) virtual(i *dump.Instance, set *settings) {
	c := set.cfg
	i.VirtualAddresses = c.More.VMACAddr
	if set.seat.virtual == "" {
		return
	}
	v := &dump.Virtual{IPVLAN: c.More.IPVLAN, Name: set.seat.virtual, Up: sv.d.linkUp(set.seat.virtual), TransmitBase: c.VMACXmitBase, Group: c.More.VMACGroup}
	if v.IPVLAN {
		v.Group = c.More.IPVLANGroup
	}
	if mac := c.More.VMACMAC; mac != nil {
		v.MACWithVRID = len(mac) == 5
		v.MAC = append(slices.Clone(mac), c.VRID)[:6]
	}
	i.Virtual = v
}

// refined tells whether it is the interface or its base that is down.
func (sv *survey) refined(set *settings, f dump.InterfaceFault) dump.InterfaceFault {
	if f&dump.FaultInterfaceDown != 0 && set.seat.virtual != "" && !sv.d.linkUp(set.cfg.Interface) {
		f = f&^dump.FaultInterfaceDown | dump.FaultBaseDown
	}
	return f
}

var macvlanModes = map[uint32]string{1: "private", 2: "vepa", 4: "bridge", 8: "passthru"}

// virtualLink adds what there is to say of an interface that is virtual, or below
// such a one.
func (sv *survey) virtualLink(i *dump.Interface, l *kernel.Link) {
	i.ArpIgnore, i.ArpFilter = sv.d.undo.before(l.Name, "ipv4/arp_ignore"), sv.d.undo.before(l.Name, "ipv4/arp_filter")
	i.ARPResets = sv.resets[l.Name]
	if v := sv.virtuals[l.Name]; v != nil && !v.IPVLAN {
		zero := 0
		i.ArpIgnore, i.RPFilter = 1, &zero
		if v.IPv4 {
			i.PromoteSecondaries = 1
		}
	}
	if l.Kind != "macvlan" && l.Kind != "ipvlan" {
		return
	}
	x := &dump.VirtualLink{Mode: macvlanModes[l.Mode], IPVLAN: l.Kind == "ipvlan", Ours: sv.base(l.Name) != ""}
	if x.IPVLAN {
		x.Mode = [...]string{"bridge", "private", "vepa"}[min(l.Mode, 2)]
	}
	if b := sv.links[l.Lower]; b != nil {
		x.Base, x.BaseUp, x.BaseRunning = b.Name, b.AdminUp, b.Running
	}
	i.Virtual = x
}
