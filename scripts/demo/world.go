package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// silent is the time without an answer that is worth a line. A busy machine may
// well take half of it for an answer.
const silent = 100 * time.Millisecond

// What the configuration files say.
const (
	serviceCheck = "/usr/bin/pgrep -x haproxy"
	instance     = "(haproxy) "
)

var serviceAddr = netip.MustParseAddr("192.0.2.100")

// world is the network: routers are nodes 1 and 2, the client is node 3.
type world struct {
	*screen
	dir, binary, configs string

	lan     *nettest.LAN
	routers [2]*router
	probe   *prober
	quit    context.CancelFunc // stops the client and the display
	ended   sync.WaitGroup
}

func newWorld(s *screen, dir, binary, configs string) (*world, error) {
	lan, err := nettest.NewLAN(3, nettest.Options{})
	if err != nil {
		return nil, err
	}
	w := &world{screen: s, dir: dir, binary: binary, configs: configs, lan: lan}
	for i := range w.routers {
		w.routers[i] = &router{world: w, name: fmt.Sprintf("lb%d", i+1), node: i + 1, state: "off"}
	}
	if w.probe, err = newProber(lan.Node(3), serviceAddr); err != nil {
		lan.Close()
		return nil, err
	}
	ctx, quit := context.WithCancel(context.Background())
	w.quit = quit
	w.ended.Go(func() { w.probe.run(ctx) })
	w.ended.Go(func() { w.watch(ctx) })
	return w, nil
}

func (w *world) close() {
	w.quit()
	for _, r := range w.routers {
		if r.proc != nil {
			r.proc.Kill()
		}
	}
	w.ended.Wait()
	w.lan.Close()
}

// watch shows the present, and says when the client gets no answers.
func (w *world) watch(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	without := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, r := range w.routers {
			r.flush(silent)
		}
		w.status(w.present())
		last := w.probe.last()
		switch now := !last.IsZero() && time.Since(last) > silent; {
		case now && !without:
			w.event(red, "client", "gets no answer from %s", serviceAddr)
		case !now && without:
			w.event(green, "client", "gets answers again")
		default:
			continue
		}
		without = !without
	}
}

// present is the line that shows what is now.
func (w *world) present() string {
	holders := []string{}
	for _, r := range w.routers {
		if r.holds() {
			holders = append(holders, r.name)
		}
	}
	where := "nowhere"
	if len(holders) > 0 {
		where = "on " + strings.Join(holders, " and ")
	}
	sent := w.probe.mark().sent
	return fmt.Sprintf("%10s  lb1 %-6s  lb2 %-6s  %s %s, %d probes", "now", w.routers[0].shown(), w.routers[1].shown(),
		serviceAddr, where, sent)
}

// router is a node with the daemon.
type router struct {
	*world
	name string
	node int
	proc *nettest.Process

	mu      sync.Mutex
	state   string
	unplug  bool
	pending string // a new state whose cause has not been read yet
	entered time.Time
	tail    []string
}

// start runs the daemon with one of the files, in which the check of the service
// is replaced by one for a file: there is no HAProxy here.
func (r *router) start(config string) error {
	dir := filepath.Join(r.dir, r.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(r.configs, config))
	if err != nil {
		return err
	}
	service, file := filepath.Join(dir, "service"), filepath.Join(dir, "keepalived.conf")
	if err := os.WriteFile(service, nil, 0o644); err != nil {
		return err
	}
	text = []byte(strings.ReplaceAll(string(text), serviceCheck, "/usr/bin/test -e "+service))
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	cmd := exec.Command(r.binary, "-n", "-l", "-D", "-G", "-f", file,
		"-p", filepath.Join(dir, "pid"), "-r", filepath.Join(dir, "vrrp.pid"))
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	log, out := io.Pipe()
	cmd.Stdout, cmd.Stderr = out, out
	r.proc, err = r.lan.Node(r.node).Start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", r.binary, err)
	}
	r.ended.Go(func() { r.read(log) })
	r.ended.Go(func() {
		<-r.proc.Done()
		out.Close()
	})
	r.set("starts")
	return nil
}

// read takes the daemon's log and shows the changes of state with their causes.
func (r *router) read(log io.Reader) {
	for s := bufio.NewScanner(log); s.Scan(); {
		text := s.Text()
		if len(text) > len(time.ANSIC)+2 {
			text = text[len(time.ANSIC)+2:]
		}
		r.heard(text)
	}
	r.flush(0)
}

func (r *router) heard(text string) {
	r.mu.Lock()
	r.tail = append(r.tail, text)
	r.tail = r.tail[max(0, len(r.tail)-15):]
	r.mu.Unlock()
	text, ok := strings.CutPrefix(text, instance)
	if !ok {
		return
	}
	if state, ok := strings.CutPrefix(text, "Entering "); ok {
		state, _, _ = strings.Cut(state, " ")
		r.flush(0)
		r.mu.Lock()
		r.pending, r.entered, r.state = state, time.Now(), state
		r.mu.Unlock()
		return
	}
	if cause, ok := strings.CutPrefix(text, "cause: "); ok {
		r.changed(cause)
	}
}

// flush shows a change of state whose cause did not come within some time:
// keepalived tells none.
func (r *router) flush(after time.Duration) {
	r.mu.Lock()
	due := r.pending != "" && time.Since(r.entered) >= after
	r.mu.Unlock()
	if due {
		r.changed("")
	}
}

// changed shows the change of state that was read last, if it was not shown yet.
func (r *router) changed(cause string) {
	r.mu.Lock()
	state, at := r.pending, r.entered
	r.pending = ""
	r.mu.Unlock()
	if state != "" {
		r.eventAt(at, stateColour(state), r.name, "%-6s  %s", state, cause)
	}
}

func (r *router) set(state string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
}

func (r *router) shown() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// holds tells whether the router has the address and its cable.
func (r *router) holds() bool {
	r.mu.Lock()
	unplug := r.unplug
	r.mu.Unlock()
	return !unplug && r.lan.Node(r.node).HasAddr(serviceAddr)
}

func (r *router) plug(in bool) error {
	r.mu.Lock()
	r.unplug = !in
	r.mu.Unlock()
	if in {
		return r.lan.Join(r.node)
	}
	return r.lan.Cut(r.node)
}

func stateColour(state string) string {
	switch state {
	case "MASTER":
		return green
	case "FAULT":
		return red
	}
	return yellow
}
