package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// act is one half of the demo: the same three hand-overs with other timers.
type act struct {
	title           string
	active, standby string        // configuration files
	interval        time.Duration // between two adverts
	settle          time.Duration // that is looked at after a hand-over
}

var acts = []act{
	{"VRRP version 2, an advert every second", "active.cfg", "standby.cfg", time.Second, 700 * time.Millisecond},
	{"VRRP version 3, an advert every 100 ms", "active-fast.cfg", "standby-fast.cfg", 100 * time.Millisecond, 500 * time.Millisecond},
}

// standbyPriority is what the configuration files give the second router.
const standbyPriority = 100

// skew is the Skew_Time of the standby router (RFC 9568 section 6.1; the same
// share of a second in version 2, RFC 3768 section 6.1).
func (a *act) skew() time.Duration { return (256 - standbyPriority) * a.interval / 256 }

// masterDown is the silence after which the standby router takes over.
func (a *act) masterDown() time.Duration { return 3*a.interval + a.skew() }

// result is a hand-over with what the client saw of it.
type result struct {
	what    string
	silence time.Duration
	bound   time.Duration // 0: the address is to be served without a break
	lost    int
}

// show plays the acts and prints the results.
func (w *world) show(ctx context.Context, fast bool) error {
	w.line(bold, "Two routers share the address %s, a client asks it every %v.", serviceAddr, probeEvery)
	w.line(plain, "")
	w.line(plain, "   lb1 %s --+", w.lan.Prefix4(1).Addr())
	w.line(plain, "                   +-- client %s", w.lan.Prefix4(3).Addr())
	w.line(plain, "   lb2 %s --+", w.lan.Prefix4(2).Addr())
	var results []result
	for i := range acts {
		if fast && i == 0 {
			continue
		}
		r, err := w.play(ctx, &acts[i])
		if err != nil {
			return err
		}
		results = append(results, r...)
	}
	w.clear()
	w.table(results)
	return nil
}

func (w *world) play(ctx context.Context, a *act) ([]result, error) {
	lb1, lb2 := w.routers[0], w.routers[1]
	w.line(plain, "")
	w.line(bold, "%s (%s, %s)", a.title, a.active, a.standby)
	w.line(plain, "")
	w.event(bold, "", "lb1 starts, then lb2")
	if err := lb1.start(a.active); err != nil {
		return nil, err
	}
	if err := w.await(ctx, a, lb1); err != nil {
		return nil, err
	}
	if err := lb2.start(a.standby); err != nil {
		return nil, err
	}
	if err := lb2.awaitBackup(ctx); err != nil {
		return nil, err
	}
	if err := w.await(ctx, a, lb1); err != nil {
		return nil, err
	}
	var results []result
	for _, step := range []struct {
		what  string
		bound time.Duration
		to    *router
		do    func() error
	}{
		{"lb1 loses power", a.masterDown(), lb2, lb1.crash},
		{"lb1 comes back", 0, lb1, func() error { return lb1.comeBack(a) }},
		{"lb1 is stopped", a.skew(), lb2, lb1.stop},
	} {
		r := result{what: fmt.Sprintf("%s: %s", strings.Split(a.title, ",")[0], step.what), bound: step.bound}
		from := w.probe.mark()
		w.event(bold, "", "%s", step.what)
		if err := step.do(); err != nil {
			return nil, err
		}
		if err := w.await(ctx, a, step.to); err != nil {
			return nil, err
		}
		r.silence, r.lost = w.probe.since(from, w.probe.mark())
		results = append(results, r)
	}
	w.event(bold, "", "both are stopped")
	for _, r := range w.routers {
		if err := r.end(ctx); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// crash is a power failure: the daemon dies without a word and the cable is
// dead. The address stays where it was, on a machine that nobody can reach.
func (r *router) crash() error {
	r.proc.Kill()
	if err := r.plug(false); err != nil {
		return err
	}
	<-r.proc.Done()
	r.set("off")
	// A new start finds /run empty.
	return errors.Join(os.Remove(filepath.Join(r.dir, r.name, "pid")), os.Remove(filepath.Join(r.dir, r.name, "vrrp.pid")))
}

func (r *router) comeBack(a *act) error {
	if err := r.start(a.active); err != nil {
		return err
	}
	return r.plug(true)
}

// stop is what systemctl stop does.
func (r *router) stop() error {
	err := r.proc.Signal(unix.SIGTERM)
	r.set("off")
	return err
}

// end stops the daemon, if it still runs, and waits until it has ended.
func (r *router) end(ctx context.Context) error {
	select {
	case <-r.proc.Done():
		return nil
	default:
	}
	if err := r.stop(); err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case <-r.proc.Done():
		return nil
	case <-limit.Done():
		return cmp.Or(ctx.Err(), r.failed("does not end when it is told to"))
	}
}

// await waits until one router alone holds the address, and for the time after
// that in which trouble would show.
func (w *world) await(ctx context.Context, a *act, r *router) error {
	// The router that is to take over may have to be heard of first, and this
	// machine may be busy: the bound is judged by the results, not here.
	limit := time.NewTimer(2*a.masterDown() + 10*time.Second)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
			return r.failed("did not get " + serviceAddr.String())
		case <-r.proc.Done():
			return r.failed("ended")
		case <-tick.C:
		}
		switch now := time.Now(); {
		case !w.servedBy(r):
			since = time.Time{}
		case since.IsZero():
			since = now
		case now.Sub(since) > a.settle:
			return nil
		}
	}
}

// awaitBackup waits until the router listens.
func (r *router) awaitBackup(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); r.shown() != "BACKUP"; {
		select {
		case <-limit.Done():
			tick.Stop()
			return cmp.Or(ctx.Err(), r.failed("does not listen"))
		case <-r.proc.Done():
			tick.Stop()
			return r.failed("ended")
		case <-tick.C:
		}
	}
	return nil
}

// servedBy tells whether that router alone holds the address and the client gets
// answers.
func (w *world) servedBy(r *router) bool {
	for _, other := range w.routers {
		if other.holds() != (other == r) {
			return false
		}
	}
	return time.Since(w.probe.last()) < silent
}

// failed is an error with the end of the router's log.
func (r *router) failed(what string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Errorf("%s %s; the end of its log:\n  %s", r.name, what, strings.Join(r.tail, "\n  "))
}

// table prints what was measured.
func (w *world) table(results []result) {
	w.line(plain, "")
	w.line(bold, "%-34s %12s %12s %8s", "Hand-over", "no answer", "allowed", "lost")
	for _, r := range results {
		allowed, seen, colour := "none", "none", green
		if r.bound > 0 {
			allowed = millis(r.bound)
		}
		if r.bound > 0 || r.lost > 0 {
			seen = millis(r.silence)
		}
		// An answer may be due just when the address is taken over.
		if r.silence > r.bound+5*probeEvery {
			colour = red
		}
		w.line(colour, "%-34s %12s %12s %8d", r.what, seen, allowed, r.lost)
	}
	w.line(plain, "")
	w.line(faint, "no answer: the longest time that the client waited, a probe every %v", probeEvery)
	w.line(faint, "allowed:   by the protocol, from the last advert to the new MASTER's first")
	w.line(faint, "lost:      probes that were never answered")
}

func millis(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
