package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/privilege"
	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// PipeConfig says where a FIFO is and who reads it.
type PipeConfig struct {
	Kind     string // what log lines call it: "notify" or "vrrp_notify"
	Path     string
	UID, GID uint32     // who owns it when it is made here
	Mode     uint32     // and its permissions
	Script   *spawn.Cmd // reads it; the path is appended. nil: somebody else does
}

const (
	// pipeLines is how many lines wait here when the kernel's buffer, which
	// holds some 2,000 more, is full.
	pipeLines = 1000
	// sayPause is the time between two log lines about losses.
	sayPause = time.Minute
	// readerPatience is what the reader gets to end by itself at the end of
	// the file, before it is told to by a signal.
	readerPatience = 300 * time.Millisecond
	readerGrace    = 500 * time.Millisecond
)

// Pipe writes lines to a FIFO. Line never blocks, whoever reads or does not: the
// FIFO is held open for reading too, so that the kernel keeps what is written
// before a reader comes and while one is away; what does not fit there waits
// here; and of more than that the oldest is lost, since the newest state is the
// one that counts; remarks go before states, so that a stranger's adverts of
// lower priority do not push them out. Losses are counted and logged.
//
// A line is written as a whole: no reader sees half of one. Line and State may be
// called from any goroutine, the other methods from one.
type Pipe struct {
	logf   spawn.LogFunc
	launch func(context.Context, spawn.Cmd) spawn.Result

	mu     sync.Mutex
	cfg    PipeConfig
	lines  []pipeLine
	lost   uint64    // in all
	told   uint64    // losses that the log knows of
	when   time.Time // it was told of them
	full   bool      // the log says so
	ending bool
	paused bool // a reader is on its way out
	file   *os.File
	made   bool // here: then it is removed at the end
	reader *reader

	wake  chan struct{} // there are lines that wait
	empty chan struct{} // closed when none is left at the end
	quit  chan struct{}
	done  chan struct{} // closed when the writer has ended
}

// pipeLine is a line that waits.
type pipeLine struct {
	text   []byte
	remark bool
}

// PipeState is what is known of a FIFO.
type PipeState struct {
	Path    string
	Waiting int    // lines that did not fit
	Lost    uint64 // lines, since it was opened
	Reading bool   // its script runs
}

