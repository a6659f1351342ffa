package config

import (
	"fmt"
	"slices"
	"time"
)

func (l *loader) settlePreemption(d *instanceDraft) {
	if d.More.Owner && d.NoPreempt {
		l.general(d.at("nopreempt"), "(%s) nopreempt is incompatible with priority %d. resetting nopreempt", d.Name, d.Priority)
		d.NoPreempt = false
	}
	if d.StateMaster {
		if d.NoPreempt {
			l.general(d.at("nopreempt"), "(%s) Warning - nopreempt will not work with initial state MASTER - clearing", d.Name)
			d.NoPreempt = false
		}
		if d.PreemptDelay > 0 {
			l.general(d.at("preempt_delay"), "(%s) Warning - preempt delay will not work with initial state MASTER - clearing", d.Name)
			d.PreemptDelay = 0
		}
	}
	if d.PreemptDelay > 0 && (d.Strict || d.NoPreempt) {
		why := "nopreempt"
		if d.Strict {
			why = "strict"
		}
		l.general(d.at("preempt_delay"), "(%s) preempt_delay is incompatible with %s mode - resetting", d.Name, why)
		d.PreemptDelay = 0
	}
	if d.Strict && d.DownTimerAdverts != 3 {
		l.general(d.at("down_timer_adverts"), "(%s) down_timer_adverts is incompatible with strict mode - resetting", d.Name)
		d.DownTimerAdverts = 3
	}
	if d.More.TimerExpiredBackup > 0 && !d.NoPreempt {
		l.general(d.at("timer_expired_backup"), "(%s) timer_expired_backup needs nopreempt - ignoring it", d.Name)
		d.More.TimerExpiredBackup = 0
	}
	d.Accept = d.More.Owner || !d.Strict
	if d.accept != nil && !d.More.Owner {
		d.Accept = *d.accept
		if d.Strict && d.Version == 2 && d.Accept {
			l.general(d.at("accept"), "(%s) warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting", d.Name)
			d.Accept = false
		}
	}
}

func (l *loader) settleStrict(d *instanceDraft) {
	g := &l.cfg.Global
	d.LowerPrioNoAdvert, d.HigherPrioSendAdvert = g.More.LowerPrioNoAdvert || d.Strict, g.More.HigherPrioSendAdvert && !d.Strict
	if d.lowerNoAdvert != nil {
		d.LowerPrioNoAdvert = *d.lowerNoAdvert
	}
	if d.higherSend != nil {
		d.HigherPrioSendAdvert = *d.higherSend
	}
	if d.Strict {
		if d.lowerRepeatSet && d.GARP.LowerPrioRepeat > 0 {
			l.general(d.at("garp_lower_prio_repeat"), "(%s) Strict mode requires no repeat garps. resetting", d.Name)
		}
		if d.lowerDelaySet && d.GARP.LowerPrioDelay > 0 {
			l.general(d.at("garp_lower_prio_delay"), "(%s) Strict mode requires no repeat garp delay. resetting", d.Name)
		}
		d.GARP.LowerPrioRepeat, d.GARP.LowerPrioDelay = 0, 0
		if !d.LowerPrioNoAdvert {
			l.general(d.at("lower_prio_no_advert"), "(%s) Strict mode requires no lower priority advert. resetting", d.Name)
			d.LowerPrioNoAdvert = true
		}
		if d.HigherPrioSendAdvert {
			l.general(d.at("higher_prio_send_advert"), "(%s) strict mode requires higher_prio_send_advert to be clear. resetting", d.Name)
			d.HigherPrioSendAdvert = false
		}
	}
	d.OwnerIgnoreAdverts = g.More.OwnerIgnoreAdverts && d.More.Owner
	if d.ownerIgnore == nil {
		return
	}
	if d.OwnerIgnoreAdverts = *d.ownerIgnore; d.OwnerIgnoreAdverts != d.More.Owner {
		if d.More.Owner {
			l.general(d.at("owner_ignore_adverts"), "(%s) Strict mode requires owner_ignore_adverts - setting it", d.Name)
		} else {
			l.general(d.at("owner_ignore_adverts"), "(%s) owner_ignore_adverts is only for the address owner - ignoring it", d.Name)
		}
		d.OwnerIgnoreAdverts = d.More.Owner
	}
}

func (l *loader) settleVirtualInterface(d *instanceDraft) {
	virtual := d.UseVMAC || d.More.IPVLAN
	switch {
	case d.VMACXmitBase && d.Strict:
		l.general(d.at("vmac_xmit_base"), "(%s) xmit_base is incompatible with strict mode - resetting", d.Name)
		d.VMACXmitBase = false
	case d.VMACXmitBase && !virtual:
		l.general(d.at("vmac_xmit_base"), "(%s) vmac_xmit_base is only valid with a vmac", d.Name)
		d.VMACXmitBase = false
	}
	if d.PromoteSecondaries && virtual {
		l.general(d.at("promote_secondaries"), "(%s) promote_secondaries is automatically set for vmacs - ignoring", d.Name)
		d.PromoteSecondaries = false
	}
	if d.More.IPVLAN && !d.IPv6 && !d.More.IPVLANAddr.IsValid() {
		l.general(d.at("use_ipvlan"), "(%s) IPv4 ipvlan needs an address - disabling", d.Name)
		d.Faults = append(d.Faults, "use_ipvlan has no address")
	}
}

