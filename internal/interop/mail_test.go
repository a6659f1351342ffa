package interop_test

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// mailbox is a mail server on a node that keeps every conversation.
type mailbox struct {
	mu    sync.Mutex
	mails []string // whole ones
}

// newMailbox listens on port 2525 of the node's own address.
func newMailbox(t *testing.T, lan *nettest.LAN) *mailbox {
	t.Helper()
	var l net.Listener
	err := lan.Node(1).Do(func() (err error) {
		l, err = net.Listen("tcp", fmt.Sprintf("%v:2525", lan.Prefix4(1).Addr()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m := &mailbox{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(c)
		}
	}()
	return m
}

func (m *mailbox) serve(c net.Conn) {
	defer c.Close()
	fmt.Fprint(c, "220 mail.example.com ESMTP\r\n")
	var heard strings.Builder
	r, body := bufio.NewReader(c), false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		heard.WriteString(line)
		switch cmd, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " "); {
		case body && line != ".\r\n":
		case cmd == "DATA":
			body = true
			fmt.Fprint(c, "354 go on\r\n")
		case cmd == "QUIT":
			m.mu.Lock()
			m.mails = append(m.mails, heard.String())
			m.mu.Unlock()
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			body = false
			fmt.Fprint(c, "250-fine\r\n250 thanks\r\n")
		}
	}
}

var mailDate = regexp.MustCompile(`Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [-+]\d{4}\r\n`)

// sorted returns the mails, without their dates. keepalived sends several at
// the same time. Debian's puts all receivers into one line, newer releases one
// into each, which is the same to who reads it.
func (m *mailbox) sorted() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, x := range m.mails {
		x = mailDate.ReplaceAllString(x, "Date: some time\r\n")
		all = append(all, strings.ReplaceAll(x, ",\r\n ", ", "))
	}
	slices.Sort(all)
	return all
}

const mailed = `
global_defs {
	router_id LB1
	vrrp_version 3
	notification_email {
		ops@example.com
		boss@example.com
	}
	smtp_server %[2]v 2525
	%[3]s
}
vrrp_sync_group PAIR {
	group {
		LEFT
		RIGHT
	}
	smtp_alert
}
vrrp_instance LEFT {
	interface %[1]s
	virtual_router_id 52
	priority 100
	advert_int 0.2
	virtual_ipaddress {
		192.0.2.101/24
	}
	smtp_alert
}
vrrp_instance RIGHT {
	interface %[1]s
	virtual_router_id 53
	priority 120
	advert_int 0.2
	virtual_ipaddress {
		192.0.2.102/24
	}
}
`

// TestMail compares the mails with keepalived's, byte by byte but for their dates.
func TestMail(t *testing.T) {
	inputs()
	needKeepalived(t)
	for _, c := range []struct {
		name, global string
		count        int // after a start, a fault and a recovery
	}{
		{"defaults", "", 10},
		{"everything set", "notification_email_from vrrp@example.com\n\tsmtp_helo_name lb1.example.com\n\tsmtp_connect_timeout 5\n\tno_email_faults", 8},
		{"all", "smtp_alert_vrrp", 15},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var all [][]string
			for _, program := range []string{interop.Keepalived, ours} {
				lan := nettest.NewLANT(t, 1, nettest.Options{})
				box := newMailbox(t, lan)
				d, err := interop.Start(lan.Node(1), program, t.TempDir(), fmt.Sprintf(mailed, lan.Iface(), lan.Prefix4(1).Addr(), c.global))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("log of %s:\n%s", program, d.Log())
					}
				})
				masters := func(n int) {
					t.Helper()
					nettest.WaitFor(t, patience, func() bool { return d.LogLines("Entering MASTER STATE") == n }, fmt.Sprint(n, " times MASTER"))
				}
				masters(2)
				if err := lan.Cut(1); err != nil {
					t.Fatal(err)
				}
				nettest.WaitFor(t, patience, func() bool { return d.LogLines("Entering FAULT STATE") == 2 }, "FAULT")
				if err := lan.Join(1); err != nil {
					t.Fatal(err)
				}
				masters(4)
				nettest.WaitFor(t, patience, func() bool { return len(box.sorted()) >= c.count }, fmt.Sprint(c.count, " mails"))
				all = append(all, box.sorted())
				if err := d.Stop(); err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(all[0], all[1]); diff != "" {
				t.Errorf("mails (-keepalived +ours):\n%s", diff)
			}
		})
	}
}
