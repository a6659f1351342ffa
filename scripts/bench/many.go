package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// crowd is how many excluded addresses the instance has.
const crowd = 1000

// consoleRate is what a serial console takes, in bytes a second.
const consoleRate = 115200 / 10

// taken is how a node took over many addresses.
type taken struct {
	announced time.Duration // from its first advert to the last address's first announcement
	silence   time.Duration // the longest time between two of its adverts
}

// manyAddresses measures how long a new master needs until everybody can reach
// all of its addresses, and whether its adverts suffer from what it logs.
func (b *bench) manyAddresses(ctx context.Context) ([]row, error) {
	var rows []row
	for _, console := range []bool{false, true} {
		var announced, silence [2][]float64
		for range b.runs {
			for i, program := range b.programs {
				t, err := takeMany(ctx, program, console)
				if err != nil {
					return rows, fmt.Errorf("%s: %w", program, err)
				}
				announced[i] = append(announced[i], t.announced.Seconds()*1000)
				silence[i] = append(silence[i], t.silence.Seconds()*1000)
			}
		}
		where := ""
		if console {
			where = ", -D on a serial console"
		}
		rows = append(rows,
			row{fmt.Sprintf("%d addresses announced%s", crowd, where), each(announced, median), "%.1f ms"},
			row{"longest time between adverts" + where, each(silence, slices.Max[[]float64]), "%.1f ms"})
	}
	return rows, nil
}

// takeMany runs a program alone, with adverts every 100 ms, until it has announced
// its addresses and for three seconds more. The console, if it is to have one, is
// as slow as a serial line.
func takeMany(ctx context.Context, program string, console bool) (t taken, err error) {
	lan, err := nettest.NewLAN(1, nettest.Options{})
	if err != nil {
		return t, err
	}
	defer lan.Close()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	capture, err := lan.Capture()
	if err != nil {
		return t, err
	}
	defer capture.Close()
	conf := interop.Conf{Protocol: form("v3"), LAN: lan, Node: master, Priority: masterPriority, Inside: excluded()}
	conf.Protocol.Interval = 100 * time.Millisecond

	out, args := io.Writer(nil), []string(nil)
	if console {
		slow, err := serial()
		if err != nil {
			return t, err
		}
		defer slow.Close()
		out, args = slow, []string{"-D"}
	}
	if _, err := interop.StartOn(out, lan.Node(master), program, dir, conf.String(), args...); err != nil {
		return t, err
	}
	at, err := awaitAnnounced(ctx, capture)
	if err != nil {
		return t, err
	}
	adverts := from(capture, lan, master)
	if len(adverts) == 0 {
		return t, errors.New("no adverts")
	}
	t.announced = at.Sub(adverts[0].Time)
	for i, a := range adverts[1:] {
		t.silence = max(t.silence, a.Time.Sub(adverts[i].Time))
	}
	t.silence = max(t.silence, time.Since(adverts[len(adverts)-1].Time))
	return t, nil
}

// awaitAnnounced waits for the last announcement, and for three seconds more. It
// looks seldom, as looking takes a processor from what is measured.
func awaitAnnounced(ctx context.Context, c *nettest.Capture) (time.Time, error) {
	const seldom = 3 * time.Second
	for range 20 {
		if err := pause(ctx, seldom); err != nil {
			return time.Time{}, err
		}
		if at, ok := lastAnnounced(c); ok && time.Since(at) > seldom {
			return at, nil
		}
	}
	return time.Time{}, errors.New("not all addresses have been announced in a minute")
}

func excludedAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 50, byte(i / 250), byte(1 + i%250)})
}

func excluded() string {
	var b strings.Builder
	b.WriteString("\tvirtual_ipaddress_excluded {\n")
	for i := range crowd {
		fmt.Fprintf(&b, "\t\t%v/16\n", excludedAddr(i))
	}
	b.WriteString("\t}\n")
	return b.String()
}

// lastAnnounced returns when the last of the excluded addresses was announced for
// the first time.
func lastAnnounced(c *nettest.Capture) (last time.Time, ok bool) {
	first := map[netip.Addr]time.Time{}
	for _, p := range c.Packets() {
		a, ok := p.Announced()
		if _, seen := first[a]; ok && !seen && a.As4()[0] == 10 {
			first[a] = p.Time
			last = p.Time
		}
	}
	return last, len(first) == crowd
}

// serial returns what is written to as to a serial console: it takes
// consoleRate, and holds little.
func serial() (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize()); err != nil {
		return nil, errors.Join(err, r.Close(), w.Close())
	}
	go func() {
		defer r.Close()
		const slice = 10 * time.Millisecond
		tick := time.NewTicker(slice)
		defer tick.Stop()
		buf := make([]byte, int(consoleRate*slice/time.Second))
		for range tick.C {
			if _, err := r.Read(buf); err != nil {
				return
			}
		}
	}()
	return w, nil
}
