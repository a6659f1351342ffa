package dump

import (
	"iter"
	"strings"
)

// JSON gives the bytes of the JSON file in the shape of json_version: 1, an
// array of instances; 2, an object with the instances and the tracked processes.
// With no instances there is no such file, and the result is nil.
func (d *Data) JSON(version int) []byte { return joined(d.JSONPieces(version)) }

// JSONPieces gives the same bytes as [Data.Pieces] does.
func (d *Data) JSONPieces(version int) iter.Seq[[]byte] {
	return pieces(len(d.Instances), true, func(p *printer, i int) {
		j := &jsonWriter{p.b}
		switch {
		case i > 0:
			j.raw(",")
		case version >= 2:
			j.raw(`{"vrrp":[`)
		default:
			j.raw("[")
		}
		j.instance(&d.Instances[i])
		if i == len(d.Instances)-1 {
			j.raw("]")
			if version >= 2 {
				j.processes(d.Processes)
				j.raw("}")
			}
			j.raw("\n")
		}
		p.b = j.b
	})
}

func (j *jsonWriter) processes(list []Process) {
	if len(list) == 0 {
		return
	}
	j.raw(`,"track_process":[`)
	for i := range list {
		j.item()
		j.process(&list[i])
	}
	j.raw("]")
}

func (j *jsonWriter) instance(v *Instance) {
	j.raw(`{"data":{`)
	j.data(v)
	j.raw(`},"stats":{`)
	j.stats(&v.Stats)
	j.raw("}}")
}

func (j *jsonWriter) data(v *Instance) {
	j.str("iname", v.Name)
	j.flag("dont_track_primary", v.DontTrackPrimary)
	j.flag("skip_check_adv_addr", v.SkipCheckAdvAddr)
	j.flag("strict_mode", v.Strict)
	if v.Virtual != nil {
		j.str("vmac_ifname", v.Virtual.Name)
		j.str("ifp_ifname", v.Virtual.Name)
	} else {
		j.str("vmac_ifname", "")
		if v.Interface != "" {
			j.str("ifp_ifname", v.Interface)
		}
	}
	j.num("master_priority", int64(v.MasterPriority))
	j.key("last_transition")
	j.b = appendInstant(j.b, v.LastTransition)
	j.dur("garp_delay", v.GARP.Delay)
	j.num("garp_refresh", seconds(v.GARP.Refresh))
	j.num("garp_rep", int64(v.GARP.Repeat))
	j.num("garp_refresh_rep", int64(v.GARP.RefreshRepeat))
	j.num("garp_lower_prio_delay", seconds(v.GARP.LowerDelay))
	j.num("garp_lower_prio_rep", int64(v.GARP.LowerRepeat))
	j.flag("lower_prio_no_advert", v.LowerPrioNoAdvert)
	j.flag("higher_prio_send_advert", v.HigherPrioSendAdvert)
	j.num("vrid", int64(v.VRID))
	j.num("base_priority", int64(v.Priority))
	j.num("effective_priority", int64(v.EffectivePriority))
	j.boolean("vipset", anySet(v.Addresses) || anySet(v.Excluded))
	j.boolean("promote_secondaries", v.PromoteSecondaries)
	j.dur("adver_int", v.AdvertInterval)
	j.dur("master_adver_int", v.MasterInterval)
	j.flag("accept", v.Accept)
	j.boolean("nopreempt", v.NoPreempt)
	j.num("preempt_delay", seconds(v.PreemptDelay))
	j.num("state", int64(v.State))
	j.num("wantstate", int64(v.Wants))
	j.num("version", int64(v.Version))
	j.boolean("smtp_alert", v.SMTPAlert)
	j.boolean("notify_deleted", v.NotifyDelete)
	j.optional(v)
}

// optional writes what is only there when it is configured.
func (j *jsonWriter) optional(v *Instance) {
	j.command("script_backup", v.Notify.Backup)
	j.command("script_master", v.Notify.Master)
	j.command("script_fault", v.Notify.Fault)
	j.command("script_stop", v.Notify.Stop)
	j.command("script_deleted", v.Notify.Deleted)
	j.command("script", v.Notify.Any)
	j.command("script_master_rx_lower_pri", v.Notify.RxLowerPri)
	j.list("vips", len(v.Addresses), func(i int) string { return v.Addresses[i].String() })
	j.list("evips", len(v.Excluded), func(i int) string { return v.Excluded[i].String() })
	j.list("vroutes", len(v.Routes), func(i int) string { return v.Routes[i] })
	j.list("vrules", len(v.Rules), func(i int) string { return v.Rules[i] })
	name := func(t []Track) func(int) string { return func(i int) string { return t[i].Name } }
	j.list("track_ifp", len(v.Tracked.Interfaces), name(v.Tracked.Interfaces))
	j.list("track_script", len(v.ScriptCommands), func(i int) string { return v.ScriptCommands[i].String() })
	j.list("track_process", len(v.Tracked.Processes), name(v.Tracked.Processes))
	j.num("auth_type", int64(v.Auth))
	if v.Auth != AuthNone {
		j.str("auth_data", "********")
	}
}

func (j *jsonWriter) stats(s *Stats) {
	for _, c := range []struct {
		name string
		n    uint64
	}{
		{"advert_rcvd", s.AdvertsReceived},
		{"advert_sent", s.AdvertsSent},
		{"become_master", s.BecameMaster},
		{"release_master", s.ReleasedMaster},
		{"packet_len_err", s.PacketLength},
		{"advert_interval_err", s.AdvertInterval},
		{"ip_ttl_err", s.TTL},
		{"invalid_type_rcvd", s.InvalidType},
		{"addr_list_err", s.AddressList},
		{"invalid_authtype", s.AuthInvalidType},
		{"authtype_mismatch", s.AuthTypeMismatch},
		{"auth_failure", s.AuthFailure},
		{"auth_ext_missing", s.ExtMissing},
		{"auth_ext_malformed", s.ExtMalformed},
		{"auth_ext_unknown_key", s.ExtUnknownKey},
		{"auth_ext_invalid_hmac", s.ExtInvalidHMAC},
		{"auth_ext_stale", s.ExtStale},
		{"auth_ext_replay", s.ExtReplay},
		{"pri_zero_rcvd", s.ZeroReceived},
		{"pri_zero_sent", s.ZeroSent},
	} {
		j.num(c.name, int64(c.n))
	}
	if s.SplitBrain > 0 {
		j.num("split_brain_suspected", int64(s.SplitBrain))
	}
}

func (j *jsonWriter) process(v *Process) {
	j.raw("{")
	j.str("process", v.Process)
	if len(v.Params) > 0 {
		j.str("parameters", strings.Join(v.Params, " "))
	}
	j.str("param_match", or(v.ParamMatch, "none"))
	j.num("min_processes", int64(v.Min))
	if v.Max > 0 {
		j.num("max_processes", int64(v.Max))
	}
	j.num("current_processes", int64(v.Current))
	j.boolean("have_quorum", v.HaveQuorum)
	j.num("weight", int64(v.Weight))
	j.dur("terminate_delay", v.TerminateDelay)
	j.dur("fork_delay", v.ForkDelay)
	j.boolean("fork_delay_timer_running", v.ForkTimer)
	j.boolean("terminate_delay_timer_running", v.TerminateTimer)
	j.boolean("full_command", v.FullCommand)
	j.raw("}")
}

func anySet(list []Address) bool {
	for i := range list {
		if list[i].Set {
			return true
		}
	}
	return false
}
