package daemon

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/netio"
	"github.com/holdfast-ha/holdfast/internal/splitbrain"
)

const (
	// lookPause is the time between two looks at the segment.
	lookPause = time.Second

	// askFirst is when a new Master asks for an address of its own for the first
	// time: whoever was Master before has given it up by then.
	askFirst = 4 * time.Second

	// aloneAfter is how long a unicast Master hears nobody before that is said.
	aloneAfter = 30 * time.Second
)

// lookout looks for signs of a second master on the segment. It belongs to its
// own goroutine, takes what others have counted, and changes nothing: what it
// finds is told.
type lookout struct {
	log     *logger
	monitor *kernel.Monitor
	tell    func(*member, []splitbrain.News)

	mu      sync.Mutex
	members []*member

	// Of the goroutine.
	watched   map[*member]*watched
	witnesses map[vantage]*witness

	started bool
	quit    chan struct{}
	done    chan struct{}
}

// watched is what is known of one member.
type watched struct {
	detector splitbrain.Detector
	master   time.Time // since when; zero: it is not
	ask      time.Time // when to ask next
	turn     int       // whose turn it is to be asked for
	alone    bool      // it was said that nobody is heard
}

// vantage is where claims are heard.
type vantage struct {
	link string
	ipv6 bool
}

// asked is an address and the link on which others may claim it.
type asked struct {
	link string
	addr netip.Addr
}

func newLookout(log *logger, monitor *kernel.Monitor, tell func(*member, []splitbrain.News)) *lookout {
	return &lookout{
		log: log, monitor: monitor, tell: tell, watched: map[*member]*watched{}, witnesses: map[vantage]*witness{},
		quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// watch takes over the members that run from now on, and begins with the first.
func (l *lookout) watch(members []*member) {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.members = slices.Clone(members)
	l.mu.Unlock()
	if !l.started {
		l.started = true
		go l.run()
	}
}

// stop ends the goroutine.
func (l *lookout) stop() {
	if l == nil || !l.started {
		return
	}
	close(l.quit)
	<-l.done
}

func (l *lookout) run() {
	defer close(l.done)
	t := time.NewTicker(lookPause)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			l.look(time.Now())
		case <-l.quit:
			for _, w := range l.witnesses {
				w.close()
			}
			return
		}
	}
}

// look is one look at everything.
func (l *lookout) look(now time.Time) {
	l.mu.Lock()
	members := l.members
	l.mu.Unlock()
	before := l.watched
	l.watched = make(map[*member]*watched, len(members))
	links := l.monitor.Snapshot()
	l.listen(now, members, links)
	claims := l.claims(links)
	for _, m := range members {
		w := before[m]
		if w == nil {
			w = &watched{}
		}
		l.watched[m] = w
		set, master := m.set.Load(), m.state() == fsm.Master
		o := splitbrain.Observation{Master: master, Interval: set.spec.AdvertInterval, Advert: m.sightings.take()}
		if master {
			for _, c := range claims {
				if holds(set, c.Link, c.Addr) {
					o.Claims = append(o.Claims, c)
				}
			}
		}
		if news := w.detector.Look(now, &o); len(news) > 0 {
			l.tell(m, news)
		}
		switch {
		case !master:
			w.master = time.Time{}
		case w.master.IsZero():
			w.master, w.ask = now, now.Add(askFirst)
		default:
			l.sayAlone(now, m, set, w)
			l.ask(now, set, w, members, links)
		}
	}
}

// holds tells whether a Master has the address on the interface.
func holds(set *settings, link string, addr netip.Addr) bool {
	return slices.ContainsFunc(set.objects, func(o kernel.Object) bool {
		a, ok := o.(kernel.Address)
		return ok && a.Link == link && a.Prefix.Addr() == addr
	})
}

// listen opens a witness wherever a Master has addresses, and closes the others.
func (l *lookout) listen(now time.Time, members []*member, links *kernel.Picture) {
	wanted := map[vantage][]netip.Addr{}
	seen := map[asked]bool{}
	for _, m := range members {
		if m.state() != fsm.Master {
			continue
		}
		for _, a := range addressesOf(m.set.Load().objects) {
			v := vantage{a.Link, a.Prefix.Addr().Is6()}
			at := asked{a.Link, a.Prefix.Addr()}
			if !at.addr.IsMulticast() && !seen[at] {
				seen[at] = true
				wanted[v] = append(wanted[v], at.addr)
			}
		}
	}
	for v, w := range l.witnesses {
		if link := links.LinkByName(v.link); wanted[v] == nil || link == nil || link.Index != w.index || string(link.HardwareAddr) != string(w.mac) {
			w.close()
			delete(l.witnesses, v)
		}
	}
	for v, addrs := range wanted {
		link := links.LinkByName(v.link)
		if link == nil || link.NoARP || !link.Up || len(link.HardwareAddr) != 6 {
			continue
		}
		w := l.witnesses[v]
		if w == nil {
			w = openWitness(link, v.ipv6)
			l.witnesses[v] = w
			if w.broken != nil {
				l.log.infof("%v - whether others hold our addresses is not noticed there", w.broken)
			}
		}
		if w.broken == nil {
			w.broken = w.Watch(addrs)
		}
	}
}

// claims takes what the witnesses have heard from other machines: one with two
// interfaces on a segment may answer on either.
func (l *lookout) claims(links *kernel.Picture) []splitbrain.Claim {
	var all []splitbrain.Claim
	for _, w := range l.witnesses {
		for _, c := range w.take() {
			mac := net.HardwareAddr(c.MAC[:])
			if slices.ContainsFunc(links.Links, func(k *kernel.Link) bool { return string(k.HardwareAddr) == string(mac) }) {
				continue
			}
			all = append(all, splitbrain.Claim{Addr: c.Addr, MAC: mac.String(), Link: w.link, Asked: c.Asked})
		}
	}
	return all
}