// OpenPipe opens a FIFO, which it makes if need be, and starts its script. A
// path that is anything else than a FIFO of the daemon's user, of root or of the
// configured user is refused.
func OpenPipe(cfg PipeConfig, log spawn.LogFunc, opt Options) (*Pipe, error) {
	f, made, err := openFIFO(&cfg)
	if err != nil {
		return nil, err
	}
	p := &Pipe{
		logf: log, launch: opt.Launch, cfg: cfg, file: f, made: made,
		wake: make(chan struct{}, 1), empty: make(chan struct{}), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if p.launch == nil {
		p.launch = spawn.Run
	}
	p.read()
	go p.write()
	return p, nil
}

// openFIFO opens the FIFO so that writing neither waits nor fails for want of a
// reader.
func openFIFO(cfg *PipeConfig) (f *os.File, made bool, err error) {
	refused := fmt.Errorf("%s fifo %s is not a fifo we own - not using", cfg.Kind, cfg.Path)
	unable := func(what string, err error) error { return &pipeError{what, cfg, err} }
	switch err := unix.Mkfifo(cfg.Path, 0o600); {
	case err == nil:
		made = true
	case !errors.Is(err, unix.EEXIST):
		return nil, false, unable("create", err)
	}
	var st unix.Stat_t
	// Looked at before it is opened: opening a device may do something.
	if err := unix.Lstat(cfg.Path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil, false, refused
	}
	fd, err := unix.Open(cfg.Path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false, unable("open", err)
	}
	f = os.NewFile(uintptr(fd), cfg.Path)
	err = unix.Fstat(fd, &st)
	switch {
	case err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO:
		err = refused
	case made:
		err = own(fd, cfg)
	case st.Uid != 0 && st.Uid != cfg.UID && int(st.Uid) != os.Geteuid():
		err = refused
	}
	if err != nil {
		f.Close()
		return nil, false, err
	}
	return f, made, nil
}

// pipeError says in keepalived's words what could not be done with a FIFO.
type pipeError struct {
	what string
	cfg  *PipeConfig
	err  error
}

func (e *pipeError) Error() string {
	return fmt.Sprintf("Unable to %s %s fifo %s - %v", e.what, e.cfg.Kind, e.cfg.Path, e.err)
}

func (e *pipeError) Unwrap() error { return e.err }

// own gives a FIFO that was made here to its owner.
func own(fd int, cfg *PipeConfig) error {
	// The mode first: it takes a privilege to set it for somebody else.
	if err := unix.Fchmod(fd, cfg.Mode); err != nil {
		return &pipeError{"set the mode of", cfg, err}
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Uid == cfg.UID && st.Gid == cfg.GID {
		return nil
	}
	err := privilege.With(privilege.Chown, func() error { return unix.Fchown(fd, int(cfg.UID), int(cfg.GID)) })
	if err != nil {
		return &pipeError{"set the owner of", cfg, err}
	}
	return nil
}

// Line writes a line about a state, which has no newline yet: at once if there is
// room.
func (p *Pipe) Line(text string) { p.add(pipeLine{text: []byte(text + "\n")}) }

// Remark writes a line that tells of no state, and is lost first.
func (p *Pipe) Remark(text string) { p.add(pipeLine{text: []byte(text + "\n"), remark: true}) }

func (p *Pipe) add(l pipeLine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending {
		return
	}
	if len(p.lines) == pipeLines {
		oldest := max(0, slices.IndexFunc(p.lines, func(l pipeLine) bool { return l.remark }))
		p.lines = slices.Delete(p.lines, oldest, oldest+1)
		p.lost++
		if now := time.Now(); now.Sub(p.when) >= sayPause {
			p.told, p.when, p.full = p.lost, now, true
			p.sayf("%s fifo %s is full since nobody reads it: %d lines lost so far, the oldest first", p.cfg.Kind, p.cfg.Path, p.lost)
		}
	}
	p.lines = append(p.lines, l)
	if len(p.lines) > 1 || p.paused {
		return // the writer waits for room, or for the readers to change
	}
	_ = onFD(p.file, func(fd int) error { p.flush(fd); return nil })
	if len(p.lines) > 0 {
		p.kick()
	}
}

// kick tells the writer that lines wait.
func (p *Pipe) kick() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// flush writes what there is room for. The caller holds the lock.
func (p *Pipe) flush(fd int) {
	for len(p.lines) > 0 {
		_, err := unix.Write(fd, p.lines[0].text)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			p.lost++
			p.told = p.lost
			p.sayf("%s fifo %s: a line is lost: %v", p.cfg.Kind, p.cfg.Path, err)
		}
		p.lines = p.lines[1:]
	}
	if p.full {
		p.full, p.told, p.when = false, p.lost, time.Now()
		p.sayf("%s fifo %s is read again: %d lines were lost in all", p.cfg.Kind, p.cfg.Path, p.lost)
	}
}

func (p *Pipe) sayf(format string, args ...any) { p.logf(spawn.Info, fmt.Sprintf(format, args...)) }

// write is the goroutine that waits for room in the FIFO.
func (p *Pipe) write() {
	defer close(p.done)
	for {
		select {
		case <-p.wake:
			p.mu.Lock()
			file := p.file
			p.mu.Unlock()
			p.await(file)
		case <-p.quit:
			return
		}
	}
}

// await writes to the file until nothing is left, the file has been exchanged or
// the time is up.
func (p *Pipe) await(file *os.File) {
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Write(func(fd uintptr) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.file != file || p.paused {
			return true
		}
		p.flush(int(fd))
		if len(p.lines) == 0 && p.ending {
			p.emptied()
		}
		return len(p.lines) == 0
	})
}

// emptied says that nothing waits any more. The caller holds the lock.
func (p *Pipe) emptied() {
	select {
	case <-p.empty:
	default:
		close(p.empty)
	}
}

// State tells how the FIFO does. It may be called at any time.
func (p *Pipe) State() PipeState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PipeState{Path: p.cfg.Path, Waiting: len(p.lines), Lost: p.lost, Reading: p.reader.runs()}
}

// Reconfigure goes on with other settings for the same path. The FIFO stays as
// it is, with what waits in it, unless the path leads to another one by now; the
// script stays unless it is another one or has ended.
func (p *Pipe) Reconfigure(cfg PipeConfig) error {
	p.mu.Lock()
	old, file := p.cfg, p.file
	p.mu.Unlock()
	if !leadsTo(cfg.Path, file) {
		f, made, err := openFIFO(&cfg)
		if err != nil {
			return err
		}
		p.logf(spawn.Info, fmt.Sprintf("%s fifo %s was removed by somebody else: using the new one", cfg.Kind, cfg.Path))
		p.mu.Lock()
		p.file, p.made = f, made
		waiting := len(p.lines) > 0
		p.mu.Unlock()
		file.Close()
		if waiting {
			p.kick()
		}
		p.stopReader()
	} else if p.made && (old.UID != cfg.UID || old.GID != cfg.GID || old.Mode != cfg.Mode) {
		if err := onFD(file, func(fd int) error { return own(fd, &cfg) }); err != nil {
			return err
		}
	}
	if !reflect.DeepEqual(old.Script, cfg.Script) {
		p.stopReader()
	}
	p.mu.Lock()
	p.cfg = cfg
	p.mu.Unlock()
	p.read()
	return nil
}

