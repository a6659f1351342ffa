package daemon

import (
	"math"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/track"
)

// scripts are those that run: one that nobody tracks is left out, as in
// keepalived, and of two with one name the first counts.
func (sv *survey) scripts() []dump.Script {
	var all []dump.Script
	seen := map[string]bool{}
	for _, c := range sv.d.cfg.Scripts {
		if t := sv.d.scripts[c.Name]; t != nil && !seen[c.Name] {
			seen[c.Name] = true
			all = append(all, sv.script(c, t.script.State()))
		}
	}
	return all
}

func (sv *survey) script(c *config.Script, state track.ScriptState) dump.Script {
	s := dump.Script{
		Name: c.Name, Command: *commandText(&c.Command), Interval: c.Interval, Timeout: c.Timeout,
		Weight: c.Weight, Reverse: c.Reverse, Rise: c.Rise, Fall: c.Fall, Insecure: c.Insecure,
		Result: state.Count, Good: state.Good, State: state.Phase.String(),
		TrackedBy: sv.trackedBy(fsm.TrackScript, c.Name),
	}
	switch {
	case !state.Known && c.InitFail:
		s.Init = "INIT/FAILED"
	case !state.Known:
		s.Init = "INIT"
	case state.Restored:
		s.Init = "INIT/RELOAD"
	}
	return s
}

var paramMatches = map[config.ParamMatch]string{
	config.ParamsExact: "exact", config.ParamsInitial: "initial", config.ParamsPartial: "partial",
}

func (sv *survey) processes() []dump.Process {
	states := map[string]track.ProcessState{}
	if sv.d.processes != nil {
		for _, s := range sv.d.processes.set.State() {
			states[s.Name] = s
		}
	}
	var all []dump.Process
	for _, c := range sv.d.cfg.Processes {
		if s, watched := states[c.Name]; watched {
			all = append(all, sv.process(c, s))
		}
	}
	return all
}

func (sv *survey) process(c *config.Process, s track.ProcessState) dump.Process {
	return dump.Process{
		Name: c.Name, Process: c.Process, Params: c.Params, ParamMatch: paramMatches[c.ParamMatch],
		Min: c.Quorum, Max: quorumMax(c.QuorumMax), Current: s.Count, HaveQuorum: s.Good,
		Weight: c.Weight, Reverse: c.Reverse,
		TerminateDelay: c.TerminateDelay, ForkDelay: c.ForkDelay,
		ForkTimer: s.ForkPending, TerminateTimer: s.TerminatePending, FullCommand: c.FullCommand,
		TrackedBy: sv.trackedBy(fsm.TrackProcess, c.Name),
	}
}

// quorumMax is 0 where the configuration sets no limit.
func quorumMax(n int) int {
	if n >= math.MaxInt32 {
		return 0
	}
	return n
}

// trackFiles are those that somebody tracks.
func (sv *survey) trackFiles() []dump.TrackFile {
	values := map[string]int{}
	if sv.d.values != nil {
		for _, s := range sv.d.values.set.State() {
			values[s.Name] = s.Value
		}
	}
	var all []dump.TrackFile
	for _, c := range sv.d.cfg.TrackFiles {
		if v, watched := values[c.Name]; watched {
			all = append(all, dump.TrackFile{
				Name: c.Name, Path: c.Path, Status: int64(v), Weight: c.Weight, Reverse: c.Reverse,
				TrackedBy: sv.trackedBy(fsm.TrackFile, c.Name),
			})
		}
	}
	return all
}

// bfds are the sessions that instances may track.
func (sv *survey) bfds() []dump.BFD {
	var all []dump.BFD
	for _, c := range sv.d.cfg.BFDs {
		if c.ForVRRP {
			all = append(all, dump.BFD{
				Name: c.Name, Weight: c.Weight, Reverse: c.Reverse,
				Up:        sv.d.verdicts[trackKey{fsm.TrackBFD, c.Name}].verdict == fsm.Good,
				TrackedBy: sv.trackedBy(fsm.TrackBFD, c.Name),
			})
		}
	}
	return all
}

