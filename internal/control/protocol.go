package control

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Version is that of the protocol: a daemon refuses what it does not know. Fields
// may come in addition at any time, and mean nothing to those who do not know them.
const Version = 1

// Patience is how long either end waits for the other to take or give something
// that is ready.
const Patience = 5 * time.Second

// Path is where the daemon with this pid file listens.
func Path(pidFile string) string { return strings.TrimSuffix(pidFile, ".pid") + ".sock" }

// Verb is what is wanted.
type Verb string

// Verbs.
const (
	VerbStatus     Verb = "status"      // how all instances are: a [Status]
	VerbData       Verb = "data"        // the text of keepalived.data
	VerbStats      Verb = "stats"       // the text of keepalived.stats
	VerbStatsClear Verb = "stats-clear" // the same, and the counters begin anew
	VerbJSON       Verb = "json"        // the text of keepalived.json
	VerbReload     Verb = "reload"      // read the configuration anew; answered when that is done
	VerbUpgrade    Verb = "upgrade"     // be replaced by the program on disk; no answer if that is done
)

// open tells whether everybody may ask for it.
func (v Verb) open() bool { return v == VerbStatus }

// Request is what a client sends.
type Request struct {
	Version int  `json:"version"`
	Verb    Verb `json:"verb"`
}

// Message is a line of the answer.
type Message struct {
	Line   string  `json:"line,omitempty"` // something that has happened, for people
	Text   string  `json:"text,omitempty"` // a part of the text that was asked for
	Status *Status `json:"status,omitempty"`
	// End: this is the last one. Error then says why what was asked for was not done.
	End   bool   `json:"end,omitempty"`
	Error string `json:"error,omitempty"`
}

// Refusal is an error that the daemon has answered with.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

// Outcome is how something ended.
type Outcome struct {
	At     time.Time `json:"at"`
	Failed bool      `json:"failed"`
	Text   string    `json:"text"` // the line of the log
}

// Status is how a daemon does.
type Status struct {
	Version string    `json:"version"` // of the program
	PID     int       `json:"pid"`
	Started time.Time `json:"started"` // upgrades do not change that
	Config  string    `json:"config"`  // the file
	Summary string    `json:"summary"` // what the service manager is told
	Reloads int       `json:"reloads"`
	// LastReload and LastUpgrade are those of this program; nil: there was none.
	LastReload  *Outcome   `json:"last_reload,omitempty"`
	LastUpgrade *Outcome   `json:"last_upgrade,omitempty"`
	Instances   []Instance `json:"instances"`
}

// Instance is a vrrp_instance. States are INIT, BACKUP, MASTER and FAULT.
type Instance struct {
	Name      string    `json:"name"`
	Group     string    `json:"group,omitempty"` // its sync group
	State     string    `json:"state"`
	Since     time.Time `json:"since,omitzero"`  // zero: it was never in another
	Cause     string    `json:"cause,omitempty"` // of the last transition
	Interface string    `json:"interface,omitempty"`
	VRID      uint8     `json:"vrid"`
	Protocol  int       `json:"protocol"` // VRRP 2 or 3
	IPv6      bool      `json:"ipv6"`
	Priority  uint8     `json:"priority"`  // configured
	Effective uint8     `json:"effective"` // with what is tracked
	// Master is whose adverts a Backup hears, and MasterPriority the one in them.
	Master         netip.Addr `json:"master,omitzero"`
	MasterPriority uint8      `json:"master_priority,omitempty"`
	Interval       float64    `json:"interval"` // seconds between adverts, as configured
	Addresses      []Address  `json:"addresses"`
	Faults         []string   `json:"faults,omitempty"` // why it is in FAULT
	// Suspected is how often there were signs of a second Master.
	Suspected uint64 `json:"suspected,omitempty"`
}

// Address is a virtual address.
type Address struct {
	Address   netip.Prefix `json:"address"`
	Interface string       `json:"interface,omitempty"`
	Set       bool         `json:"set"` // it is there, and held
}

// check says why a request is not one.
func (r *Request) check() error {
	if r.Version != Version {
		return fmt.Errorf("this daemon speaks version %d of the protocol, not %d: use the holdfastctl of the daemon's package", Version, r.Version)
	}
	switch r.Verb {
	case VerbStatus, VerbData, VerbStats, VerbStatsClear, VerbJSON, VerbReload, VerbUpgrade:
		return nil
	}
	return fmt.Errorf("this daemon does not know %q", r.Verb)
}
