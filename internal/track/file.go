package track

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// FileConfig names a file that holds a number.
type FileConfig struct{ Name, Path string }

// FileOptions are the options of a FileSet.
type FileOptions struct {
	// Value is told of the first value of each file and of each change. why
	// fits into a sentence.
	Value func(name string, value int, why string)
	Log   spawn.LogFunc

	// Poll is how often the files are looked for although their directories are
	// watched. 0: one second.
	Poll time.Duration
}

// FileState is a tracked file at one moment.
type FileState struct {
	Name  string
	Value int
}

// emptyTime is how long a file that has just become empty has to stay so: it may
// be about to be written.
const emptyTime = 50 * time.Millisecond

// FileSet follows numbers in files. The value of a file is the integer of 32 bits
// that it begins with; of one that is missing, empty or holds something else
// it is 0. A number that is too large, or a file that cannot be read, leaves
// the value as it was.
//
// A file counts as changed when it is closed after writing, created, deleted, or
// replaced, also where symbolic links lead to it. The directories are watched
// by inotify; once a second it is checked that the paths still lead there,
// which inotify does not tell of directories further up and of mounts. Where
// there is no inotify to be had, the same check finds the changes.
type FileSet struct {
	opt     FileOptions
	files   []*file
	ready   chan struct{}
	open    func() (*watcher, error)
	watcher *watcher // nil: there is none
	bySpot  map[spot][]*file
	byDir   map[string][]*file
	blind   bool // not everything is watched
	said    string

	mu     sync.Mutex // guards states
	states []FileState
}

// file is what is known of one file.
type file struct {
	cfg     FileConfig
	path    string // absolute
	spots   []spot
	at      fingerprint // when it was read last
	known   bool
	value   int
	problem string // that was logged last
	// empty is when it became empty, if that does not count yet; zero: not so.
	empty time.Time
}

// NewFileSet makes a set ready to run.
func NewFileSet(cfgs []FileConfig, opt FileOptions) *FileSet {
	if opt.Poll <= 0 {
		opt.Poll = time.Second
	}
	s := &FileSet{opt: opt, ready: make(chan struct{}), open: newWatcher}
	for _, c := range cfgs {
		path, err := filepath.Abs(c.Path)
		if err != nil {
			path = c.Path
		}
		s.files = append(s.files, &file{cfg: c, path: path})
	}
	s.publish()
	return s
}

// Ready is closed after the files have been read for the first time, when their
// values have been delivered.
func (s *FileSet) Ready() <-chan struct{} { return s.ready }

// State returns the files in the order of their configuration. It may be called
// at any time.
func (s *FileSet) State() []FileState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.states)
}

// Run follows the files until ctx ends. It is to be called once; it returns nil.
func (s *FileSet) Run(ctx context.Context) error {
	batches := make(chan map[happening]bool)
	w, err := s.open()
	if err != nil {
		s.limited(err)
	} else {
		s.watcher = w
		defer w.file.Close()
		var wait sync.WaitGroup
		defer wait.Wait()
		wait.Go(func() { w.pump(ctx, batches) })
	}
	s.look(s.files, true)
	close(s.ready)

	poll := time.NewTicker(s.opt.Poll)
	defer poll.Stop()
	check := time.NewTimer(time.Hour) // of what has become empty
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case batch := <-batches:
			dirty, moved := s.concerned(batch)
			s.look(dirty, moved)
		case <-poll.C:
			if dirty := s.strayed(); len(dirty) > 0 {
				s.look(dirty, true)
			}
		case <-check.C:
			s.look(slices.DeleteFunc(slices.Clone(s.files), func(f *file) bool { return f.empty.IsZero() }), false)
		}
		if slices.ContainsFunc(s.files, func(f *file) bool { return !f.empty.IsZero() }) {
			check.Reset(emptyTime)
		}
	}
}

// concerned returns the files that a batch of changes may be about; moved: the
// directories have to be watched anew.
func (s *FileSet) concerned(batch map[happening]bool) (dirty []*file, moved bool) {
	set := map[*file]bool{}
	add := func(list []*file) {
		for _, f := range list {
			set[f] = true
		}
	}
	for h := range batch {
		if h.lost {
			return s.files, true
		}
		for _, dir := range s.watcher.paths[h.wd] {
			if h.left {
				moved = true
				add(s.byDir[dir])
				continue
			}
			add(s.bySpot[spot{dir, h.name}])
		}
	}
	for _, f := range s.files { // in their order
		if set[f] {
			dirty = append(dirty, f)
		}
	}
	return dirty, moved
}

