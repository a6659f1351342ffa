package dbus

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	godbus "github.com/godbus/dbus/v5"
)

// Settings are what a service cannot change while it runs.
type Settings struct {
	Name        string // on the bus; "": [ServiceName]
	NoInterface string // stands for the interface of an instance without one; "": none
	// Namespace and Instance are put into all paths; "": they are not.
	Namespace, Instance string
}

func (s Settings) name() string { return cmp.Or(s.Name, ServiceName) }

func (s Settings) paths() paths {
	p := paths{root: rootPath, noInterface: cmp.Or(s.NoInterface, "none")}
	for _, part := range []string{s.Namespace, s.Instance} {
		if part != "" {
			p.root += "/" + element(part)
		}
	}
	return p
}

const (
	queueSize  = 4096
	callers    = 16 // methods of the daemon under way or waiting
	firstPause = time.Second
	lastPause  = 15 * time.Second
)

// signal is one that waits to be sent.
type signal struct {
	path   godbus.ObjectPath
	member string // with its interface
	body   []any
}

// Service is the daemon on the bus.
type Service struct {
	set   Settings
	paths paths
	do    Commands
	log   func(format string, args ...any)

	tree  atomic.Pointer[tree]
	turn  sync.Mutex // held by the method that is being served
	calls chan struct{}

	mu      sync.Mutex
	told    map[godbus.ObjectPath]State // of what is there
	online  bool                        // signals are wanted
	queue   []signal
	dropped int
	wake    chan struct{}

	cancel context.CancelFunc
	ending chan struct{}
	done   chan struct{}
}

// Start starts a service, which log tells of its difficulties. It connects once after
// is closed; nil: at once.
func Start(set Settings, do Commands, log func(format string, args ...any), after <-chan struct{}) *Service {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{
		set: set, paths: set.paths(), do: do, log: log, calls: make(chan struct{}, callers),
		told: map[godbus.ObjectPath]State{}, wake: make(chan struct{}, 1),
		cancel: cancel, ending: make(chan struct{}), done: make(chan struct{}),
	}
	s.Instances(nil)
	go s.run(ctx, after)
	return s
}

// Settings are those of the service: with others, another is needed.
func (s *Service) Settings() Settings { return s.set }

// Instances sets which instances there are.
func (s *Service) Instances(list []Instance) {
	t := newTree(s.paths, s.daemon(), list, s.instance)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tree.Store(&t)
	for path := range s.told {
		if t[path] == nil {
			delete(s.told, path)
		}
	}
}

// Changed tells of the state of an instance. That of one that is gone is told, too.
func (s *Service) Changed(k Key, to State) {
	path := s.paths.instance(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if (*s.tree.Load())[path] != nil {
		if old, known := s.told[path]; known && old == to {
			return
		}
		s.told[path] = to
	}
	s.push(statusOf(path, to))
}

// Reloaded tells that a reload is complete.
func (s *Service) Reloaded() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.push(s.event("VrrpReloaded"))
}

// Stop sends what waits, says goodbye and ends the service; false: that takes
// longer than the limit, and goes on.
func (s *Service) Stop(limit time.Duration) bool {
	close(s.ending)
	t := time.AfterFunc(limit, s.cancel)
	defer t.Stop()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-s.done:
		return true
	case <-late.C:
		return false
	}
}

func (s *Service) event(name string) signal {
	return signal{path: s.paths.daemon(), member: vrrpInterface + "." + name}
}

func statusOf(path godbus.ObjectPath, to State) signal {
	return signal{path: path, member: instInterface + ".VrrpStatusChange", body: []any{uint32(to)}}
}

// push queues a signal if somebody could hear it. The caller holds the lock.
func (s *Service) push(x signal) {
	if !s.online {
		return
	}
	if len(s.queue) == queueSize {
		s.queue = s.queue[1:]
		s.dropped++
	}
	s.queue = append(s.queue, x)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (s *Service) take() []signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue
	s.queue = nil
	if s.dropped > 0 {
		s.log("DBus: the bus is slow, %d signals were left out", s.dropped)
		s.dropped = 0
	}
	return q
}

// begin has signals queued from now on, first those that tell how things are.
func (s *Service) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.online, s.queue = true, nil
	s.push(s.event("VrrpStarted"))
	for _, path := range slices.Sorted(maps.Keys(s.told)) {
		s.push(statusOf(path, s.told[path]))
	}
}

func (s *Service) offline() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.online, s.queue, s.dropped = false, nil, 0
}

// run is the goroutine of the service.
func (s *Service) run(ctx context.Context, after <-chan struct{}) {
	defer close(s.done)
	defer s.cancel()
	if after != nil {
		select {
		case <-after:
		case <-s.ending:
			return
		}
	}
	pause, said := firstPause, false
	for {
		conn, err := connect(ctx, handler{s})
		if err == nil {
			if said {
				s.log("DBus: connected again")
			}
			pause, said = firstPause, false
			err = s.serve(ctx, conn)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		if !said {
			said = true
			s.log("DBus: %v; trying again until it works", err)
		}
		select {
		case <-time.After(pause):
		case <-s.ending:
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// serve lives on one connection. No error: the service is to end.
func (s *Service) serve(ctx context.Context, conn *godbus.Conn) error {
	defer conn.Close()
	reply, err := own(ctx, conn, s.set.name())
	if err != nil {
		return err
	}
	if reply == godbus.RequestNameReplyInQueue {
		s.log("DBus: somebody else has the name %s, it will be ours after them", s.set.name())
	} else {
		s.log("Acquired DBus bus %s", s.set.name())
	}
	s.begin()
	defer s.offline()
	for {
		if err := send(conn, s.take()); err != nil {
			return err
		}
		select {
		case <-s.wake:
		case <-conn.Context().Done():
			return errLost
		case <-s.ending:
			_ = send(conn, append(s.take(), s.event("VrrpStopped")))
			s.log("Released DBus")
			return nil
		}
	}
}

func send(conn *godbus.Conn, list []signal) error {
	for _, x := range list {
		if err := conn.Emit(x.path, x.member, x.body...); err != nil {
			return err
		}
	}
	return nil
}
