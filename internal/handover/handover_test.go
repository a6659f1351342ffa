package handover_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/bfd"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	. "github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/snmp"
)

// sample is a state of so many instances.
func sample(n int) *State {
	s := &State{Beginning: Beginning{From: "1.2.3", Config: map[string][]byte{"/etc/keepalived/keepalived.conf": []byte("# one\n")}}, Clock: time.Hour}
	down := bfd.NewSession(time.Now(), bfd.Config{IdleTx: time.Second, MinTx: time.Second, MinRx: time.Second, Multiplier: 3}, rand.Uint32)
	s.Sessions.Sessions = []bfd.LeftSession{{Name: "b", Ends: "192.0.2.1", Session: down.Save(time.Now()), Socket: 9}}
	s.Settings = []Setting{{Instance: "VI_1", What: snmp.BasePriority, Value: 120}}
	s.Sockets = []Socket{{Interface: "eth0", Index: 2, Group: netip.MustParseAddr("224.0.0.18"), Receive: 7, Send: 8}}
	for i := range n {
		g := fsm.NewGroup("", &fsm.Spec{Name: fmt.Sprint("VI_", i), Version: 3, VRID: uint8(i), Priority: 100, AdvertInterval: 100 * time.Millisecond, DownTimerAdverts: 3})
		now := time.Now()
		g.Step(now, 0, fsm.SourceChanged{Addr: netip.MustParseAddr("192.0.2.1")})
		g.Step(now, fsm.All, fsm.Start{})
		g.Step(now.Add(time.Second), fsm.All, fsm.Tick{})
		s.Groups = append(s.Groups, Group{Machine: g.Save(now.Add(time.Second)), Members: []Member{{Key: fmt.Sprint(i), Told: fsm.Master, Prio: 100, Holding: true}}})
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	want := sample(3)
	text, err := Encode(want, &Later{Mails: []Mail{{Name: "VI_1", State: "MASTER"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, rest, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	later, err := DecodeLater(rest)
	if err != nil || len(later.Mails) != 1 || later.Mails[0].State != "MASTER" {
		t.Errorf("later: %+v, %v", later, err)
	}
	first, err := Begin(text)
	if err != nil || first.From != "1.2.3" || len(first.Groups) != 0 {
		t.Errorf("beginning: %+v, %v", first, err)
	}
}

func TestRefused(t *testing.T) {
	good, err := Encode(sample(1), &Later{})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "\n", "holdfast handover\n", string(good[:len(good)-1]), string(good) + "x",
		strings.Replace(string(good), "handover 1 ", "handover 2 ", 1), strings.Replace(string(good), `"groups":[`, `"groups":{`, 1),
		strings.Replace(string(good), `"members":[{`, `"nothing":[{`, 1),
	} {
		if _, _, err := Decode([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	// A field that nobody knows is passed over.
	text := strings.Replace(string(good), `"clock":`, `"clack":`, 1)
	if _, _, err := Decode([]byte(text)); err != nil {
		t.Error(err)
	}
}

// FuzzDecode: whatever is read, a group that takes it goes on without a panic.
func FuzzDecode(f *testing.F) {
	good, err := Encode(sample(2), &Later{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, text []byte) {
		s, later, err := Decode(text)
		if err != nil {
			return
		}
		_, _ = DecodeLater(later)
		now := time.Now()
		for i := range s.Sessions.Sessions {
			x := &s.Sessions.Sessions[i].Session
			b, err := bfd.RestoreSession(now, bfd.Config{MinTx: time.Second, MinRx: time.Second, IdleTx: time.Second, Multiplier: 3}, rand.Uint32, x)
			if err == nil {
				b.Tick(now.Add(time.Second))
				b.Receive(now.Add(time.Second), &bfd.Packet{State: bfd.Up, Multiplier: 3, My: 1, Your: x.My})
				b.Early(now.Add(time.Minute))
			}
		}
		for i := range s.Groups {
			g := fsm.NewGroup("", &fsm.Spec{Name: "VI", Version: 3, VRID: 1, Priority: 100, AdvertInterval: time.Second, DownTimerAdverts: 3})
			if g.Restore(now, &s.Groups[i].Machine) == nil {
				g.Step(now.Add(time.Second), fsm.All, fsm.Tick{})
				g.Wake()
				g.Step(now.Add(time.Second), fsm.All, fsm.Stop{As: fsm.Stopped})
			}
		}
	})
}

func BenchmarkDecode250(b *testing.B) {
	text, err := Encode(sample(250), &Later{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, _, err := Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}
