package bfd

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// restored is a session that goes on in another program.
func restored(t testing.TB, s *Session, then time.Time) *Session {
	t.Helper()
	text, err := json.Marshal(s.Save(then))
	if err != nil {
		t.Fatal(err)
	}
	var x Saved
	if err := json.Unmarshal(text, &x); err != nil {
		t.Fatal(err)
	}
	next, err := RestoreSession(then, s.cfg, s.random, &x)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// TestRestored compares sessions that are saved and restored at any moment, on a wire
// that loses packets, with those that are not.
func TestRestored(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		conf := func(name string) Config {
			return Config{
				MinTx:      time.Duration(rapid.IntRange(1, 300).Draw(rt, name+" tx")) * ms,
				MinRx:      time.Duration(rapid.IntRange(1, 300).Draw(rt, name+" rx")) * ms,
				IdleTx:     time.Second,
				Multiplier: uint8(rapid.IntRange(1, 5).Draw(rt, name+" multiplier")),
				Passive:    name == "B" && rapid.Bool().Draw(rt, "passive"),
			}
		}
		a, b, seed := conf("A"), conf("B"), rapid.Uint64().Draw(rt, "seed")
		part := rapid.IntRange(0, 60).Draw(rt, "lost of a hundred")
		var links [2]*link
		for i := range links {
			l, rng := newLink(t, a, b, seed), rand.New(rand.NewPCG(seed, 8))
			l.lost = func(int) bool { return rng.IntN(100) < part }
			links[i] = l
		}
		for range rapid.IntRange(1, 8).Draw(rt, "times") {
			d := time.Duration(rapid.IntRange(0, 3000).Draw(rt, "until then")) * ms
			for i, l := range links {
				l.run(d)
				if i == 1 {
					end := rapid.IntRange(0, 1).Draw(rt, "end")
					l.ends[end] = restored(t, l.ends[end], l.now)
				}
			}
		}
		for _, l := range links {
			l.run(5 * time.Second)
		}
		if !slices.Equal(links[0].log, links[1].log) || !reflect.DeepEqual(links[0].sent, links[1].sent) {
			rt.Fatalf("changes %q, of one that was restored %q", links[0].log, links[1].log)
		}
	})
}

// TestEarly: what is sent before its time is no sooner than the jitter allows.
func TestEarly(t *testing.T) {
	l := newLink(t, usual(), usual(), 5)
	l.run(3 * time.Second)
	l.want("Up Up")
	since := l.now.Sub(epoch)
	for range 500 {
		l.run(7 * ms)
		l.take(0, l.ends[0].Early(l.now))
	}
	sent := l.sentSince(0, since)
	early := 0
	for i := 1; i < len(sent); i++ {
		gap := sent[i].at - sent[i-1].at
		if gap < 37500*time.Microsecond {
			t.Fatalf("%v between two packets", gap)
		}
		if gap <= 42*ms {
			early++
		}
	}
	if early < len(sent)/2 {
		t.Errorf("%d of %d were sent early", early, len(sent))
	}
}

func TestNotRestored(t *testing.T) {
	good := NewSession(epoch, usual(), counter()).Save(epoch)
	for name, spoil := range map[string]func(*Saved){
		"no discriminator": func(x *Saved) { x.My = 0 },
		"administratively": func(x *Saved) { x.State = AdminDown },
		"no such state":    func(x *Saved) { x.State = 9 },
		"nor there":        func(x *Saved) { x.RemoteState = 4 },
		"no diagnostic":    func(x *Saved) { x.Diag = 32 },
		"negative":         func(x *Saved) { x.HeldTx = -1 },
	} {
		x := good
		spoil(&x)
		if s, err := RestoreSession(epoch, usual(), counter(), &x); s != nil || err == nil {
			t.Errorf("%s: restored", name)
		}
	}
}