// leadsTo reports whether the path still is that of the open file.
func leadsTo(path string, f *os.File) bool {
	var there, ours unix.Stat_t
	if unix.Lstat(path, &there) != nil || onFD(f, func(fd int) error { return unix.Fstat(fd, &ours) }) != nil {
		return false
	}
	return there.Dev == ours.Dev && there.Ino == ours.Ino
}

func onFD(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// Close writes what waits until ctx ends, closes the FIFO, which is the end of
// the file to its readers, and removes it if it was made here. The script gets
// a moment to end by itself, then SIGTERM, then SIGKILL: Close returns at the
// latest a second after ctx has ended.
func (p *Pipe) Close(ctx context.Context) {
	p.mu.Lock()
	p.ending = true
	if len(p.lines) == 0 {
		p.emptied()
	}
	p.mu.Unlock()
	select {
	case <-p.empty:
	case <-ctx.Done():
	}
	_ = p.file.SetWriteDeadline(time.Unix(1, 0)) // for the writer
	close(p.quit)
	<-p.done
	if n := len(p.lines); n > 0 {
		p.lost += uint64(n)
		p.sayf("%s fifo %s is full since nobody reads it: %d lines lost at the end", p.cfg.Kind, p.cfg.Path, n)
	} else if p.lost > p.told {
		p.sayf("%s fifo %s: %d lines were lost in all", p.cfg.Kind, p.cfg.Path, p.lost)
	}
	// The path may be that of somebody else's FIFO by now.
	if p.made && leadsTo(p.cfg.Path, p.file) {
		if err := os.Remove(p.cfg.Path); err != nil {
			p.logf(spawn.Info, fmt.Sprintf("removing %s fifo: %v", p.cfg.Kind, err))
		}
	}
	p.file.Close()
	p.endReader(ctx)
}

// endReader ends the script and waits until it has gone.
func (p *Pipe) endReader(ctx context.Context) {
	r := p.reader
	if r == nil {
		return
	}
	patience, cancel := context.WithTimeout(ctx, readerPatience)
	defer cancel()
	select {
	case <-r.done:
		return
	case <-patience.Done():
		p.stopReader()
	}
	last := time.NewTimer(readerGrace + readerPatience)
	defer last.Stop()
	select {
	case <-r.done:
	case <-last.C:
	}
}

// name returns how log lines call the script.
func (c *PipeConfig) name() string {
	if c.Kind == "notify" {
		return "notify fifo script"
	}
	return "vrrp notify fifo script"
}

// reader is a script that reads the FIFO.
type reader struct {
	cancel  context.CancelCauseFunc
	stopped bool // it was asked to end
	done    chan struct{}
}

func (r *reader) runs() bool {
	if r == nil {
		return false
	}
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// read starts the script, if there is one that does not run yet, as soon as the
// one before it has ended.
func (p *Pipe) read() {
	before := p.reader
	if p.cfg.Script == nil || before.runs() && !before.stopped {
		return
	}
	cmd := *p.cfg.Script
	cmd.ExtraArgs = append(append([]string(nil), cmd.ExtraArgs...), p.cfg.Path)
	ctx, cancel := context.WithCancelCause(context.Background())
	r := &reader{cancel: cancel, done: make(chan struct{})}
	p.mu.Lock()
	p.reader = r
	p.mu.Unlock()
	name := p.cfg.name()
	go func() {
		defer close(r.done)
		if before != nil {
			<-before.done
		}
		res := p.launch(ctx, cmd)
		switch e, ok := errors.AsType[*spawn.ExecError](res.Err); {
		case ok:
			p.logf(spawn.Alert, e.Line()+" ("+name+")")
		case ctx.Err() == nil:
			p.logf(spawn.Info, fmt.Sprintf("%s terminated (%s)", name, res.Reason()))
			if !res.OK() {
				p.said(name, &res)
			}
		}
	}()
}

// said logs what a script that failed has printed.
func (p *Pipe) said(name string, r *spawn.Result) {
	for _, line := range r.Said() {
		p.logf(spawn.Info, name+" said: "+line)
	}
}

// stopReader asks the script to end. Until it has, lines wait here: it must not
// take with it what is meant for the next one.
func (p *Pipe) stopReader() {
	r := p.reader
	if !r.runs() || r.stopped {
		return
	}
	r.stopped = true
	p.mu.Lock()
	p.paused = true
	p.mu.Unlock()
	r.cancel(spawn.Stop{Grace: readerGrace})
	go func() {
		<-r.done
		p.mu.Lock()
		p.paused = false
		p.mu.Unlock()
		p.kick()
	}()
}
