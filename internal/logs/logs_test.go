package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// moment is a time whose day has one digit: %c pads it with a blank.
var moment = time.Date(2026, 11, 7, 1, 10, 41, 270751000, time.UTC)

func record(level slog.Level, text string) slog.Record {
	return slog.NewRecord(moment, level, text, 0)
}

func TestConsoleFormat(t *testing.T) {
	var buf bytes.Buffer
	l := New(Options{Console: &buf})
	ctx := context.Background()
	l.Handle(ctx, record(LevelInfo, "(V4) Entering MASTER STATE"))
	r := record(LevelErr, "50% of %s\tis\nforged \x1b[2J")
	r.AddAttrs(slog.Int("hidden", 1))
	l.WithAttrs([]slog.Attr{slog.Int("hidden", 2)}).WithGroup("hidden").Handle(ctx, r)
	if err := l.Close(time.Minute); err != nil {
		t.Fatal(err)
	}
	want := "Sat Nov  7 01:10:41 2026: (V4) Entering MASTER STATE\n" +
		"Sat Nov  7 01:10:41 2026: 50% of %s\tis#012forged #033[2J\n"
	if diff := cmp.Diff(want, buf.String()); diff != "" {
		t.Errorf("console (-want +got):\n%s", diff)
	}
}

func TestPrintfLevels(t *testing.T) {
	for _, tt := range []struct {
		detail int
		want   string
	}{
		{0, "alert err warn notice info 1"},
		{1, "alert err warn notice info 1 detail"},
		{2, "alert err warn notice info 1 detail extra"},
	} {
		var buf bytes.Buffer
		l := New(Options{Console: &buf, Detail: tt.detail})
		log := slog.New(l)
		Printf(log, LevelAlert, "alert")
		Printf(log, LevelErr, "err")
		Printf(log, LevelWarn, "warn")
		Printf(log, LevelNotice, "notice")
		Printf(log, LevelInfo, "info %d", 1)
		Printf(log, LevelDetail, "detail")
		Printf(log, LevelExtra, "extra")
		l.Close(time.Minute)
		var got []string
		for row := range strings.Lines(buf.String()) {
			got = append(got, strings.TrimSpace(row[len(time.ANSIC)+2:]))
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("-D given %d times (-want +got):\n%s", tt.detail, diff)
		}
	}
}

func TestParseFacility(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Facility
		ok   bool
	}{
		{"0", 16, true},
		{"7", 23, true},
		{"local0", 16, true},
		{"local7", 23, true},
		{"user", 1, true},
		{"daemon", 3, true},
		{"8", 0, false},
		{"local8", 0, false},
		{"local", 0, false},
		{"local10", 0, false},
		{"mail", 0, false},
		{"", 0, false},
	} {
		got, ok := ParseFacility(tt.in)
		if got != tt.want || ok != tt.ok {
			t.Errorf("ParseFacility(%q) = %d, %v; want %d, %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
	for f, want := range map[Facility]string{0: "daemon", User: "user", Daemon: "daemon", Local0: "local0", Local7: "local7"} {
		if got := f.String(); got != want {
			t.Errorf("Facility(%d) = %q, want %q", int(f), got, want)
		}
	}
}

// A pipe that nobody reads, as a stopped terminal, blocks only its own output.
func TestBlockedConsole(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	// As inherited standard error: the write blocks in the kernel.
	w.Fd()
	l := New(Options{Console: w})
	l.Start()
	log := slog.New(l)
	const lines = 2 * queueLimit
	for i := range lines {
		Printf(log, LevelInfo, "line %d", i)
	}
	err = l.Close(10 * time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "log lines not written") {
		t.Fatalf("Close = %v, want an error that tells the unwritten lines", err)
	}
	Printf(log, LevelInfo, "after closing")
}

// What a slow reader lost is told where it is missing.
func TestLostLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pr, pw := io.Pipe()
		l := New(Options{Console: pw})
		l.sinks[0].queue = newQueue(3)
		l.Start()
		log := slog.New(l)
		Printf(log, LevelInfo, "0")
		synctest.Wait() // the writer took line 0 and is stuck with it
		for i := 1; i <= 8; i++ {
			Printf(log, LevelInfo, "%d", i)
		}
		var got []string
		read := func() {
			b := make([]byte, 200)
			n, err := pr.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.TrimSpace(string(b[len(time.ANSIC)+2:n])))
			synctest.Wait()
		}
		read() // 0; the writer now holds 1, so one line fits
		Printf(log, LevelInfo, "9")
		Printf(log, LevelInfo, "10")
		for range 6 {
			read()
		}
		l.Close(time.Second)
		want := []string{
			"0", "1", "2", "3",
			"5 log lines lost: the log reader is too slow",
			"9",
			"1 log lines lost: the log reader is too slow",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

// outage is an output that fails while down.
type outage struct {
	mu    sync.Mutex
	down  bool
	lines []string
}

func (o *outage) write(l line) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return errors.New("disk full")
	}
	o.lines = append(o.lines, l.at.UTC().Format(time.TimeOnly)+" "+l.text)
	return nil
}

