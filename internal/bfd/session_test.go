package bfd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

// counter gives 1, 2, 3, ...
func counter() func() uint32 {
	n := uint32(0)
	return func() uint32 { n++; return n }
}

func usual() Config {
	return Config{MinTx: 50 * ms, MinRx: 50 * ms, IdleTx: time.Second, Multiplier: 3}
}

// link is two sessions and the wire between them, at a clock of its own.
type link struct {
	t     testing.TB
	now   time.Time
	ends  [2]*Session
	air   []flying
	lost  func(from int) bool
	delay time.Duration
	log   []string // changes: "1234ms A Down>Init"
	sent  [2][]stamped
}

type flying struct {
	at time.Time
	to int
	p  Packet
}

type stamped struct {
	at time.Duration
	p  Packet
}

var epoch = time.Unix(1_800_000_000, 0)

func newLink(t testing.TB, a, b Config, seed uint64) *link {
	rng := rand.New(rand.NewPCG(seed, 7))
	l := &link{t: t, now: epoch, lost: func(int) bool { return false }, delay: ms}
	l.ends[0] = NewSession(l.now, a, rng.Uint32)
	l.ends[1] = NewSession(l.now, b, rng.Uint32)
	return l
}

// take carries out what an end asks for.
func (l *link) take(end int, out *Out) {
	for _, c := range out.Changed {
		l.log = append(l.log, fmt.Sprintf("%dms %c %v>%v", l.now.Sub(epoch).Milliseconds(), 'A'+rune(end), c.From, c.To))
	}
	for _, p := range out.Send {
		wire := p.AppendTo(nil)
		q, err := Decode(wire)
		if err != nil {
			l.t.Fatalf("%c sent %x: %v", 'A'+rune(end), wire, err)
		}
		l.sent[end] = append(l.sent[end], stamped{l.now.Sub(epoch), q})
		if !l.lost(end) {
			l.air = append(l.air, flying{l.now.Add(l.delay), 1 - end, q})
		}
	}
}

// run lets time pass.
func (l *link) run(d time.Duration) {
	end := l.now.Add(d)
	for {
		next := end
		for _, s := range l.ends {
			if w := s.Wake(); !w.IsZero() && w.Before(next) {
				next = w
			}
		}
		for _, f := range l.air {
			if f.at.Before(next) {
				next = f.at
			}
		}
		l.now = next
		i := slices.IndexFunc(l.air, func(f flying) bool { return !f.at.After(l.now) })
		if i >= 0 {
			f := l.air[i]
			l.air = slices.Delete(l.air, i, i+1)
			l.take(f.to, l.ends[f.to].Receive(l.now, &f.p))
			continue
		}
		ticked := false
		for i, s := range l.ends {
			if w := s.Wake(); !w.IsZero() && !w.After(l.now) {
				l.take(i, s.Tick(l.now))
				ticked = true
			}
		}
		if !ticked && !l.now.Before(end) {
			return
		}
	}
}

// states are the states of both ends.
func (l *link) states() string { return fmt.Sprint(l.ends[0].State(), " ", l.ends[1].State()) }

func (l *link) want(states string) {
	l.t.Helper()
	if got := l.states(); got != states {
		l.t.Fatalf("states %s, want %s\n%s", got, states, strings.Join(l.log, "\n"))
	}
}

// sentSince are the packets of an end after a moment.
func (l *link) sentSince(end int, since time.Duration) []stamped {
	i := slices.IndexFunc(l.sent[end], func(s stamped) bool { return s.at >= since })
	if i < 0 {
		return nil
	}
	return l.sent[end][i:]
}

// TestBringUp is the three-way handshake (RFC 5880 section 6.2): changes are
// told at once, so that it takes no more than a few trips.
func TestBringUp(t *testing.T) {
	l := newLink(t, usual(), usual(), 1)
	l.run(20 * ms)
	l.want("Up Up")
	// Whatever the order, each end goes Down, Init or at once, Up.
	for _, line := range l.log {
		if strings.HasSuffix(line, ">Down") {
			t.Errorf("on the way up: %s", line)
		}
	}
	l.run(3 * time.Second)
	l.want("Up Up")
	if n := len(l.log); n > 4 {
		t.Errorf("%d changes: %q", n, l.log)
	}
}

