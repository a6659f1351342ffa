package journal

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

var (
	begun = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	ttl   = advert.Reject{Reason: advert.ReasonTTL, Got: 1, Want: 255}
	pass  = advert.Reject{Reason: advert.ReasonPassword}
)

func after(d time.Duration) time.Time { return begun.Add(d) }

func text(j *Journal) []string {
	var all []string
	for _, e := range j.Entries() {
		all = append(all, fmt.Sprintf("%v %s", e.At.Sub(begun), e))
	}
	return all
}

func sender(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}) }

func TestWhatHappened(t *testing.T) {
	var j Journal
	j.State(after(0), "INIT", "BACKUP", "start")
	j.Rejected(after(time.Second), sender(9), ttl)
	j.Priority(after(2*time.Second), 101, 97, "script chk_haproxy failed (exit 1)")
	j.Rejected(after(3*time.Second), sender(9), ttl)
	j.Rejected(after(4*time.Second), sender(9), pass)
	want := []string{
		"0s state INIT -> BACKUP: start",
		"1s rejected 2 until 2026-03-01T12:00:03Z: invalid TTL/HL from 192.0.0.9. Received 1 and expect 255",
		"2s priority 101 -> 97: script chk_haproxy failed (exit 1)",
		"4s rejected 1 until 2026-03-01T12:00:04Z: received an invalid passwd from 192.0.0.9!",
	}
	if diff := cmp.Diff(want, text(&j)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// The last transitions are kept, whatever else came.
func TestIsBounded(t *testing.T) {
	var j Journal
	for i := range 1000 {
		j.State(after(time.Duration(i)*time.Second), "BACKUP", "MASTER", fmt.Sprint(i))
		for k := range 100 {
			j.Rejected(after(time.Duration(i)*time.Second), sender(i*100+k), ttl)
		}
	}
	var states []string
	counted := uint64(0)
	for _, e := range j.Entries() {
		if e.Kind == State {
			states = append(states, e.Cause)
		} else {
			counted += e.Count
		}
	}
	if len(states) != keep || states[0] != fmt.Sprint(1000-keep) || states[keep-1] != "999" {
		t.Errorf("kept %d transitions, from %s to %s", len(states), states[0], states[len(states)-1])
	}
	if n := len(j.Entries()); n > keep+senders+1 {
		t.Errorf("%d entries", n)
	}
	if got := text(&j); !strings.Contains(strings.Join(got, "\n"), "too many senders to tell them apart") || counted < 90_000 {
		t.Errorf("%d rejected adverts counted", counted)
	}
}

// Somebody who was silent for a minute makes room.
func TestOldSendersMakeRoom(t *testing.T) {
	var j Journal
	for i := range senders {
		j.Rejected(after(time.Duration(i)*time.Millisecond), sender(i), ttl)
	}
	j.Rejected(after(2*time.Minute), sender(1000), ttl)
	got := strings.Join(text(&j), "\n")
	if strings.Contains(got, "192.0.0.0.") || !strings.Contains(got, "192.0.3.232") || strings.Contains(got, "too many") {
		t.Error(got)
	}
}

func TestRepeatedRejectionsAllocateNothing(t *testing.T) {
	var j Journal
	if n := testing.AllocsPerRun(100, func() { j.Rejected(begun, sender(1), ttl) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
