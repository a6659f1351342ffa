// Package handover is what a daemon leaves to the program that is executed in its
// place: all that it knows, as text that programs of other releases can read.
//
// Fields that a reader does not know are passed over, and those that are missing
// are zero. [Version] changes only if a reader could be misled otherwise. What is
// urgent, since adverts wait for it, comes first: [Decode] returns the rest
// undecoded.
//
// The package is pure. All times are nanoseconds relative to the moment at which
// the state was taken, which [State.Clock] has on the kernel's monotonic clock.
package handover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/bfd"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/journal"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/notify"
	"github.com/holdfast-ha/holdfast/internal/sched"
	"github.com/holdfast-ha/holdfast/internal/snmp"
	"github.com/holdfast-ha/holdfast/internal/track"
)

// Version is that of the format.
const Version = 1

const head = "holdfast handover"

// ErrFormat is the error of Decode for what no daemon has left.
var ErrFormat = errors.New("this is no state of a daemon that this release understands")

// Beginning is what comes first: the configuration can be read while the rest is
// being decoded.
type Beginning struct {
	From    string  `json:"from"` // the release that leaves it
	Program Program `json:"program"`
	// Config are the files of the configuration that runs, as they were read.
	Config map[string][]byte `json:"config"`
}

// State is what cannot wait.
type State struct {
	Beginning `json:"-"` // written on its own, in front

	Clock time.Duration `json:"clock"` // CLOCK_MONOTONIC

	Started  fsm.Moment `json:"started"`
	Delayed  fsm.Moment `json:"delayed,omitempty"`
	Auto     int        `json:"auto,omitempty"`   // real-time priority that late timers have led to
	Reload   bool       `json:"reload,omitempty"` // one was asked for meanwhile
	Reloads  int        `json:"reloads,omitempty"`
	Groups   []Group    `json:"groups"`
	Sockets  []Socket   `json:"sockets,omitempty"`
	Verdicts []Verdict  `json:"verdicts,omitempty"`
	Carriers []Carrier  `json:"carriers,omitempty"`

	Stack    kernel.StackState `json:"stack,omitzero"`
	Standing []kernel.Standing `json:"standing,omitempty"`
	Pipes    []notify.PipeLeft `json:"pipes,omitempty"`
	Scripts  []Script          `json:"scripts,omitempty"`
	Sessions bfd.Left          `json:"bfd,omitzero"`
	Settings []Setting         `json:"settings,omitempty"`
}

// Program is what concerns the process rather than the protocol.
type Program struct {
	Path      string    `json:"path"`                // by which it was started
	Dir       string    `json:"dir"`                 // in which
	Namespace string    `json:"namespace,omitempty"` // the network namespace that it has entered
	PIDFiles  []PIDFile `json:"pid_files,omitempty"`
	Given     uint64    `json:"given,omitempty"` // capabilities that were given up
	// Sched is how the process was started, which is not how it runs.
	Sched *sched.Start `json:"sched,omitempty"`
	// CorePattern is what the kernel's was before this daemon changed it, if it has.
	CorePattern string `json:"core_pattern,omitempty"`
	// Restart is set if the state is for another process.
	Restart *Restart `json:"restart,omitempty"`
}

// Restart is what makes a state one that another process can use.
type Restart struct {
	Boot  string `json:"boot"`  // of the machine, by its id
	Space string `json:"space"` // the network namespace, by its inode
	Files []File `json:"files"`
}