// TestIntervals are the times between packets (RFC 5880 section 6.8.7): never
// longer than what was agreed, and at most a quarter shorter.
func TestIntervals(t *testing.T) {
	slow := usual()
	slow.MinRx = 200 * ms
	l := newLink(t, usual(), slow, 2)
	l.run(2 * time.Second)
	l.want("Up Up")
	l.run(10 * time.Second)
	for end, agreed := range []time.Duration{200 * ms, 50 * ms} {
		sent := l.sentSince(end, 2*time.Second)
		for i := 1; i < len(sent); i++ {
			if gap := sent[i].at - sent[i-1].at; gap > agreed || gap < agreed*3/4 {
				t.Errorf("%c sent after %v, want %v to %v", 'A'+end, gap, agreed*3/4, agreed)
			}
		}
		if len(sent) < 40 {
			t.Errorf("%c sent %d packets", 'A'+end, len(sent))
		}
	}
}

// TestLonePacketLeavesRoom: with a multiplier of 1 a packet comes at least a
// tenth early.
func TestLonePacketLeavesRoom(t *testing.T) {
	c := usual()
	c.Multiplier = 1
	l := newLink(t, c, c, 3)
	l.run(2 * time.Second)
	l.want("Up Up")
	l.run(10 * time.Second)
	sent := l.sentSince(0, 2*time.Second)
	for i := 1; i < len(sent); i++ {
		if gap := sent[i].at - sent[i-1].at; gap > 45*ms || gap < 37*ms {
			t.Errorf("sent after %v, want 37.5 to 45 ms", gap)
		}
	}
	l.want("Up Up")
}

// TestDetection cuts the wire: the other end is Down one detection time after
// the last packet (RFC 5880 section 6.8.4).
func TestDetection(t *testing.T) {
	l := newLink(t, usual(), usual(), 4)
	l.run(5 * time.Second)
	l.want("Up Up")
	last := l.sent[1][len(l.sent[1])-1].at + l.delay
	l.lost = func(int) bool { return true }
	l.air = nil
	changes := len(l.log)
	if got := l.ends[0].Detection(); got != 150*ms {
		t.Errorf("detection time %v, want 150ms", got)
	}
	l.run(150*ms - (l.now.Sub(epoch) - last) - time.Microsecond)
	if len(l.log) != changes {
		t.Errorf("too early: %q", l.log[changes:])
	}
	l.run(60 * ms)
	l.want("Down Down")
	sent := l.sentSince(0, l.now.Sub(epoch)-60*ms)
	if p := sent[len(sent)-1].p; p.State != Down || p.Diag != DiagExpired || p.Your != 0 || p.DesiredTx != time.Second {
		t.Errorf("told %+v", p)
	}
	l.lost = func(int) bool { return false }
	l.run(2 * time.Second)
	l.want("Up Up")
}

// TestDeafEnd: an end that still hears must learn from the other that it is not
// heard itself.
func TestDeafEnd(t *testing.T) {
	l := newLink(t, usual(), usual(), 5)
	l.run(2 * time.Second)
	l.lost = func(from int) bool { return from == 0 }
	l.run(200 * ms)
	for _, line := range l.log[len(l.log)-2:] {
		if !strings.HasSuffix(line, "Up>Down") {
			t.Errorf("changes: %q", l.log)
		}
	}
	if d := l.sent[0][len(l.sent[0])-1].p.Diag; d != DiagNeighborDown {
		t.Errorf("diagnostic %v", d)
	}
}

