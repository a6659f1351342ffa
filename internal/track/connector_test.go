package track

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/socket"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// message builds a message of the process connector as the kernel sends it.
func message(what uint32, data ...uint32) []byte {
	b := make([]byte, dataOffset+24)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))       // netlink header: length,
	binary.NativeEndian.PutUint16(b[4:], unix.NLMSG_DONE)  // type
	binary.NativeEndian.PutUint32(b[16:], 1)               // connector header: idx,
	binary.NativeEndian.PutUint32(b[20:], 1)               // val
	binary.NativeEndian.PutUint32(b[whatOffset:], what)    // event: what,
	binary.NativeEndian.PutUint32(b[whatOffset+4:], 1)     // cpu,
	binary.NativeEndian.PutUint64(b[whatOffset+8:], 12345) // time
	for i, d := range data {
		binary.NativeEndian.PutUint32(b[dataOffset+4*i:], d)
	}
	return b
}

var kernel = &unix.SockaddrNetlink{Family: unix.AF_NETLINK}

func TestEvents(t *testing.T) {
	tests := []struct {
		name string
		msg  []byte
		want procEvent
		ok   bool
		pass bool // the filter lets it through
	}{
		{"fork", message(netlink.PROC_EVENT_FORK, 101, 100, 200, 200), procEvent{kind: forked, pid: 200, parent: 100}, true, true},
		{"new thread", message(netlink.PROC_EVENT_FORK, 100, 100, 101, 100), procEvent{}, false, false},
		{"exec", message(netlink.PROC_EVENT_EXEC, 100, 100), procEvent{kind: execed, pid: 100, parent: 0}, true, true},
		{"name", message(netlink.PROC_EVENT_COMM, 100, 100, 0x41414141), procEvent{kind: renamed, pid: 100, parent: 0}, true, true},
		{"name of a thread", message(netlink.PROC_EVENT_COMM, 101, 100), procEvent{}, false, false},
		{"exit", message(netlink.PROC_EVENT_EXIT, 100, 100, 256, 17), procEvent{kind: exited, pid: 100, parent: 0}, true, true},
		{"exit of a thread", message(netlink.PROC_EVENT_EXIT, 101, 100), procEvent{}, false, false},
		{"acknowledgement", message(netlink.PROC_EVENT_NONE, 0), procEvent{}, false, true},
		{"user", message(netlink.PROC_EVENT_UID, 100, 100), procEvent{}, false, false},
		{"group", message(netlink.PROC_EVENT_GID, 100, 100), procEvent{}, false, false},
		{"session", message(netlink.PROC_EVENT_SID, 100, 100), procEvent{}, false, false},
		{"trace", message(netlink.PROC_EVENT_PTRACE, 100, 100), procEvent{}, false, false},
		{"core dump", message(netlink.PROC_EVENT_COREDUMP, 100, 100), procEvent{}, false, false},
	}
	vm, err := bpf.NewVM(filterProgram())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := parseEvent(test.msg, kernel)
			if ok != test.ok {
				t.Errorf("ok = %v, want %v", ok, test.ok)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(procEvent{})); ok && diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			n, err := vm.Run(test.msg)
			if err != nil {
				t.Fatal(err)
			}
			if (n > 0) != test.pass {
				t.Errorf("the filter passes it: %v, want %v", n > 0, test.pass)
			}
			if _, ok := parseEvent(test.msg, &unix.SockaddrNetlink{Pid: 42}); ok {
				t.Error("accepted from another process")
			}
		})
	}
}

func TestAck(t *testing.T) {
	if no, ok := ack(message(netlink.PROC_EVENT_NONE, uint32(unix.EPERM)), kernel); !ok || no != uint32(unix.EPERM) {
		t.Errorf("ack = %d, %v, want EPERM", no, ok)
	}
	if _, ok := ack(message(netlink.PROC_EVENT_EXEC, 1, 1), kernel); ok {
		t.Error("an event was taken for the acknowledgement")
	}
	if _, ok := ack(nil, kernel); ok {
		t.Error("an empty message was taken for the acknowledgement")
	}
}

func FuzzEvent(f *testing.F) {
	f.Add(message(netlink.PROC_EVENT_FORK, 101, 100, 200, 200))
	f.Add(message(netlink.PROC_EVENT_EXIT, 100, 100))
	f.Add(message(netlink.PROC_EVENT_EXEC, 7, 7)[:dataOffset+4])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if ev, ok := parseEvent(b, kernel); ok && ev.pid == 0 {
			t.Error("an event without a process")
		}
		ack(b, kernel)
	})
}

// A receive buffer in which events were lost is made twice as large, up to a bound.
func TestBufferGrows(t *testing.T) {
	conn, err := socket.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM, unix.NETLINK_ROUTE, "buffer", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := Buffer{Size: 4096}
	if err := b.set(conn); err != nil {
		t.Fatal(err)
	}
	if got := b.grow(conn); got != 8192 {
		t.Errorf("grown to %d", got)
	}
	if got, err := conn.GetsockoptInt(unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil || got != 2*8192 { // the kernel doubles it
		t.Errorf("the kernel has %d, %v", got, err)
	}
	b = Buffer{}
	if got := b.grow(conn); got != 2*usualBuffer {
		t.Errorf("the usual one has grown to %d", got)
	}
	b = Buffer{Size: largestBuffer}
	if got := b.grow(conn); got != 0 {
		t.Errorf("the largest one has grown to %d", got)
	}
}
