package process

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestServiceManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	Ready("nobody listens")
	FlushNotify(20 * time.Second)
	t.Setenv("NOTIFY_SOCKET", path)
	Ready("V4 MASTER\nREADY=0")
	Reloading()
	Stopping()
	Errno(22)
	Alive()
	FlushNotify(20 * time.Second)
	var got []string
	for range 5 {
		b := make([]byte, 4096)
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(b[:n]))
	}
	reload, usec, _ := strings.Cut(got[1], "=1\nMONOTONIC_USEC=")
	if reload != "RELOADING" || strings.Trim(usec, "0123456789") != "" || usec == "" {
		t.Errorf("reloading = %q", got[1])
	}
	got[1] = "RELOADING"
	want := []string{
		fmt.Sprintf("READY=1\nMAINPID=%d\nSTATUS=V4 MASTER READY=0", os.Getpid()),
		"RELOADING", "STOPPING=1", "ERRNO=22", "WATCHDOG=1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

// A service manager that does not read delays nobody; of the statuses that it
// missed it gets the newest, and nothing else is left out or changes its place.
func TestSlowServiceManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var got []string
		n := notifier{send: func(s string) { <-gate; got = append(got, s) }}
		n.tell("ready")
		synctest.Wait()
		for i := range 5 {
			n.status(fmt.Sprintf("a%d", i))
		}
		n.tell("reloading")
		for range 3 {
			n.latestOf("alive", kindAlive)
		}
		n.tell("ready")
		for i := range 5 {
			n.status(fmt.Sprintf("b%d", i))
		}
		begin := time.Now()
		n.flush(3 * time.Second)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("flush waited %v, want 3s", took)
		}
		close(gate)
		n.flush(time.Hour)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("flush waited although nothing was in the way")
		}
		want := []string{"ready", "a4", "reloading", "alive", "ready", "b4"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

func TestSignalNumber(t *testing.T) {
	for name, want := range map[string]int{
		"RELOAD": 1, "DATA": 10, "STATS": 12, "STOP": 15, "JSON": 36, "STATS_CLEAR": 63,
		"stop": 0, "": 0,
	} {
		got, ok := SignalNumber(name)
		if got != want || ok != (want != 0) {
			t.Errorf("SignalNumber(%q) = %d, %v; want %d", name, got, ok, want)
		}
	}
}
