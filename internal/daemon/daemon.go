package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/control"
	"github.com/holdfast-ha/holdfast/internal/dbus"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/mail"
	"github.com/holdfast-ha/holdfast/internal/netio"
	"github.com/holdfast-ha/holdfast/internal/notify"
	"github.com/holdfast-ha/holdfast/internal/process"
	"github.com/holdfast-ha/holdfast/internal/sched"
)

// Options are what the command line says.
type Options struct {
	ConfigFile   string
	Version      string // for the log
	StrictCompat bool   // keepalived's way wherever that is safe
	// LogScriptOutput logs the end of what a script that failed has printed.
	LogScriptOutput bool
	// LeastPrivilege refuses configurations that need capabilities which were
	// given up at the start.
	LeastPrivilege bool
	KeepOnStop     bool // --dont-release-vrrp
	LogAddresses   bool // --address-monitoring
	// IgnoreInterrupt: SIGINT does not stop the daemon.
	IgnoreInterrupt bool
	DumpConfig      bool   // --dump-conf: log what the configuration means
	Umask           int    // of dump files
	SNMP            bool   // --snmp: all that there is
	SNMPSocket      string // --snmp-agent-socket; "": what the configuration says
	Product         string // what SNMP calls the program
	Record          string // --record: the file; "": nothing is recorded
	// ReplayFile is where numbers of adverts outlive the daemon; "": nowhere.
	ReplayFile string
	// UndoFile is where it is remembered what of the system has to be put back if
	// the daemon is killed; "": nowhere.
	UndoFile string
	Detail   bool
	Load     Source
	// Signals is what Listen returned at the beginning of the program.
	Signals  *Signals
	Watchdog Watchdog
	// Text are the files of the configuration, as they were read.
	Text map[string][]byte
	// Successor is what the program may be replaced by while it runs, and
	// ProgramFile what log lines call it; nil: by nothing.
	Successor   Successor
	ProgramFile string
	// Store keeps what this program leaves when its service is restarted; nil: nobody
	// does.
	Store Store
	// Handed is what an earlier program has left, in whose place this one goes on;
	// nil: this is a start.
	Handed *Handed
	// ControlFile is where holdfastctl finds the daemon; "": nowhere.
	ControlFile string
	// Started is called when addresses are being watched over.
	Started func() error
	Log     *slog.Logger
}

// Daemon holds addresses. Its fields are the manager goroutine's unless they
// say otherwise.
type Daemon struct {
	opt Options
	log *logger
	cfg *config.Config
	// text are the files of cfg, as they were read.
	text map[string][]byte

	todo    *queue[func()] // what the manager is to do next; any goroutine
	monitor *kernel.Monitor
	kern    *kernel.Handle
	garp    netio.Announcer
	pacing  pacing
	notes   *notify.Notifier
	fifos   fifos
	mails   *mails
	bus     atomic.Pointer[dbus.Service] // nil: not wanted
	mibs    mibs

	links map[string]*kernel.Link
	// carriers are the states of links as they count; of links that are not
	// there too.
	carriers  map[string]*carrier
	poller    *poller
	openProbe func() (prober, error)
	promoted  map[string]int      // links whose secondaries are promoted, for so many instances
	vips      map[netip.Addr]bool // every virtual address of every instance
	layout    *layout             // where all of it belongs
	virtuals  *virtuals           // has a goroutine of its own
	standing  []kernel.Standing   // virtual links, as last set up
	awaited   []kernel.Standing   // those of them that are new
	placing   bool                // that they come up is no news
	runners   []*runner
	members   []*member // by group, in the order of its members
	ordered   []*member // the same in configuration order: so they hear of events
	static    *statics
	accept    acceptMode // of the hands
	sockets   *sockets

	scripts   map[string]*scriptTracker
	processes *processTracker
	sessions  *sessions // nil: none was ever configured
	values    *fileTracker
	verdicts  map[trackKey]verdict
	watchers  map[trackKey][]watch

	files   fileWriter // of dumps; has goroutines of its own
	keeper  *keeper    // of the replay file; has a goroutine of its own
	undo    *undoFile  // has a lock of its own
	lookout *lookout   // nil: nobody looks for a second master
	rec     *recording // nil: nothing is recorded

	applied  sched.Settings
	untuned  string    // what of them could not be set
	auto     int       // real-time priority that late timers have led to
	lateSaid time.Time // when they were last logged

	planned   *planned           // what reload_time_file says; nil: there is none
	changed   []handover.Setting // by SNMP, since the last reload
	reloads   int                // so many have been asked for and begun
	reloading bool
	upgrading *upgrading // nil: no upgrade is under way
	over      bool       // the daemon is to end
	left      bool       // and everything is left in place for the next program
	renew     bool       // an upgrade was asked for during a reload
	again     bool       // a reload was asked for while one was under way
	dog       watchdog

	control                 *control.Server // nil: nobody can ask
	forReload, forUpgrade   askers          // who wait for the next one
	lastReload, lastUpgrade *control.Outcome
	told                    *control.Status // what was answered last, and when
	toldAt                  time.Time

	started  time.Time
	delayed  time.Time // end of the start delay
	stopping atomic.Bool
}

