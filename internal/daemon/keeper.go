package daemon

import (
	"cmp"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/marks"
)

// keepPause is the time between two looks at what is to be kept: a crash costs
// no more than that, and a stop nothing.
const keepPause = time.Second

// keeper keeps the marks of authenticated instances in a file, so that adverts
// recorded before a restart are worth nothing after it. It writes on a
// goroutine of its own. A file that is missing, damaged or cannot be written is
// logged and no more: the instances run all the same.
type keeper struct {
	path string
	log  *logger

	mu     sync.Mutex
	guards map[string]*guard // of the instances that run
	idle   marks.Table       // of those that do not, or not yet

	said    string // what went wrong the last time; of the goroutine
	started bool
	quit    chan struct{}
	done    chan struct{}
}

func newKeeper(path string, log *logger) *keeper {
	return &keeper{path: path, log: log, idle: marks.Table{}, quit: make(chan struct{}), done: make(chan struct{})}
}

// start reads the file and keeps it from then on.
func (k *keeper) start() {
	if k.path == "" {
		return
	}
	table, err := marks.Load(k.path)
	if err != nil {
		k.log.infof("%v - adverts from before the restart are not recognised", err)
	}
	k.mu.Lock()
	k.idle = table
	k.mu.Unlock()
	k.started = true
	go k.run()
}

func (k *keeper) run() {
	defer close(k.done)
	t := time.NewTicker(keepPause)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			k.save()
		case <-k.quit:
			k.save()
			return
		}
	}
}

// stop writes what has changed and ends, if that does not take too long.
func (k *keeper) stop(limit time.Duration) {
	if !k.started {
		return
	}
	close(k.quit)
	select {
	case <-k.done:
	case <-time.After(limit):
	}
}

// watch takes over the members that run from now on. One that is new gets what
// is known of it from earlier.
func (k *keeper) watch(members []*member) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.guards
	k.guards = map[string]*guard{}
	for _, m := range members {
		set := m.set.Load()
		if !authenticated(set.expect) {
			continue
		}
		key := identityOf(set.cfg).key()
		if before[key] == nil {
			m.guard.restore(k.idle[key])
			delete(k.idle, key)
		}
		k.guards[key] = &m.guard
	}
	for key, g := range before {
		if k.guards[key] == nil {
			k.idle[key], _ = g.copy()
		}
	}
}

// save writes the file if anything has changed.
func (k *keeper) save() {
	k.mu.Lock()
	table, changed := marks.Table{}, false
	for key, m := range k.idle {
		table[key] = m
	}
	for key, g := range k.guards {
		m, dirty := g.copy()
		table[key], changed = m, changed || dirty
	}
	k.mu.Unlock()
	if !changed {
		return
	}
	said := ""
	if err := marks.Save(k.path, table); err != nil {
		if said = err.Error(); said != k.said {
			k.log.infof("%v - adverts recorded now would be taken for new after a restart", err)
		}
	}
	k.said = said
}

// key names the instance in a file. It has no blanks.
func (i identity) key() string {
	family, addr := 4, i.group
	if i.ipv6 {
		family = 6
	}
	if i.unicast {
		addr = i.source
	}
	text := "-"
	if addr != (netip.Addr{}) {
		text = addr.String()
	}
	return fmt.Sprintf("%d/%d/%s/%s", i.vrid, family, cmp.Or(i.iface, "-"), text)
}
