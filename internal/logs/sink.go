package logs

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// output writes one line somewhere. An error means that the line was not
// written and may be tried again later.
type output interface {
	write(l line) error
}

// sink is an output with its queue and its goroutine.
type sink struct {
	name    string
	queue   *queue
	out     output
	closing chan struct{} // closed: write what waits, then end
	ended   chan struct{} // closed by run
}

func newSink(name string, out output) *sink {
	return &sink{
		name: name, queue: newQueue(queueLimit), out: out,
		closing: make(chan struct{}), ended: make(chan struct{}),
	}
}

// run writes lines until the sink is closing and nothing waits, or until an
// output fails while closing.
func (s *sink) run() {
	defer close(s.ended)
	for {
		l, ok := s.queue.take()
		if !ok {
			select {
			case <-s.queue.wake:
				continue
			case <-s.closing:
			}
			// What was put before closing is still written.
			if l, ok = s.queue.take(); !ok {
				return
			}
		}
		if l.lost > 0 {
			at := l.at
			if at.IsZero() {
				at = time.Now()
			}
			text := fmt.Sprintf("%d log lines lost: the log reader is too slow", l.lost)
			if !s.persist(line{at: at, level: LevelWarn, text: text}) {
				return
			}
		}
		if l.at.IsZero() {
			continue
		}
		l.text = clean(l.text)
		if !s.persist(l) {
			return
		}
	}
}

// persist writes one line, trying again until it succeeds or the sink closes.
func (s *sink) persist(l line) bool {
	for s.out.write(l) != nil {
		select {
		case <-s.closing:
			return false // a log that cannot be written does not delay the exit
		case <-time.After(retryAfter):
		}
	}
	return true
}

// clean keeps a name from a configuration or a text from a mail server from
// forging a line or steering a terminal: control characters are written as # and
// three octal digits, as syslog daemons do.
func clean(s string) string {
	control := func(b byte) bool { return b < ' ' && b != '\t' || b == 0x7f }
	i := 0
	for i < len(s) && !control(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if control(s[i]) {
			fmt.Fprintf(&b, "#%03o", s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// console writes lines to a terminal or a pipe, with the time as strftime's %c
// has it in the C locale.
type console struct{ w io.Writer }

func (c console) write(l line) error {
	// One Write a line, so that lines of several writers do not mix. A console
	// that went away is not coming back: its lines are not kept.
	_, _ = io.WriteString(c.w, l.at.Format(time.ANSIC)+": "+l.text+"\n")
	return nil
}