// New makes a daemon that is to run the configuration; it opens nothing.
func New(cfg *config.Config, opt Options) *Daemon {
	d := &Daemon{
		opt: opt, cfg: cfg, text: opt.Text, log: &logger{opt.Log}, todo: newQueue[func()](),
		links: map[string]*kernel.Link{}, carriers: map[string]*carrier{}, openProbe: openProbe,
		promoted: map[string]int{}, vips: map[netip.Addr]bool{},
		scripts: map[string]*scriptTracker{}, verdicts: map[trackKey]verdict{}, watchers: map[trackKey][]watch{},
	}
	d.sockets = &sockets{open: map[netio.Spec]*socket{}, size: d.sizeBuffer, log: d.log}
	d.keeper = newKeeper(opt.ReplayFile, d.log)
	d.undo = &undoFile{path: opt.UndoFile, log: d.log}
	return d
}

// do hands something to the manager.
func (d *Daemon) do(f func()) { d.todo.push(f) }

// Run holds addresses until a signal says stop or the context ends. It returns
// an error only when it could not begin.
func (d *Daemon) Run(ctx context.Context) error {
	signals := d.opt.Signals
	defer signals.close()
	handed := d.opt.Handed
	if handed == nil {
		if !d.startup(ctx, signals) {
			return nil
		}
		d.log.infof("Starting VRRP child process, pid=%d", os.Getpid())
	}
	background, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := d.open(background); err != nil {
		return err
	}
	defer d.close()
	if handed != nil {
		if err := d.takeOver(handed); err != nil {
			return err
		}
	} else {
		if err := d.begin(); err != nil {
			return err
		}
		d.saveConfig()
		d.log.infof("Startup complete")
		if d.opt.DumpConfig {
			d.logData()
		}
	}
	process.Ready(d.status())
	if err := d.opt.Started(); err != nil {
		d.log.infof("%v", err)
	}
	if d.again { // asked for while the startup script ran
		d.again = false
		d.reload()
	}
	d.listen()
	d.serve(ctx, signals)
	if d.left {
		return nil
	}
	d.shutdown()
	d.runPhase(background, "shutdown", &d.cfg.Global.More.Finish)
	return nil
}

