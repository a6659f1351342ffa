package bfd

import (
	"fmt"
	"time"
)

// Saved is all that a session knows, for a program that goes on in the place of
// this one: the neighbour need not notice. Times are relative to the moment at
// which it was saved; 0: none.
type Saved struct {
	State       State         `json:"state"`
	Diag        Diag          `json:"diag,omitempty"`
	My          uint32        `json:"my"`
	Remote      uint32        `json:"remote,omitempty"`
	RemoteState State         `json:"remote_state,omitempty"`
	RemoteMinRx time.Duration `json:"remote_min_rx,omitempty"`
	RemoteTx    time.Duration `json:"remote_tx,omitempty"`
	RemoteMult  uint8         `json:"remote_mult,omitempty"`
	RemoteAsks  bool          `json:"remote_asks,omitempty"`
	DesiredTx   time.Duration `json:"desired_tx"`
	RequiredRx  time.Duration `json:"required_rx"`
	HeldTx      time.Duration `json:"held_tx"`
	HeldRx      time.Duration `json:"held_rx"`
	Polling     bool          `json:"polling,omitempty"`
	Sent        time.Duration `json:"sent,omitempty"`
	Heard       time.Duration `json:"heard,omitempty"`
	Expires     time.Duration `json:"expires,omitempty"`
	Next        time.Duration `json:"next,omitempty"`
}

// Save returns what the session knows.
func (s *Session) Save(now time.Time) Saved {
	return Saved{
		State: s.state, Diag: s.diag, My: s.my, Remote: s.remote, RemoteState: s.remoteState, RemoteMinRx: s.remoteMinRx,
		RemoteTx: s.remoteTx, RemoteMult: s.remoteMult, RemoteAsks: s.remoteAsks, DesiredTx: s.desiredTx, RequiredRx: s.requiredRx,
		HeldTx: s.heldTx, HeldRx: s.heldRx, Polling: s.polling,
		Sent: since(s.sent, now), Heard: since(s.heard, now), Expires: since(s.expires, now), Next: since(s.next, now),
	}
}

// since is how much later than now a time is; none is 0, and now a nanosecond.
func since(t, now time.Time) time.Duration {
	switch {
	case t.IsZero():
		return 0
	case t.Equal(now):
		return 1
	}
	return t.Sub(now)
}

// RestoreSession makes a session go on that was saved at the time then. The error
// says what no session could have saved.
func RestoreSession(then time.Time, cfg Config, random func() uint32, x *Saved) (*Session, error) {
	switch {
	case x.My == 0:
		return nil, fmt.Errorf("a BFD session without discriminator")
	case x.State != Down && x.State != Init && x.State != Up, x.RemoteState > Up, x.Diag > 31:
		return nil, fmt.Errorf("a BFD session in state %v, of its neighbour %v", x.State, x.RemoteState)
	case min(x.DesiredTx, x.RequiredRx, x.HeldTx, x.HeldRx, x.RemoteMinRx, x.RemoteTx) < 0:
		return nil, fmt.Errorf("a BFD session with negative intervals")
	}
	at := func(d time.Duration) time.Time {
		if d == 0 {
			return time.Time{}
		}
		return then.Add(d)
	}
	return &Session{
		cfg: cfg, random: random, state: x.State, diag: x.Diag, my: x.My, remote: x.Remote, remoteState: x.RemoteState,
		remoteMinRx: x.RemoteMinRx, remoteTx: x.RemoteTx, remoteMult: x.RemoteMult, remoteAsks: x.RemoteAsks,
		desiredTx: x.DesiredTx, requiredRx: x.RequiredRx, heldTx: x.HeldTx, heldRx: x.HeldRx, polling: x.Polling,
		sent: at(x.Sent), heard: at(x.Heard), expires: at(x.Expires), next: at(x.Next),
	}, nil
}

// Early sends the next periodic packet before its time, if the jitter would have
// allowed that: its owner is going to be away for a moment. The result is valid
// until the next call.
func (s *Session) Early(now time.Time) *Out {
	s.begin()
	if !s.next.IsZero() && !s.silent() && now.Sub(s.sent) >= s.interval()*3/4 {
		s.send(now, false)
	}
	return &s.out
}
