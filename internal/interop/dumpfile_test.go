package interop_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// many is a configuration of n instances. VRIDs end at 255: the groups that
// adverts go to tell the others apart.
func many(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, dumpGlobals, 3)
	for i := range n {
		fmt.Fprintf(&b, `
vrrp_instance VI_%d {
	interface eth0
	virtual_router_id %d
	mcast_dst_ip 224.0.1.%d
	advert_int 1
	virtual_ipaddress {
		10.0.%d.%d
	}
}
`, i, i%250+1, i/250+1, i/250, i%250+1)
	}
	return b.String()
}

// watcher hears which files of a directory were closed after writing.
type watcher struct {
	fd  int
	buf []byte
}

func watchDir(t testing.TB, dir string) *watcher {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CLOSE_WRITE); err != nil {
		t.Fatal(err)
	}
	return &watcher{fd: fd}
}

// wait waits for the file to be closed after writing.
func (w *watcher) wait(t testing.TB, name string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		for len(w.buf) >= unix.SizeofInotifyEvent {
			e := (*unix.InotifyEvent)(unsafe.Pointer(&w.buf[0]))
			end := unix.SizeofInotifyEvent + int(e.Len)
			got := string(bytes.TrimRight(w.buf[unix.SizeofInotifyEvent:end], "\x00"))
			w.buf = w.buf[end:]
			if got == name {
				return
			}
		}
		left := int(time.Until(deadline).Milliseconds())
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}, max(left, 0)); err == nil && n == 0 {
			t.Fatalf("%s was not closed after writing", name)
		}
		b := make([]byte, 65536)
		n, err := unix.Read(w.fd, b)
		if err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		w.buf = b[:max(n, 0)]
	}
}

// complete tells whether a dump is all there.
func complete(name string, text []byte) bool {
	switch filepath.Ext(name) {
	case ".json":
		return bytes.HasPrefix(text, []byte(`[{"data":{"iname":"VI_0"`)) && bytes.HasSuffix(text, []byte("}}]\n"))
	case ".stats":
		return bytes.HasPrefix(text, []byte("VRRP Instance: VI_0\n")) && bytes.HasSuffix(text, []byte("Sent: 0\n"))
	}
	return bytes.HasPrefix(text, []byte("------< Global definitions >------\n")) && bytes.HasSuffix(text, []byte("\n"))
}

// signalled are the files by their signals.
var signalled = map[string]syscall.Signal{"keepalived.data": sigData, "keepalived.stats": sigStats, "keepalived.json": sigJSON}

// TestDumpsAreWhole: who asks for a dump and looks at its name finds the old or the
// new one; who waits until it is closed after writing is woken and finds the new
// one, within 10 ms of the signal.
func TestDumpsAreWhole(t *testing.T) {
	nettest.Require(t)
	inputs()
	const target = 10 * time.Millisecond
	for _, n := range []int{1, 250, 1000} {
		lan := nettest.NewLANT(t, 1, nettest.Options{})
		d, err := interop.Start(lan.Node(1), ours, t.TempDir(), many(n))
		if err != nil {
			t.Fatal(err)
		}
		nettest.WaitFor(t, patience, func() bool { return d.LogLines("Entering MASTER STATE") == n }, "all to be Master")
		w := watchDir(t, d.Dir)
		stop, polled := make(chan struct{}), make(chan error)
		go func() { polled <- poll(d.Dir, stop) }()
		for name, sig := range signalled {
			var took []time.Duration
			for len(took) < 20 || n <= 250 && slices.Min(took) > target && len(took) < 200 {
				begun := time.Now()
				if err := d.Signal(sig); err != nil {
					t.Fatal(err)
				}
				w.wait(t, name)
				took = append(took, time.Since(begun))
				text, err := os.ReadFile(filepath.Join(d.Dir, name))
				if err != nil || !complete(name, text) {
					t.Fatalf("%s: %v, %d bytes, not complete when it was closed", name, err, len(text))
				}
			}
			slices.Sort(took)
			t.Logf("%d instances, %s: best %v, median %v, worst %v", n, name, took[0], took[len(took)/2], took[len(took)-1])
			// Machines are shared: what can be done counts. A thousand instances
			// take as many turns of the scheduler, and where there is one at all
			// depends on the others: their figures are only shown.
			if n <= 250 && took[0] > target {
				t.Errorf("%d instances: %s takes %v, want %v", n, name, took[0], target)
			}
		}
		close(stop)
		if err := <-polled; err != nil {
			t.Error(err)
		}
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// poll reads the dumps as fast as it can.
func poll(dir string, stop chan struct{}) error {
	for {
		for name := range signalled {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil && !complete(name, text) {
				return fmt.Errorf("a reader found %d bytes of %s", len(text), name)
			}
		}
		select {
		case <-stop:
			return nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}
