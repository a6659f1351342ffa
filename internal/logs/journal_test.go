package logs

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func newJournalLog(path string) *Log {
	l := New(Options{Ident: "Keepalived", Facility: Local0 + 3, Journal: true})
	j := l.sinks[0].out.(*journal)
	j.pid, j.dial = 4711, func() (net.Conn, error) { return dialJournal(path) }
	return l
}

func TestJournalFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	d := syslogd(t, path)
	l := newJournalLog(path)
	l.Start()
	r := record(LevelWarn, "(V4) Entering MASTER STATE\nPRIORITY=0")
	r.AddAttrs(
		slog.String("VRRP_INSTANCE", "V4\nMESSAGE=forged"), slog.String("VRRP_STATE", "MASTER"),
		slog.Int("N_2", 2), slog.String("_PID", "1"), slog.String("lower", "x"), slog.String("", "x"), slog.String("A=B", "x"),
	)
	if err := l.Handle(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	want := "MESSAGE=(V4) Entering MASTER STATE#012PRIORITY=0\nPRIORITY=4\nSYSLOG_FACILITY=19\n" +
		"SYSLOG_IDENTIFIER=Keepalived\nSYSLOG_PID=4711\nSYSLOG_TIMESTAMP=Nov  7 01:10:41\n" +
		"VRRP_INSTANCE=V4#012MESSAGE=forged\nVRRP_STATE=MASTER\nN_2=2\n"
	if diff := cmp.Diff(want, receive(t, d)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if err := l.Close(time.Minute); err != nil {
		t.Error(err)
	}
}

// A line that no datagram holds is cut, and the next one follows it.
func TestJournalLongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	d := syslogd(t, path)
	l := newJournalLog(path)
	l.Start()
	log := slog.New(l)
	Printf(log, LevelInfo, "%s", strings.Repeat("x", 1<<20))
	Printf(log, LevelInfo, "next")
	if got := receive(t, d); !strings.HasPrefix(got, "MESSAGE="+strings.Repeat("x", syslogLimit)+"\nPRIORITY=") {
		t.Errorf("long line: %d bytes", len(got))
	}
	if got := receive(t, d); !strings.HasPrefix(got, "MESSAGE=next\n") {
		t.Errorf("the line after the long one: %q", got)
	}
	l.Close(time.Minute)
}

// A journald that reads nothing delays nobody, not even at the end.
func TestJournalStuck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	syslogd(t, path)
	l := newJournalLog(path)
	l.Start()
	log := slog.New(l)
	begin := time.Now()
	for i := range 2 * queueLimit {
		Printf(log, LevelInfo, "line %d", i)
	}
	if err := l.Close(10 * time.Millisecond); err == nil {
		t.Error("all lines were written to a socket that nobody reads")
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestToJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "socket")
	stream := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	t.Setenv("JOURNAL_STREAM", stream)
	if toJournal(f, path) {
		t.Error("true although no journald listens")
	}
	syslogd(t, path)
	if !toJournal(f, path) {
		t.Error("false for the stream of the journal")
	}
	for _, other := range []string{"", stream + "0", "0" + stream, "x", ":"} {
		t.Setenv("JOURNAL_STREAM", other)
		if toJournal(f, path) {
			t.Errorf("true with JOURNAL_STREAM=%q, the file is %s", other, stream)
		}
	}
}