func (o *outage) set(down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
}

// Lines that could not be written are written later, in order, with the times at
// which they were logged.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &outage{down: true}
		l := &Log{sinks: []*sink{newSink("test", out)}}
		l.Start()
		log := slog.New(l)
		Printf(log, LevelInfo, "one")
		time.Sleep(5 * time.Second) // virtual
		Printf(log, LevelInfo, "two")
		out.set(false)
		time.Sleep(retryAfter)
		synctest.Wait()
		want := []string{"00:00:00 one", "00:00:05 two"}
		if diff := cmp.Diff(want, out.lines); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
		l.Close(time.Second)
	})
}

// An output that only fails does not delay the exit at all.
func TestCloseDeadOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Log{sinks: []*sink{newSink("syslog", &outage{down: true})}}
		l.Start()
		log := slog.New(l)
		for range 3 {
			Printf(log, LevelInfo, "line")
		}
		synctest.Wait()
		begin := time.Now()
		err := l.Close(time.Hour)
		if took := time.Since(begin); took != 0 {
			t.Errorf("Close took %v, want none", took)
		}
		if got, want := fmt.Sprint(err), "syslog: 2 log lines not written"; got != want {
			t.Errorf("Close = %q, want %q", got, want) // the line being written is not counted
		}
	})
}

// A hanging output is abandoned at the limit, the others are flushed.
func TestCloseLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pr, pw := io.Pipe()
		good := &outage{}
		l := &Log{sinks: []*sink{newSink("console", console{pw}), newSink("test", good)}}
		l.Start()
		log := slog.New(l)
		for range 100 {
			Printf(log, LevelInfo, "line")
		}
		begin := time.Now()
		err := l.Close(300 * time.Millisecond)
		if took := time.Since(begin); took != 300*time.Millisecond {
			t.Errorf("Close took %v, want 300ms", took)
		}
		if got, want := fmt.Sprint(err), "console: 99 log lines not written"; got != want {
			t.Errorf("Close = %q, want %q", got, want)
		}
		if len(good.lines) != 100 {
			t.Errorf("the other output got %d lines, want 100", len(good.lines))
		}
		pr.Close()
	})
}