// trackedBy lists the instances that track something: those that say so in the
// order of the configuration, then those for whom their groups do, in theirs.
// Every instance is in the list of its interface.
func (sv *survey) trackedBy(kind fsm.TrackKind, name string) []dump.Track {
	if sv.own == nil {
		sv.own, sv.their = tracking(sv.members), tracking(sv.grouped)
	}
	var all []dump.Track
	add := func(list []*member, itself bool) {
		for _, m := range list {
			set := m.set.Load()
			if t, ok := trackOf(set, kind, name); ok && (tracksItself(set.cfg, kind, name) || sv.tracksStatic(set.cfg, kind, name) || set.seat.has(name)) == itself {
				all = append(all, t)
			}
		}
	}
	add(sv.own[trackKey{kind, name}], true)
	add(sv.their[trackKey{kind, name}], false)
	return all
}

// tracking are the members by what they may track, in their order, each once.
func tracking(members []*member) map[trackKey][]*member {
	all := map[trackKey][]*member{}
	for _, m := range members {
		set := m.set.Load()
		add := func(k trackKey) {
			if list := all[k]; len(list) == 0 || list[len(list)-1] != m {
				all[k] = append(list, m)
			}
		}
		for i := range set.spec.Trackers {
			add(trackKey{set.spec.Trackers[i].Kind, set.spec.Trackers[i].Name})
		}
		for _, link := range []string{set.cfg.Interface, set.seat.virtual, set.seat.iface} { // as in concerns
			add(trackKey{fsm.TrackInterface, link})
		}
	}
	return all
}

// trackOf is how an instance tracks something; false: it does not.
func trackOf(set *settings, kind fsm.TrackKind, name string) (dump.Track, bool) {
	i := slices.IndexFunc(set.spec.Trackers, func(t fsm.Tracker) bool { return t.Kind == kind && t.Name == name })
	if i >= 0 {
		t := &set.spec.Trackers[i]
		return dump.Track{Name: set.cfg.Name, Weight: t.Weight, Reverse: t.Reverse}, true
	}
	t := dump.Track{Name: set.cfg.Name}
	if set.cfg.DontTrackPrimary {
		t.Weight = notTracked
	}
	return t, kind == fsm.TrackInterface && set.seat.concerns(set.cfg, name)
}

// notTracked is the weight that keepalived shows for an interface that an instance
// uses and does not track.
const notTracked = 255

// tracksStatic tells whether an instance tracks something for the sake of what is
// static.
func (sv *survey) tracksStatic(c *config.Instance, kind fsm.TrackKind, name string) bool {
	return slices.ContainsFunc(staticTrackers(sv.d.cfg, c.Name, sv.d.opt.StrictCompat), func(t fsm.Tracker) bool {
		return t.Kind == kind && t.Name == name
	})
}

// tracksItself tells whether an instance tracks something without its group.
func tracksItself(c *config.Instance, kind fsm.TrackKind, name string) bool {
	var list []config.Track
	switch kind {
	case fsm.TrackInterface:
		onIt := func(a config.Address) bool { return a.Dev == name && !a.NoTrack }
		over := func(r config.Route) bool { return r.Dev == name && !r.NoTrack }
		if c.Interface == name || slices.ContainsFunc(c.Addresses, onIt) || slices.ContainsFunc(c.Excluded, onIt) ||
			slices.ContainsFunc(c.More.Routes, over) {
			return true
		}
		list = c.TrackInterfaces
	case fsm.TrackScript:
		list = c.TrackScripts
	case fsm.TrackProcess:
		list = c.TrackProcesses
	case fsm.TrackFile:
		list = c.More.TrackFiles
	case fsm.TrackBFD:
		list = c.More.TrackBFD
	}
	return slices.ContainsFunc(list, func(t config.Track) bool { return t.Name == name })
}

func tracked(interfaces, scripts, files, processes, bfds []config.Track) dump.Tracked {
	return dump.Tracked{
		Interfaces: tracks(interfaces), Scripts: tracks(scripts), Files: tracks(files), Processes: tracks(processes), BFDs: tracks(bfds),
	}
}

func tracks(list []config.Track) []dump.Track {
	var out []dump.Track
	for _, t := range list {
		out = append(out, dump.Track{Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	return out
}