// serve is the life of the manager, until a signal or the context ends it.
func (d *Daemon) serve(ctx context.Context, signals *Signals) {
	d.dog.Watchdog = d.opt.Watchdog
	beat, stop := d.dog.ticks()
	defer stop()
	for {
		select {
		case <-d.todo.ready:
			d.catchUp()
			if d.over {
				return
			}
		case <-beat:
			d.dog.round(d.runners, d.log)
		case s := <-signals.c:
			if d.signal(s) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// catchUp does what the manager has been handed.
func (d *Daemon) catchUp() {
	for _, f := range slices.Clone(d.todo.take()) {
		f()
	}
}

// open opens the edges and waits until the links are known.
func (d *Daemon) open(ctx context.Context) error {
	var err error
	if d.kern, err = kernel.Open(); err != nil {
		return fmt.Errorf("opening the netlink channel: %w", err)
	}
	buffers := &d.cfg.Global.More.ReceiveBuffers
	if err := d.kern.SetReceiveBuffer(int(buffers.Command), buffers.CommandForce); err != nil {
		d.log.infof("vrrp_netlink_cmd_rcv_bufs: %v", err)
	}
	d.notes = notify.New(d.scriptLog, notify.Options{
		StrictCompat: d.opt.StrictCompat,
		Ended: func(k notify.Kind, name string, r notify.Run, said []string) {
			d.do(func() { d.scriptEnded(k, name, r, said) })
		},
	})
	d.mails = newMails(mail.New(d.scriptLog))
	d.monitor = kernel.NewMonitor(kernel.MonitorOptions{
		Event: func(e kernel.Event) { d.do(func() { d.kernelEvent(e) }) },
		Warn:  func(err error) { d.log.infof("%v", err) },
		Own:   d.kern.Port(),

		ReceiveBuffer: int(buffers.Monitor), ForceReceiveBuffer: buffers.MonitorForce,
	})
	failed := make(chan error, 1)
	go func() { failed <- d.monitor.Run(ctx) }()
	d.log.detailf("Registering Kernel netlink reflector")
	select {
	case <-d.monitor.Ready():
	case err := <-failed:
		return fmt.Errorf("watching links and addresses: %w", err)
	}
	d.log.detailf("Registering Kernel netlink command channel")
	d.log.detailf("Registering gratuitous ARP shared channel")
	for _, l := range d.monitor.Snapshot().Links {
		d.links[l.Name] = l
	}
	return nil
}

func (d *Daemon) close() {
	if d.left {
		return // all rest, and the end of the program closes everything
	}
	d.pacing.stop()
	_ = d.garp.Close()
	d.kern.Close()
}

// begin brings the configuration to life.
func (d *Daemon) begin() error {
	d.started = time.Now()
	if d.opt.Record != "" {
		d.rec = record(d.opt.Record, d.opt.Version, d.log)
	}
	d.tune()
	d.sockets.tell = d.cfg.Global.LogUnknownVRIDs
	left := d.undo.load()
	d.accept.begin(d.cfg, left.Table, d.undo, d.log)
	lay := plan(d.cfg, d.monitor.Snapshot(), nil, d.opt.StrictCompat)
	d.clean(lay)
	d.keeper.start()
	if !d.opt.StrictCompat {
		d.lookout = newLookout(d.log, d.monitor, d.suspectRival)
	}
	d.tellBy(d.cfg)
	d.static = newStatics(d)
	d.watch(wantedGroups(d.cfg, lay, d.opt.StrictCompat), staticObjects(d.cfg))
	d.virtuals = newVirtuals(d)
	d.virtuals.begin(left.Undo)
	d.static.begin(d.cfg)
	d.initFiles()
	d.fifos.hold()
	if err := d.arrange(d.cfg, lay, true); err != nil {
		return err
	}
	d.monitoring(true)
	d.releaseLines()
	d.track(d.cfg)
	d.plan(d.cfg)
	return nil
}

// shutdown gives up every address in good order: priority 0 first.
func (d *Daemon) shutdown() {
	d.stopping.Store(true)
	d.log.infof("Stopping")
	process.Stopping()
	d.control.Close()
	d.stopTracking()
	d.lookout.stop()
	if d.planned != nil {
		d.planned.cancel()
	}
	begun := time.Now()
	deadline := begun.Add(releaseTime)
	d.fifos.hold()
	for _, r := range d.runners {
		r.post(fsm.All, fsm.Stop{As: fsm.Stopped, Keep: d.opt.KeepOnStop})
	}
	for _, r := range d.runners {
		if !r.stop(deadline) {
			d.log.alertf("giving up on addresses that the kernel does not release in time")
		}
	}
	d.fifos.release(stopOrder(d.cfg))
	d.static.stop(d.opt.KeepOnStop, releaseTime)
	for _, m := range d.members {
		d.sockets.detach(m)
	}
	// What the kernel says of groups that it leaves still goes through the firewall.
	d.virtuals.stop(d.opt.KeepOnStop)
	if !d.opt.KeepOnStop {
		if err := d.accept.close(); err != nil {
			d.log.infof("%v", err)
		}
	}
	d.stopPolling()
	ctx, cancel := context.WithTimeout(context.Background(), notifyGrace)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { d.notes.Drain(ctx) })
	wg.Go(func() { d.mails.mailer.Drain(ctx) })
	wg.Go(func() { closeFIFOs(d.fifos.pipes, notifyGrace) })
	wg.Go(func() { d.stopMonitoring(notifyGrace) })
	wg.Wait()
	d.stopSessions(time.Second / 10)
	d.waitTracking(begun.Add(scriptGrace))
	d.files.wait(time.Second / 5)
	d.keeper.stop(time.Second / 5)
	d.rec.stop(time.Second / 5)
}

// releaseTime is given to the kernel for taking addresses away at the end.
const releaseTime = 500 * time.Millisecond

func (d *Daemon) signal(s os.Signal) (stop bool) {
	switch s {
	case sigReload:
		d.reload()
	case sigData:
		d.log.infof("Printing VRRP data for process(%d) on signal", os.Getpid())
		d.writeData()
	case sigStats:
		d.log.infof("Printing VRRP stats for process(%d) on signal", os.Getpid())
		d.writeStats(false)
	case sigStatsClear:
		d.log.infof("Printing and clearing VRRP stats for process(%d) on signal", os.Getpid())
		d.writeStats(true)
	case sigJSON:
		d.writeJSON()
	case sigUpgrade:
		d.upgrade()
	case syscall.SIGXCPU:
		d.rest()
	}
	return d.stops(s) && !d.mayLeave(s)
}

// stops reports whether a signal ends the daemon.
func (d *Daemon) stops(s os.Signal) bool {
	return s == syscall.SIGTERM || s == syscall.SIGINT && !d.opt.IgnoreInterrupt
}

// status is the line that systemctl status shows.
func (d *Daemon) status() string {
	var n [fsm.Deleted + 1]int
	for _, m := range d.members {
		n[m.published.Load()]++
	}
	text := fmt.Sprintf("%d instances: %d MASTER, %d BACKUP", len(d.members), n[fsm.Master], n[fsm.Backup])
	if n[fsm.Fault] > 0 {
		text += fmt.Sprintf(", %d FAULT", n[fsm.Fault])
	}
	return text
}
