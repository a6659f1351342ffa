package daemon

import (
	"bufio"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/ownfile"
	"github.com/holdfast-ha/holdfast/internal/trace"
)

// Bounds of a recording.
const (
	// recordLimit is the size at which it ends: what is needed to replay
	// anything is its beginning.
	recordLimit = 64 << 20
	// recordQueue is how many steps may wait for the disk.
	recordQueue = 4096
)

// recording writes the traces of all groups into one file (--record). Runners
// hand over lines without waiting; its own goroutine writes them. Steps that
// find the queue full are missing, and their trace says so. It has no secrets:
// the state machine knows none.
type recording struct {
	log   *logger
	file  *os.File
	start time.Time // from which all times count
	limit int64
	queue chan []byte
	ended atomic.Bool // nothing more is taken
	done  chan struct{}
	count int // of traces; the manager's
}

// record opens a recording. There is none when the file cannot be made: the
// addresses matter more.
func record(path, version string, log *logger) *recording {
	f, err := ownfile.Open(path, ownfile.Truncate, 0o600)
	if err != nil {
		log.infof("--record: nothing is recorded: %v", err)
		return nil
	}
	k := newRecording(f, recordLimit, log)
	log.infof("--record: recording to %s, at most %d MiB", path, recordLimit>>20)
	k.push(fmt.Appendf(nil, "# Holdfast %s, recorded from %s on\n", version, k.start.Format(time.RFC3339Nano)))
	go k.run()
	return k
}

func newRecording(f *os.File, limit int64, log *logger) *recording {
	return &recording{
		log: log, file: f, start: time.Now(), limit: limit,
		queue: make(chan []byte, recordQueue), done: make(chan struct{}),
	}
}

// push hands over whole lines; false: there is no room for them.
func (k *recording) push(lines []byte) bool {
	select {
	case k.queue <- lines:
		return true
	default:
		return false
	}
}

// run writes until stop, the limit or an error.
func (k *recording) run() {
	defer close(k.done)
	w := bufio.NewWriterSize(k.file, 1<<16)
	var size int64
	for lines := range k.queue {
		switch {
		case lines == nil:
			k.ended.Store(true)
			fmt.Fprintf(w, "# end\n")
			k.flushed(w)
			return
		case size+int64(len(lines)) > k.limit:
			k.ended.Store(true)
			fmt.Fprintf(w, "# the recording has reached %d bytes and ends here\n", k.limit)
			k.flushed(w)
			k.log.infof("--record: the recording has reached its limit of %d MiB and has ended", k.limit>>20)
			return
		}
		n, err := w.Write(lines)
		size += int64(n)
		if err == nil && len(k.queue) == 0 {
			err = w.Flush()
		}
		if err != nil {
			k.ended.Store(true)
			k.log.infof("--record: the recording has ended: %v", err)
			_ = k.file.Close()
			return
		}
	}
}

func (k *recording) flushed(w *bufio.Writer) {
	if err := w.Flush(); err != nil {
		k.log.infof("--record: %v", err)
	}
	_ = k.file.Close()
}

// stop ends the recording when all that waits has been written, or after a while.
func (k *recording) stop(limit time.Duration) {
	if k == nil {
		return
	}
	timeout := time.After(limit)
	select {
	case k.queue <- nil:
	case <-k.done:
		return
	case <-timeout:
		return
	}
	select {
	case <-k.done:
	case <-timeout:
	}
}

// recorder records a runner's steps.
type recorder struct {
	*trace.Recorder
	number int // of its trace
}

// recorder begins the trace of a group; nil: nothing is recorded. From tells for
// each instance that was one of another group which.
func (k *recording) recorder(g *fsm.Group, specs []*fsm.Spec, from map[fsm.ID]origin) *recorder {
	if k == nil || k.ended.Load() {
		return nil
	}
	k.count++
	s := &recordStream{k: k, number: k.count}
	for id := range specs {
		if o, ok := from[fsm.ID(id)]; ok {
			_, _ = s.Write([]byte(trace.AdoptLine(fsm.ID(id), o.trace, o.id)))
		}
	}
	return &recorder{trace.NewStream(s, k.start, g.Name(), specs...), k.count}
}

// origin is which instance of which trace an instance was.
type origin struct {
	trace int
	id    fsm.ID
}

// recordStream is one trace. It belongs to the goroutine that owns the group.
type recordStream struct {
	k      *recording
	number int
	lost   uint64
}

// Write implements [trace.Stream]. An error makes the recorder silent.
func (s *recordStream) Write(lines []byte) (int, error) {
	if s.k.ended.Load() {
		return 0, os.ErrClosed
	}
	if s.lost > 0 {
		if !s.k.push(trace.Prefixed(s.number, []byte(trace.GapLine(s.lost)))) {
			s.lost++
			return len(lines), nil
		}
		s.k.log.infof("--record: trace %d has a gap of %d steps: the disk is slow", s.number, s.lost)
		s.lost = 0
	}
	if !s.k.push(trace.Prefixed(s.number, lines)) {
		s.lost++
	}
	return len(lines), nil
}