// File is an open file whose descriptor has another number in the other process.
type File struct {
	FD  int    `json:"fd"`
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

// PIDFile is one that is locked.
type PIDFile struct {
	Path string   `json:"path"`
	FD   int      `json:"fd"`
	Dirs []string `json:"dirs,omitempty"` // made for it
}

// Group is a sync group, or an instance on its own.
type Group struct {
	Machine fsm.SavedGroup `json:"machine"`
	Members []Member       `json:"members"`
}

// Member is an instance, beside what its state machine knows.
type Member struct {
	Key       string       `json:"key"`  // what makes it the same one
	Told      fsm.State    `json:"told"` // the state last reported
	Prio      uint8        `json:"prio"` // and the priority
	Holding   bool         `json:"holding,omitempty"`
	Missing   []string     `json:"missing,omitempty"` // what could not be set of what it is to hold
	LinkKnown bool         `json:"link_known,omitempty"`
	LinkUp    bool         `json:"link_up,omitempty"`
	Source    netip.Addr   `json:"source,omitzero"`
	IPID      uint16       `json:"ip_id,omitempty"`
	LastSent  int64        `json:"last_sent,omitempty"` // Unix microseconds
	Heard     bool         `json:"heard,omitempty"`
	Suspected uint64       `json:"suspected,omitempty"`
	Dropped   []uint64     `json:"dropped,omitempty"` // rejected packets that were only counted, by reason
	Marks     advert.Marks `json:"marks,omitzero"`
}

// Socket is a pair of sockets for adverts.
type Socket struct {
	Interface string     `json:"interface,omitempty"`
	Index     int        `json:"index,omitempty"`
	IPv6      bool       `json:"ipv6,omitempty"`
	Proto     int        `json:"proto,omitempty"`
	Unicast   bool       `json:"unicast,omitempty"`
	Group     netip.Addr `json:"group,omitzero"`
	Source    netip.Addr `json:"source,omitzero"`
	RcvBuf    int        `json:"receive_buffer,omitempty"`
	Receive   int        `json:"receive"` // descriptors
	Send      int        `json:"send"`
}

// Verdict is what is known of something that is tracked.
type Verdict struct {
	Kind    fsm.TrackKind `json:"kind"`
	Name    string        `json:"name"`
	Verdict fsm.Verdict   `json:"verdict"`
	Value   int           `json:"value,omitempty"`
	Why     string        `json:"why,omitempty"`
}

// Carrier is the state of a link as it counts.
type Carrier struct {
	Link   string `json:"link"`
	Seen   bool   `json:"seen,omitempty"`
	Up     bool   `json:"up,omitempty"`
	Polled bool   `json:"polled,omitempty"`
	Flags  uint32 `json:"flags,omitempty"`
}

// Script is a tracked script.
type Script struct {
	Name  string            `json:"name"`
	State track.ScriptState `json:"state"`
}

// Setting is one of an instance that was changed by SNMP, and lasts until a reload.
type Setting struct {
	Instance string       `json:"instance"`
	What     snmp.Setting `json:"what"`
	Value    int          `json:"value"`
}

// Record is what the MIBs tell of an instance that nobody else remembers.
type Record struct {
	Key    string      `json:"key"`             // of the Member
	Began  fsm.Moment  `json:"began,omitempty"` // when it left INIT or FAULT; 0: it is there
	Reason snmp.Reason `json:"reason,omitempty"`
	Fault  snmp.Fault  `json:"fault,omitempty"`
}

// Later is what has time.
type Later struct {
	// Journals are those of the members, in the order of State.Groups.
	Journals [][]journal.Entry `json:"journals,omitempty"`
	// Mails are the states last told by mail.
	Mails []Mail `json:"mails,omitempty"`
	// Records are those of members that the MIBs show.
	Records []Record `json:"records,omitempty"`
}

// Mail is a state that was told of.
type Mail struct {
	Group bool   `json:"group,omitempty"`
	Name  string `json:"name"`
	State string `json:"state"`
}

// Encode writes a state.
func Encode(s *State, l *Later) ([]byte, error) {
	begin, err := json.Marshal(&s.Beginning)
	if err != nil {
		return nil, err
	}
	urgent, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	later, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %d %d %d %d\n", head, Version, len(begin), len(urgent), len(later))
	b.Write(begin)
	b.Write(urgent)
	b.Write(later)
	return b.Bytes(), nil
}

// parts takes a state apart.
func parts(data []byte) (begin, urgent, later []byte, err error) {
	line, _, ok := bytes.Cut(data[:min(len(data), 128)], []byte("\n"))
	var version, k, m, n int
	if !ok {
		return nil, nil, nil, ErrFormat
	}
	if _, err := fmt.Sscanf(string(line), head+" %d %d %d %d", &version, &k, &m, &n); err != nil {
		return nil, nil, nil, ErrFormat
	}
	rest := data[len(line)+1:]
	switch {
	case version != Version:
		return nil, nil, nil, fmt.Errorf("%w: it is of format %d, and not %d", ErrFormat, version, Version)
	case k < 0 || m < 0 || n < 0 || k > len(rest) || m > len(rest)-k || n != len(rest)-k-m:
		return nil, nil, nil, fmt.Errorf("%w: it is not whole", ErrFormat)
	}
	return rest[:k], rest[k : k+m], rest[k+m:], nil
}

// Begin reads only the Beginning of a state.
func Begin(data []byte) (*State, error) {
	begin, _, _, err := parts(data)
	if err != nil {
		return nil, err
	}
	s := &State{}
	if err := json.Unmarshal(begin, &s.Beginning); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return s, nil
}

// Decode reads what is urgent of a state, and returns what [DecodeLater] reads.
func Decode(data []byte) (s *State, later []byte, err error) {
	if s, err = Begin(data); err != nil {
		return nil, nil, err
	}
	_, urgent, later, err := parts(data)
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(urgent, s); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		if len(g.Members) == 0 || len(g.Members) != len(g.Machine.Instances) {
			return nil, nil, fmt.Errorf("%w: group %d has %d members and %d instances", ErrFormat, i, len(g.Members), len(g.Machine.Instances))
		}
	}
	return s, later, nil
}

// DecodeLater reads what is not urgent.
func DecodeLater(data []byte) (*Later, error) {
	l := &Later{}
	if err := json.Unmarshal(data, l); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return l, nil
}
