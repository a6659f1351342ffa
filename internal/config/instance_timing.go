package config

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var instanceTiming = []keyword[*instanceDraft]{
	{
		name: "garp_master_delay", args: "SECONDS", doc: "When a new master announces its addresses again; 0: not.", example: "garp_master_delay 5",
		set: instanceSeconds(4294, "garp_master_delay '%s' invalid - ignoring", func(d *instanceDraft, v time.Duration) { d.GARP.MasterDelay = v }),
	},
	{
		name: "garp_master_repeat", args: "COUNT", doc: "Announcements of an address by a new master.", example: "garp_master_repeat 5",
		set: instanceCount(func(d *instanceDraft, v int) { d.GARP.MasterRepeat = v }),
	},
	{
		name: "garp_master_refresh", args: "SECONDS", doc: "How often a master announces its addresses; 0: never again.", example: "garp_master_refresh 60",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			v, _ := l.uint(a, rule{low: 0, high: 1<<32 - 1, bad: "(" + d.Name + "): Invalid garp_master_refresh '%s' - ignoring"})
			d.GARP.Refresh = time.Duration(v) * time.Second
		},
	},
	{
		name: "garp_master_refresh_repeat", args: "COUNT", doc: "Announcements each time.", example: "garp_master_refresh_repeat 1",
		set: instanceCount(func(d *instanceDraft, v int) { d.GARP.RefreshRepeat = v }),
	},
	{
		name: "garp_lower_prio_delay", args: "SECONDS", doc: "As garp_master_delay, after a lower priority advert.", example: "garp_lower_prio_delay 5",
		set: instanceSeconds(4294, "garp_lower_prio_delay '%s' invalid - ignoring", func(d *instanceDraft, v time.Duration) {
			d.GARP.LowerPrioDelay, d.lowerDelaySet = v, true
		}),
	},
	{
		name: "garp_lower_prio_repeat", args: "COUNT", doc: "As garp_master_repeat, after a lower priority advert.", example: "garp_lower_prio_repeat 1",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 0, high: 1<<31 - 1, bad: "(" + d.Name + "): Invalid garp_lower_prio_repeat '%s'"}); ok {
				d.GARP.LowerPrioRepeat, d.lowerRepeatSet = int(v), true
			}
		},
	},
	{
		name: "garp_extra_if", aliases: []string{"vmac_garp_intvl"}, args: "[all] SECONDS", doc: "How often to announce an address on each virtual MAC interface that carries no adverts, or, with all, on every such interface.", example: "garp_extra_if all 60",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			l.garpExtra(a, 0, "garp_extra_if", "("+d.Name+"): ", &d.More.GARPExtra, &d.More.GARPExtraAll)
		},
	},
	{
		name: "lower_prio_no_advert", args: "[BOOL]", doc: "Let a lower priority advert time out instead of answering it.", example: "lower_prio_no_advert true",
		set: instanceBool("invalid lower_prio_no_advert %s specified", func(d *instanceDraft, v bool) { d.lowerNoAdvert = &v }),
	},
	{
		name: "higher_prio_send_advert", args: "[BOOL]", doc: "Send one more advert when yielding to a higher priority.", example: "higher_prio_send_advert true",
		set: instanceBool("invalid higher_prio_send_advert %s specified", func(d *instanceDraft, v bool) { d.higherSend = &v }),
	},
	{
		name: "owner_ignore_adverts", args: "[BOOL]", since: "2.2.8", doc: "An address owner ignores all adverts.", example: "owner_ignore_adverts true",
		set: instanceBool("invalid owner_ignore_adverts %s specified", func(d *instanceDraft, v bool) { d.ownerIgnore = &v }),
	},
	{
		name: "down_timer_adverts", args: "COUNT", doc: "Missed adverts after which the master is down, 1 to 100.", example: "down_timer_adverts 3",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 1, high: 100, bad: "(" + d.Name + "): Invalid down_timer_adverts [1:100] '%s'"}); ok {
				d.DownTimerAdverts = int(v)
			}
		},
	},
	{
		name: "timer_expired_backup", aliases: []string{"thread_timer_expired"}, args: "[PRIORITY]", since: "2.2.8", doc: "A master whose timer ran late becomes backup first.", example: "timer_expired_backup 100",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if a.Keyword() == "thread_timer_expired" {
				a.Report(syntax.Deprecated, "Keyword \"thread_timer_expired\" is deprecated - please use \"timer_expired_backup\"")
			}
			if a.Left() == 0 {
				d.More.TimerExpiredBackup = 254
			} else if v, ok := l.uint(a, rule{low: 1, high: 254, strict: true, bad: "(" + d.Name + ") timer_expired_backup '%s' not valid - must be between 1 & 254"}); ok {
				d.More.TimerExpiredBackup = int(v)
			}
		},
	},
}

func instanceSeconds(high int64, bad string, set func(*instanceDraft, time.Duration)) func(*loader, *instanceDraft, *syntax.Args) {
	return func(l *loader, d *instanceDraft, a *syntax.Args) {
		if v, ok := l.uint(a, rule{low: 0, high: high, bad: "(" + d.Name + "): " + bad}); ok {
			set(d, time.Duration(v)*time.Second)
		}
	}
}

func instanceCount(set func(*instanceDraft, int)) func(*loader, *instanceDraft, *syntax.Args) {
	return func(l *loader, d *instanceDraft, a *syntax.Args) {
		v, ok := l.uint(a, rule{low: 0, high: 1<<32 - 1, bad: "(" + d.Name + "): " + a.Keyword() + " '%s' invalid - ignoring"})
		if !ok {
			return
		}
		if v == 0 {
			a.Report(syntax.General, "(%s): %s must be greater than 0, setting to 1", d.Name, a.Keyword())
			v = 1
		}
		set(d, int(v))
	}
}