// maxAdvertInt3 is the longest interval that fits version 3's 12 bits.
const maxAdvertInt3 = 40950 * time.Millisecond

func (l *loader) settleAdvertInt(d *instanceDraft) {
	const unit = 10 * time.Millisecond
	asked := d.AdvertInt
	switch {
	case d.Version == 2 && asked%time.Second != 0:
		l.general(d.at("advert_int"), "(%s) VRRPv2 advertisement interval %fs must be an integer. rounding", d.Name, asked.Seconds())
		d.AdvertInt = max(time.Second, (asked + time.Second/2).Truncate(time.Second))
	case d.Version == 3 && asked >= maxAdvertInt3+unit:
		l.general(d.at("advert_int"), "(%s) VRRPv3 advertisement interval %.2fs is out of range. Must be less than 40.96s. Setting to 40.95s", d.Name, asked.Seconds())
		d.AdvertInt = maxAdvertInt3
	case d.Version == 3 && asked%unit != 0:
		l.general(d.at("advert_int"), "(%s) VRRPv3 advertisement interval %fs must be in units of 10ms - rounding", d.Name, asked.Seconds())
		d.AdvertInt = min(maxAdvertInt3, max(unit, (asked+unit/2).Truncate(unit)))
	}
	l.settleDebounce(d)
}

// settleDebounce shortens the delays of the instance's interface: with longer ones
// the others would have elected a new Master before this one gives up. The skew
// of the highest priority has to fit in too.
func (l *loader) settleDebounce(d *instanceDraft) {
	for i := range l.cfg.Global.More.Debounce {
		b := &l.cfg.Global.More.Debounce[i]
		most := time.Duration(d.DownTimerAdverts-1) * d.AdvertInt
		switch {
		case b.Interface != d.Interface || b.Down == 0 && b.Up == 0:
		case d.DownTimerAdverts == 1:
			l.logged(d.at("down_timer_adverts"), "%s: cannot use debounce timers with down_timer_adverts = 1 - resetting", d.Name)
			b.Down, b.Up = 0, 0
		case b.Down >= most || b.Up >= most:
			l.logged(d.at("interface"), "%s: interface %s debounce timer(s) not less that %d * advert_int - resetting", d.Name, d.Interface, d.DownTimerAdverts-1)
			most -= (d.AdvertInt / 256).Truncate(time.Microsecond)
			b.Down, b.Up = min(b.Down, most), min(b.Up, most)
		}
	}
}

// settleTracking drops weights where they cannot work: in a sync group
// without sync_group_tracking_weight and for an address owner.
func (l *loader) settleTracking(d *instanceDraft) {
	base := d.Interface
	if link := l.machine.link(base); link != nil && link.Base != "" {
		base = link.Base
	}
	d.TrackInterfaces = slices.DeleteFunc(d.TrackInterfaces, func(t Track) bool {
		own := t.Name == d.Interface || t.Name == base
		if own {
			l.general(t.Pos, "(%s) Ignoring track_interface %s since own interface", d.Name, t.Name)
		}
		return own
	})
	inGroup := d.group != nil && !d.group.TrackingWeight
	if !inGroup && !d.More.Owner {
		return
	}
	why := "address_owner"
	if inGroup {
		why = "SYNC group"
	}
	drop := func(kind string) func(Track) bool {
		return func(t Track) bool {
			if t.Weight == 0 {
				return false
			}
			weight := fmt.Sprintf("weight %d", t.Weight)
			if kind == "script" {
				weight = "weights"
			}
			l.general(t.Pos, "(%s) ignoring tracked %s %s with %s due to %s", d.Name, kind, t.Name, weight, why)
			return true
		}
	}
	if d.More.Owner {
		d.TrackInterfaces = slices.DeleteFunc(d.TrackInterfaces, func(t Track) bool {
			if t.Weight != 0 {
				l.general(t.Pos, "(%s) ignoring %s tracked interface due to address owner", d.Name, t.Name)
			}
			return t.Weight != 0
		})
	}
	for i, t := range d.TrackInterfaces {
		if t.Weight != 0 {
			l.general(t.Pos, "(%s) ignoring %s tracked interface weight due to %s", d.Name, t.Name, why)
			d.TrackInterfaces[i].Weight = 0
		}
	}
	d.TrackScripts = slices.DeleteFunc(d.TrackScripts, drop("script"))
	d.More.TrackBFD = slices.DeleteFunc(d.More.TrackBFD, drop("bfd"))
	for i, t := range d.More.TrackFiles {
		if t.Weight == 1 {
			l.general(t.Pos, "(%s) ignoring weight from tracked file %s due to %s. specify weight 0", d.Name, t.Name, why)
			d.More.TrackFiles[i].Weight = 0
		}
	}
	d.More.TrackFiles = slices.DeleteFunc(d.More.TrackFiles, drop("file"))
}