// strayed returns the files that are not those that were read, without a report
// of the change.
func (s *FileSet) strayed() []*file {
	away := map[string]bool{}
	if s.watcher != nil {
		for _, dir := range s.watcher.moved() {
			away[dir] = true
		}
	}
	var dirty []*file
	for _, f := range s.files {
		now := lookAt(f.path)
		switch {
		case !now.sameFile(f.at), s.blind && now != f.at,
			slices.ContainsFunc(f.spots, func(p spot) bool { return away[p.dir] }):
			dirty = append(dirty, f)
		}
	}
	return dirty
}

// look finds out where the files are now, watches the directories, and reads
// the files. What changes between these steps is found by doing it again.
func (s *FileSet) look(files []*file, rewatch bool) {
	for range 3 {
		for _, f := range files {
			if spots := follow(f.path); !slices.Equal(spots, f.spots) {
				f.spots, rewatch = spots, true
			}
		}
		if rewatch {
			s.watch()
		}
		for _, f := range files {
			s.read(f)
		}
		if !rewatch {
			break
		}
		rewatch = false
	}
	s.publish()
}

// watch has the watcher watch the directories of all spots.
func (s *FileSet) watch() {
	s.bySpot, s.byDir = map[spot][]*file{}, map[string][]*file{}
	wanted := map[string]bool{}
	for _, f := range s.files {
		for _, p := range f.spots {
			wanted[p.dir] = true
			s.bySpot[p] = append(s.bySpot[p], f)
			if list := s.byDir[p.dir]; len(list) == 0 || list[len(list)-1] != f {
				s.byDir[p.dir] = append(list, f)
			}
		}
	}
	if s.watcher == nil {
		s.blind = true
		return
	}
	s.watcher.refused = nil
	s.blind = !s.watcher.watch(wanted)
	if err := s.watcher.refused; err != nil {
		s.limited(err)
	}
}

// limited says that changes are found by looking alone, once for each reason.
func (s *FileSet) limited(err error) {
	if text := err.Error(); text != s.said {
		s.said = text
		s.log(spawn.Info, "Looking at tracked files every %v: %v", s.opt.Poll, err)
	}
}

// read reads a file and delivers its value if that is new.
func (s *FileSet) read(f *file) {
	text, at, err := readStart(f.path)
	if len(text) == 0 && err == nil && at.ino != 0 && f.value != 0 && s.stillEmpty(f, at) {
		return
	}
	f.at, f.empty = at, time.Time{}
	if err != nil {
		s.trouble(f, fmt.Sprintf("Track file %s: %s: %v - keeping value %d", f.cfg.Name, f.cfg.Path, err, f.value))
		s.settle(f, f.value, "cannot be read")
		return
	}
	v, number := parseValue(string(text))
	switch {
	case v < math.MinInt32 || v > math.MaxInt32:
		s.trouble(f, fmt.Sprintf("Invalid number %d read from %s - ignoring", v, f.cfg.Path))
		s.settle(f, f.value, "holds a number that is too large")
	case at.ino == 0:
		s.trouble(f, "")
		s.settle(f, 0, "is missing")
	case len(text) == 0:
		s.trouble(f, "")
		s.settle(f, 0, "is empty")
	case !number:
		s.trouble(f, fmt.Sprintf("Track file %s: %s begins with %.20q, which is no number - taken as 0", f.cfg.Name, f.cfg.Path, text))
		s.settle(f, 0, "holds no number")
	default:
		s.trouble(f, "")
		s.settle(f, int(v), fmt.Sprintf("has value %d", v))
	}
}

// stillEmpty reports whether a file that is empty is not to count yet: not before
// it has been left alone for a while, nor while somebody has it open for writing.
func (s *FileSet) stillEmpty(f *file, at fingerprint) bool {
	now := time.Now()
	if f.empty.IsZero() || f.at != at {
		f.empty = now
	}
	f.at = at
	return now.Sub(f.empty) < emptyTime || beingWritten(f.path)
}

// trouble logs what is wrong with a file, once; "": nothing is.
func (s *FileSet) trouble(f *file, problem string) {
	if problem != f.problem && problem != "" {
		s.log(spawn.Info, "%s", problem)
	}
	f.problem = problem
}

func (s *FileSet) settle(f *file, value int, why string) {
	if f.known && f.value == value {
		return
	}
	f.known, f.value = true, value
	if s.opt.Value != nil {
		s.opt.Value(f.cfg.Name, value, "file "+f.cfg.Name+" "+why)
	}
}

// publish changes what State returns.
func (s *FileSet) publish() {
	states := make([]FileState, len(s.files))
	for i, f := range s.files {
		states[i] = FileState{f.cfg.Name, f.value}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = states
}

func (s *FileSet) log(l spawn.Level, format string, args ...any) {
	if s.opt.Log != nil {
		s.opt.Log(l, fmt.Sprintf(format, args...))
	}
}