// TestAdminDown: an end that stops says so, and that is peaceful.
func TestAdminDown(t *testing.T) {
	l := newLink(t, usual(), usual(), 6)
	l.run(2 * time.Second)
	var peaceful []bool
	out := l.ends[0].Stop(l.now)
	if len(out.Send) != 1 || out.Send[0].State != AdminDown || out.Send[0].Diag != DiagAdminDown {
		t.Fatalf("at the end it sent %+v", out.Send)
	}
	p := out.Send[0]
	for _, c := range l.ends[1].Receive(l.now, &p).Changed {
		peaceful = append(peaceful, c.Peaceful)
	}
	if !slices.Equal(peaceful, []bool{true}) || l.ends[1].State() != Down {
		t.Errorf("changes, peaceful or not: %v; state %v", peaceful, l.ends[1].State())
	}
	if !l.ends[0].Wake().IsZero() {
		t.Error("a stopped session wants to wake")
	}
	l.run(3 * time.Second)
	l.want("AdminDown Down")
}

// TestPassive: such an end says nothing before it was spoken to, and two of
// them never do.
func TestPassive(t *testing.T) {
	c := usual()
	c.Passive = true
	l := newLink(t, c, c, 7)
	l.run(time.Minute)
	if len(l.sent[0])+len(l.sent[1]) > 0 {
		t.Error("two passive ends spoke")
	}
	l = newLink(t, c, usual(), 7)
	l.run(time.Second)
	l.want("Up Up")
	l.lost = func(int) bool { return true }
	l.run(time.Second)
	if got := l.sentSince(0, 2*time.Second); len(got) > 0 {
		t.Errorf("a passive end that hears nothing spoke: %+v", got[0])
	}
}

// TestPoll follows a change of intervals while Up (RFC 5880 section 6.8.3).
func TestPoll(t *testing.T) {
	fast := usual()
	fast.MinTx = 10 * ms
	l := newLink(t, usual(), fast, 8)
	l.run(2 * time.Second)
	l.want("Up Up")
	// A wants to hear faster and to speak less: until B has agreed A waits as
	// long as before, and speaks as often.
	c := usual()
	c.MinRx, c.MinTx = 20*ms, 400*ms
	l.lost = func(from int) bool { return from == 0 }
	began := l.now.Sub(epoch)
	l.take(0, l.ends[0].Reconfigure(l.now, c))
	l.run(110 * ms)
	if got := l.ends[0].Detection(); got != 150*ms {
		t.Errorf("before the answer: detection time %v", got)
	}
	if got := l.sentSince(0, began); len(got) < 3 {
		t.Errorf("before the answer: %d packets in 110 ms", len(got))
	}
	l.lost = func(int) bool { return false }
	l.run(50 * ms)
	at := began
	if got := l.sentSince(0, at); !got[0].p.Poll || got[0].p.DesiredTx != 400*ms || got[0].p.RequiredRx != 20*ms {
		t.Errorf("the question was %+v", got)
	}
	if !slices.ContainsFunc(l.sentSince(1, at), func(s stamped) bool { return s.p.Final && !s.p.Poll }) {
		t.Error("no answer")
	}
	l.run(2 * time.Second)
	l.want("Up Up")
	if got := l.ends[1].Detection(); got != 3*400*ms {
		t.Errorf("detection time of the other end %v", got)
	}
	if got := l.sentSince(0, at+time.Second); len(got) > 4 {
		t.Errorf("%d packets in a second, want one every 300 to 400 ms", len(got))
	}
	if p := l.sent[0][len(l.sent[0])-1].p; p.Poll {
		t.Error("still asking")
	}
}

// TestDemand: a neighbour in demand mode is sent nothing while both are Up.
func TestDemand(t *testing.T) {
	now := epoch
	s := NewSession(now, usual(), counter())
	p := Packet{State: Init, Multiplier: 3, My: 9, Your: s.Discriminator(), DesiredTx: 50 * ms, RequiredRx: 50 * ms}
	s.Receive(now, &p)
	p.State, p.Demand, p.Final = Up, true, true
	s.Receive(now, &p)
	if s.State() != Up {
		t.Fatal(s.State())
	}
	for range 100 {
		now = now.Add(ms)
		if out := s.Tick(now); len(out.Send) > 0 {
			t.Fatalf("sent %+v", out.Send)
		}
	}
	p.Final, p.Poll = false, true
	if out := s.Receive(now, &p); len(out.Send) != 1 || !out.Send[0].Final {
		t.Errorf("the answer to a Poll is %+v", out.Send)
	}
}

