package spawn

import (
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// tailSize is how much of the output is kept.
const tailSize = 4096

// output reads what a child writes and keeps the end of it.
type output struct {
	r    *os.File
	w    int // the end for the child; -1: closed
	tail []byte
	done chan struct{}
}

func newOutput() (*output, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	// Only our end: the child expects a pipe that blocks.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, err
	}
	o := &output{r: os.NewFile(uintptr(fds[0]), "output"), w: fds[1], done: make(chan struct{})}
	go o.read()
	return o, nil
}

// read empties the pipe, so that the child never waits for us.
func (o *output) read() {
	defer close(o.done)
	buf := make([]byte, 16<<10)
	for {
		n, err := o.r.Read(buf)
		o.keep(buf[:n])
		if err != nil {
			return
		}
	}
}

func (o *output) keep(b []byte) {
	o.tail = append(o.tail, b...)
	if over := len(o.tail) - tailSize; over > 0 {
		o.tail = slices.Delete(o.tail, 0, over)
	}
}

// started closes the child's end here.
func (o *output) started() {
	if o != nil && o.w >= 0 {
		unix.Close(o.w)
		o.w = -1
	}
}

// finish returns the end of the output. The child has ended; what it wrote is
// in the pipe. A process it left behind may hold the other end open for ever,
// so this takes what is there and does not wait for the end of file.
func (o *output) finish() []byte {
	if o == nil {
		return nil
	}
	o.started()
	_ = o.r.SetReadDeadline(time.Unix(1, 0))
	<-o.done
	_ = o.r.SetReadDeadline(time.Time{})
	o.drain()
	o.r.Close()
	return o.tail
}

// drain reads without waiting. The bound is for a left-over process that
// writes as fast as we read.
func (o *output) drain() {
	raw, err := o.r.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 16<<10)
	for range 64 {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, _ = unix.Read(int(fd), buf)
			return true
		})
		if n <= 0 || err != nil {
			return
		}
		o.keep(buf[:n])
	}
}

// Said returns the lines of Output, fit for a log: without what would move the
// cursor or begin another line. A line whose beginning was not kept starts with
// an ellipsis.
func (r *Result) Said() []string {
	text := string(r.Output)
	if len(r.Output) == tailSize {
		text = "…" + text
	}
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(text, "?")) {
		line = strings.Map(func(c rune) rune {
			switch {
			case c == '\t':
				return ' '
			case !unicode.IsPrint(c):
				return '?'
			}
			return c
		}, strings.TrimRight(line, "\r\n"))
		if strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