// syslogd is a stand-in that listens where a syslog daemon would.
func syslogd(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func receive(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 1<<20)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func newSyslogLog(path string) *Log {
	l := New(Options{Ident: "Keepalived", Facility: Local0 + 3, Syslog: true})
	s := l.sinks[0].out.(*syslog)
	s.pid, s.dial = 4711, dialSyslog(path)
	return l
}

func TestSyslogFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	d := syslogd(t, path)
	l := newSyslogLog(path)
	l.SetIdent("Keepalived_vrrp_blue")
	l.Start()
	for _, tt := range []struct {
		level slog.Level
		pri   int
	}{
		{LevelExtra, 6},
		{LevelDetail, 6},
		{LevelInfo, 6},
		{LevelNotice, 5},
		{LevelWarn, 4},
		{LevelErr, 3},
		{LevelAlert, 1},
	} {
		l.Handle(context.Background(), record(tt.level, "(V4) sent 0 priority"))
		want := fmt.Sprintf("<%d>Nov  7 01:10:41 Keepalived_vrrp_blue[4711]: (V4) sent 0 priority", 19<<3|tt.pri)
		if got := receive(t, d); got != want {
			t.Errorf("level %v: got %q, want %q", tt.level, got, want)
		}
	}
	if err := l.Close(20 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestSyslogRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := newSyslogLog(path)
	l.Start()
	log := slog.New(l)
	Printf(log, LevelInfo, "before syslogd")
	d := syslogd(t, path)
	if got := receive(t, d); !strings.HasSuffix(got, "before syslogd") {
		t.Errorf("got %q", got)
	}
	d.Close()
	os.Remove(path)
	d = syslogd(t, path)
	Printf(log, LevelInfo, "after the restart")
	if got := receive(t, d); !strings.HasSuffix(got, "after the restart") {
		t.Errorf("got %q", got)
	}
	// Longer than a datagram may be: cut, and the next one still comes.
	Printf(log, LevelInfo, "%s", strings.Repeat("x", 4<<20))
	Printf(log, LevelInfo, "next")
	if got := len(receive(t, d)); got < syslogLimit || got > syslogLimit+100 {
		t.Errorf("the long line came with %d bytes, want about %d", got, syslogLimit)
	}
	if got := receive(t, d); !strings.HasSuffix(got, "next") {
		t.Errorf("got %q", got)
	}
	if err := l.Close(20 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestSyslogStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l := newSyslogLog(path)
	l.Start()
	Printf(slog.New(l), LevelInfo, "one")
	Printf(slog.New(l), LevelInfo, "two")
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := l.Close(20 * time.Second); err != nil {
		t.Error(err)
	}
	l.sinks[0].out.(*syslog).conn.Close()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for msg := range strings.SplitSeq(strings.TrimSuffix(string(b), "\x00"), "\x00") {
		got = append(got, msg[len(msg)-3:])
	}
	if diff := cmp.Diff([]string{"one", "two"}, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// A syslogd that does not read fills its socket; closing gives up on time.
func TestSyslogHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	syslogd(t, path)
	l := newSyslogLog(path)
	l.Start()
	for range 5000 {
		Printf(slog.New(l), LevelInfo, "%s", strings.Repeat("x", 1000))
	}
	if err := l.Close(50 * time.Millisecond); err == nil {
		t.Error("Close = nil, want the number of unwritten lines")
	}
}

// Logging from many goroutines at once loses nothing and mixes no lines.
func TestConcurrent(t *testing.T) {
	var buf bytes.Buffer
	l := New(Options{Console: &buf})
	l.Start()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				Printf(slog.New(l), LevelInfo, "%d %d", g, i)
			}
		})
	}
	wg.Wait()
	if err := l.Close(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	next := make([]int, 8)
	for row := range strings.Lines(buf.String()) {
		var g, i int
		if _, err := fmt.Sscanf(row[len(time.ANSIC)+2:], "%d %d\n", &g, &i); err != nil {
			t.Fatalf("line %q: %v", row, err)
		}
		if i != next[g] {
			t.Fatalf("goroutine %d: line %d after %d", g, i, next[g]-1)
		}
		next[g]++
	}
	if diff := cmp.Diff([]int{500, 500, 500, 500, 500, 500, 500, 500}, next); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestHandleAllocations(t *testing.T) {
	l := New(Options{Console: io.Discard})
	log := slog.New(l)
	if n := testing.AllocsPerRun(1000, func() { Printf(log, LevelInfo, "line") }); n != 0 {
		t.Errorf("a line without arguments allocates %v times, want 0", n)
	}
	if n := testing.AllocsPerRun(1000, func() { Printf(log, LevelInfo, "(%s) line", "V4") }); n > 1 {
		t.Errorf("a formatted line allocates %v times, want at most 1", n)
	}
	if n := testing.AllocsPerRun(1000, func() { Printf(log, LevelDetail, "(%s) line", "V4") }); n != 0 {
		t.Errorf("a line not written allocates %v times, want 0", n)
	}
}

func BenchmarkPrintf(b *testing.B) {
	l := New(Options{Console: io.Discard, Syslog: false})
	l.Start()
	log := slog.New(l)
	b.ReportAllocs()
	for b.Loop() {
		Printf(log, LevelInfo, "(%s) Entering MASTER STATE", "V4")
	}
	l.Close(time.Minute)
}