// TestMute: a neighbour that wants to receive nothing is sent nothing.
func TestMute(t *testing.T) {
	now := epoch
	s := NewSession(now, usual(), counter())
	p := Packet{State: Down, Multiplier: 3, My: 9, DesiredTx: 50 * ms}
	if out := s.Receive(now, &p); len(out.Send) > 0 {
		t.Errorf("sent %+v", out.Send)
	}
	for range 100 {
		now = now.Add(10 * ms)
		p.Your = s.Discriminator()
		if out := s.Tick(now); len(out.Send) > 0 {
			t.Fatalf("sent %+v", out.Send)
		}
		s.Receive(now, &p)
	}
}

// TestTransitions is the table of RFC 5880 section 6.8.6.
func TestTransitions(t *testing.T) {
	reach := map[State][]State{Down: {}, Init: {Down}, Up: {Down, Up}}
	for _, tt := range []struct {
		state, heard, want State
	}{
		{Down, AdminDown, Down},
		{Down, Down, Init},
		{Down, Init, Up},
		{Down, Up, Down},
		{Init, AdminDown, Down},
		{Init, Down, Init},
		{Init, Init, Up},
		{Init, Up, Up},
		{Up, AdminDown, Down},
		{Up, Down, Down},
		{Up, Init, Up},
		{Up, Up, Up},
	} {
		s := NewSession(epoch, usual(), counter())
		p := Packet{Multiplier: 3, My: 9, Your: s.Discriminator(), DesiredTx: 50 * ms, RequiredRx: 50 * ms}
		for _, x := range append(reach[tt.state], tt.heard) {
			p.State = x
			s.Receive(epoch, &p)
		}
		if s.State() != tt.want {
			t.Errorf("%v and %v heard: %v, want %v", tt.state, tt.heard, s.State(), tt.want)
		}
	}
}

// TestProperties lets two sessions of any kind live on a bad wire: what they
// say is in order, and when the wire is good again they are Up.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		conf := func(name string) Config {
			return Config{
				MinTx:      time.Duration(rapid.IntRange(1, 300).Draw(rt, name+" tx")) * ms,
				MinRx:      time.Duration(rapid.IntRange(1, 300).Draw(rt, name+" rx")) * ms,
				IdleTx:     time.Duration(rapid.IntRange(1000, 1500).Draw(rt, name+" idle")) * ms,
				Multiplier: uint8(rapid.IntRange(2, 5).Draw(rt, name+" multiplier")),
			}
		}
		seed := rapid.Uint64().Draw(rt, "seed")
		l := newLink(t, conf("A"), conf("B"), seed)
		rng := rand.New(rand.NewPCG(seed, 8))
		part := rapid.IntRange(0, 90).Draw(rt, "lost of a hundred")
		l.lost = func(int) bool { return rng.IntN(100) < part }
		l.run(time.Duration(rapid.IntRange(0, 20000).Draw(rt, "bad")) * ms)
		l.lost = func(int) bool { return false }
		l.run(20 * time.Second)
		if l.states() != "Up Up" {
			rt.Fatalf("%s\n%s", l.states(), strings.Join(l.log, "\n"))
		}
		last := [2]string{"Down", "Down"}
		for _, line := range l.log {
			f := strings.Fields(line)
			from, to, _ := strings.Cut(f[2], ">")
			end := f[1][0] - 'A'
			if from != last[end] || from == to {
				rt.Fatalf("not a chain: %s after %s", line, last[end])
			}
			last[end] = to
		}
	})
}

// BenchmarkReceive is a packet in the steady state.
func BenchmarkReceive(b *testing.B) {
	s := NewSession(epoch, usual(), counter())
	p := Packet{State: Init, Multiplier: 3, My: 9, Your: s.Discriminator(), DesiredTx: 50 * ms, RequiredRx: 50 * ms}
	s.Receive(epoch, &p)
	p.State, p.Final = Up, true
	now := epoch
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(50 * ms)
		s.Receive(now, &p)
	}
}