// ask asks for one address of the member when it is time: for the one that
// somebody claims, or for each in turn.
func (l *lookout) ask(now time.Time, set *settings, w *watched, members []*member, links *kernel.Picture) {
	if now.Before(w.ask) {
		return
	}
	held := addressesOf(set.objects)
	if len(held) == 0 {
		return
	}
	pause := splitbrain.AskEvery(set.spec.AdvertInterval)
	a := held[w.turn%len(held)]
	if claimed, ok := w.detector.Claimed(); ok {
		pause = splitbrain.AskAgain
		if i := slices.IndexFunc(held, func(h kernel.Address) bool { return h.Prefix.Addr() == claimed }); i >= 0 {
			a = held[i]
		}
	} else {
		w.turn++
	}
	w.ask = now.Add(pause)
	at := l.witnesses[vantage{a.Link, a.Prefix.Addr().Is6()}]
	if at == nil || at.broken != nil {
		return
	}
	var src netip.Addr
	if link := links.LinkByName(a.Link); link != nil && a.Prefix.Addr().Is6() {
		src = kernel.PickSource(*link, true, func(x netip.Addr) bool {
			return slices.ContainsFunc(members, func(m *member) bool { return m.set.Load().vips[x] })
		}, netip.Addr{})
		if !src.IsValid() {
			return
		}
	}
	_ = at.Ask(a.Prefix.Addr(), src) // next time it may work; adverts say what is wrong
}

// sayAlone says once that a unicast Master has never heard any of its peers:
// that is how a healthy pair begins, and how one begins whose network does not
// let adverts pass.
func (l *lookout) sayAlone(now time.Time, m *member, set *settings, w *watched) {
	if w.alone || !set.cfg.Unicast || len(set.dests) == 0 || m.sightings.heard.Load() || now.Sub(w.master) < aloneAfter {
		return
	}
	w.alone = true
	l.log.infof("(%s) MASTER for %v, and no advert of any unicast peer (%s) has been heard since the start: "+
		"that is as it should be while they are BACKUP; if one of them is MASTER too, its adverts do not arrive here",
		set.cfg.Name, aloneAfter, peersText(set.dests))
}

func peersText(peers []netip.Addr) string {
	if len(peers) > 3 {
		return fmt.Sprintf("%v, %v and %d more", peers[0], peers[1], len(peers)-2)
	}
	text := ""
	for i, p := range peers {
		if i > 0 {
			text += ", "
		}
		text += p.String()
	}
	return text
}

// witness hears claims on one interface, and keeps the last ones.
type witness struct {
	*netio.Witness
	link   string
	index  int
	mac    net.HardwareAddr
	broken error // why there is none
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	heard []netio.Claim
}

// witnessBox is how many different claims are kept between two looks.
const witnessBox = 16

func openWitness(link *kernel.Link, ipv6 bool) *witness {
	w := &witness{link: link.Name, index: link.Index, mac: link.HardwareAddr, done: make(chan struct{})}
	if w.Witness, w.broken = netio.OpenWitness(link.Index, link.Name, link.HardwareAddr, ipv6); w.broken != nil {
		return w
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go func() {
		defer close(w.done)
		_ = w.Run(ctx, w.note) // one that breaks hears nothing, as one whose interface is down
	}()
	return w
}

func (w *witness) note(c netio.Claim) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.heard) < witnessBox && !slices.Contains(w.heard, c) {
		w.heard = append(w.heard, c)
	}
}

func (w *witness) take() []netio.Claim {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard := w.heard
	w.heard = nil
	return heard
}

func (w *witness) close() {
	if w.cancel != nil {
		w.cancel()
		<-w.done
	}
}

// suspectRival tells of suspicions: to the log, the journal, the statistics and the
// FIFOs. It is called by the lookout.
func (d *Daemon) suspectRival(m *member, news []splitbrain.News) {
	for _, n := range news {
		name := m.name()
		switch {
		case n.Ended:
			d.log.infof("(%s) split brain no longer suspected (%v): %s", name, n.Kind, n.Evidence)
		case n.Reminder:
			d.log.infof("(%s) SPLIT BRAIN still suspected (%v): %s", name, n.Kind, n.Evidence)
			continue
		default:
			d.log.alertf("(%s) SPLIT BRAIN suspected (%v): %s", name, n.Kind, n.Evidence)
		}
		d.do(func() { // only here it is certain which runner is the member's
			r := m.runner
			r.ctl.push(errand{do: func(now time.Time, _ *fsm.Group) { r.noteRival(now, m, n) }})
		})
	}
}

// noteRival remembers a suspicion. Its beginning and its end are told once,
// however many reasons there are at the same time.
func (r *runner) noteRival(now time.Time, m *member, n splitbrain.News) {
	m.journal.Suspicion(now, n.Kind.String(), n.Ended, n.Evidence)
	before := m.rivals
	if n.Ended {
		m.rivals &^= 1 << n.Kind
	} else {
		m.rivals |= 1 << n.Kind
	}
	switch {
	case before == 0 && m.rivals != 0:
		m.suspected.Add(1)
		r.note(m, ofSuspicion, m.state())
	case before != 0 && m.rivals == 0:
		r.note(m, ofSuspicionEnd, m.state())
	}
}
