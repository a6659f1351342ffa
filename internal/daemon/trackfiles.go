package daemon

import (
	"context"
	"reflect"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/track"
)

// fileTracker watches all tracked files together.
type fileTracker struct {
	cfgs   []track.FileConfig
	set    *track.FileSet
	cancel context.CancelFunc
	done   chan struct{}
}

// firstLook is how long the first look at what is tracked may delay a start or
// a reload. It takes milliseconds.
const firstLook = time.Second

// initFiles sets up the tracked files that are to have a value at the start.
func (d *Daemon) initFiles() {
	for _, f := range d.cfg.TrackFiles {
		if f.Init == nil {
			continue
		}
		if err := track.InitFile(f.Path, *f.Init, f.Overwrite); err != nil {
			d.log.infof("track_file %s: %v", f.Name, err)
		}
	}
}

// followFiles watches the files of the configuration, anew if they are not those
// that are watched already.
func (d *Daemon) followFiles(cfg *config.Config) {
	var cfgs []track.FileConfig
	for _, f := range cfg.TrackFiles {
		if len(d.watchers[trackKey{fsm.TrackFile, f.Name}]) > 0 {
			cfgs = append(cfgs, track.FileConfig{Name: f.Name, Path: f.Path})
		}
	}
	if d.values != nil && reflect.DeepEqual(d.values.cfgs, cfgs) {
		return
	}
	d.stopFiles()
	for k := range d.verdicts {
		if k.kind == fsm.TrackFile && len(d.watchers[k]) == 0 {
			delete(d.verdicts, k)
		}
	}
	if len(cfgs) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &fileTracker{cfgs: cfgs, cancel: cancel, done: make(chan struct{})}
	t.set = track.NewFileSet(cfgs, track.FileOptions{
		Log: d.scriptLog,
		Value: func(name string, value int, why string) {
			d.do(func() {
				if d.values == t {
					d.report(trackKey{fsm.TrackFile, name}, verdict{fsm.Good, value, why})
				}
			})
		},
	})
	d.values = t
	go func() {
		defer close(t.done)
		if err := t.set.Run(ctx); err != nil && ctx.Err() == nil {
			d.log.alertf("file tracking has stopped: %v", err)
		}
	}()
	select {
	case <-t.set.Ready():
	case <-time.After(firstLook):
		d.log.infof("the first look at the tracked files takes long; going on without it")
	}
}

func (d *Daemon) stopFiles() {
	if d.values != nil {
		d.values.cancel()
		d.values = nil
	}
}
