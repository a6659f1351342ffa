package daemon

import (
	"context"
	"reflect"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/track"
)

// processTracker watches all tracked processes together.
type processTracker struct {
	cfgs   []track.ProcessConfig
	buffer track.Buffer
	set    *track.ProcessSet
	cancel context.CancelFunc
	done   chan struct{}
}

// trackProcesses watches the processes of the configuration, anew if they are
// not those that are watched already.
func (d *Daemon) trackProcesses(cfg *config.Config) {
	buffer := track.Buffer{Size: int(cfg.Global.More.ProcessMonitorRcvBufs), Force: cfg.Global.More.ProcessMonitorRcvForce}
	var cfgs []track.ProcessConfig
	for _, p := range cfg.Processes {
		if len(d.watchers[trackKey{fsm.TrackProcess, p.Name}]) > 0 {
			cfgs = append(cfgs, processConfig(p))
		}
	}
	if d.processes != nil && reflect.DeepEqual(d.processes.cfgs, cfgs) && d.processes.buffer == buffer {
		return
	}
	d.stopProcesses()
	if len(cfgs) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &processTracker{cfgs: cfgs, buffer: buffer, cancel: cancel, done: make(chan struct{})}
	t.set = track.NewProcessSet(cfgs, track.ProcessOptions{
		Buffer: buffer, Log: d.scriptLog,
		Verdict: func(name string, good bool, why string) {
			d.do(func() {
				if d.processes == t {
					d.report(trackKey{fsm.TrackProcess, name}, verdictOf(good, why))
				}
			})
		},
	})
	d.processes = t
	go func() {
		defer close(t.done)
		if err := t.set.Run(ctx); err != nil && ctx.Err() == nil {
			d.log.alertf("process tracking has stopped: %v", err)
		}
	}()
	// The first look decides the first state, and takes milliseconds.
	select {
	case <-t.set.Ready():
	case <-time.After(firstLook):
		d.log.infof("the first look at the processes takes long; going on without it")
	}
}

func processConfig(p *config.Process) track.ProcessConfig {
	match := map[config.ParamMatch]track.ParamMatch{
		config.ParamsIgnored: track.MatchDefault, config.ParamsExact: track.MatchExact,
		config.ParamsInitial: track.MatchInitial, config.ParamsPartial: track.MatchPartial,
	}
	return track.ProcessConfig{
		Name: p.Name, Process: p.Process, Params: p.Params, Match: match[p.ParamMatch], FullCommand: p.FullCommand,
		Quorum: p.Quorum, QuorumMax: p.QuorumMax, ForkDelay: p.ForkDelay, TerminateDelay: p.TerminateDelay,
	}
}

func (d *Daemon) stopProcesses() {
	if d.processes != nil {
		d.processes.cancel()
		d.processes = nil
	}
}
