package agentx

import (
	"context"
	"sync"
	"time"
)

// Source is what an agent shows. Its methods are called by the goroutine of the
// agent, one at a time.
type Source interface {
	// View returns what there is. It may be a second old.
	View() *View
	// Test tells whether an object may be set to a value; Set sets it.
	Test(Varbind) Error
	Set(Varbind) Error
}

// Options say how a sub-agent presents itself.
type Options struct {
	Socket      string // of the master; "": [DefaultSocket]
	ID          OID
	Description string
	Roots       []OID // what it registers
	Source      Source
	// Log tells of difficulties. It does not wait.
	Log func(format string, args ...any)
	// After is waited for before the first session: nobody can register what somebody
	// else still has. nil: there is nobody.
	After <-chan struct{}
}

// DefaultSocket is where Debian's snmpd listens.
const DefaultSocket = "/var/agentx/master"

const (
	ioTimeout  = 5 * time.Second // of the master: to answer, and to take what is sent
	pingPause  = 2 * time.Minute
	firstPause = time.Second
	lastPause  = 15 * time.Second
	queueSize  = 256
	oldest     = time.Minute // of traps that wait for a master
	answerTime = 2           // seconds that the master shall wait for us
)

// trap is one that waits to be sent.
type trap struct {
	when  time.Time
	binds []Varbind
}

// Agent is a sub-agent.
type Agent struct {
	opt     Options
	started time.Time

	mu      sync.Mutex
	queue   []trap
	dropped int
	wake    chan struct{}

	cancel context.CancelFunc
	ending chan struct{}
	done   chan struct{}
}

// Start starts a sub-agent.
func Start(opt Options) *Agent {
	ctx, cancel := context.WithCancel(context.Background())
	a := &Agent{
		opt: opt, started: time.Now(), wake: make(chan struct{}, 1),
		cancel: cancel, ending: make(chan struct{}), done: make(chan struct{}),
	}
	go a.run(ctx)
	return a
}

// Options are those with which the agent was started.
func (a *Agent) Options() Options { return a.opt }

// UpTime is for how long the agent has been there, in hundredths of a second.
func (a *Agent) UpTime() uint64 { return uint64(time.Since(a.started) / (10 * time.Millisecond)) }

// trapOID is snmpTrapOID.0 (RFC 3418).
var trapOID = OID{1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0}

// Trap has the master tell of something.
func (a *Agent) Trap(name OID, binds ...Varbind) {
	all := append([]Varbind{{Name: trapOID, Value: Value{Syntax: ObjectID, OID: name}}}, binds...)
	a.mu.Lock()
	if len(a.queue) == queueSize {
		a.queue = a.queue[1:]
		a.dropped++
	}
	a.queue = append(a.queue, trap{time.Now(), all})
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// take returns the traps that wait, but for those that are too old.
func (a *Agent) take() []trap {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.queue
	a.queue = nil
	for len(q) > 0 && time.Since(q[0].when) > oldest {
		q = q[1:]
		a.dropped++
	}
	if a.dropped > 0 {
		a.opt.Log("SNMP: the master agent is slow, %d notifications were left out", a.dropped)
		a.dropped = 0
	}
	return q
}

// Stop sends what waits, says goodbye and ends; false: that takes longer than the
// limit, and goes on.
func (a *Agent) Stop(limit time.Duration) bool {
	close(a.ending)
	t := time.AfterFunc(limit, a.cancel)
	defer t.Stop()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-a.done:
		return true
	case <-late.C:
		return false
	}
}

// run is the goroutine of the agent.
func (a *Agent) run(ctx context.Context) {
	defer close(a.done)
	defer a.cancel()
	if a.opt.After != nil {
		select {
		case <-a.opt.After:
		case <-a.ending:
			return
		}
	}
	pause, said := firstPause, false
	for {
		s, err := a.connect(ctx)
		if err == nil {
			if said {
				a.opt.Log("SNMP: the master agent is there again")
			}
			pause, said = firstPause, false
			err = s.serve()
			s.close()
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		if !said {
			said = true
			a.opt.Log("SNMP: %v; trying again until it works", err)
		}
		select {
		case <-time.After(pause):
		case <-a.ending:
			return
		}
		pause = min(2*pause, lastPause)
	}
}
