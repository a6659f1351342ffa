package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// width is what is printed at most in a line.
const width = 79

// Colours, of the terminal's own palette.
const (
	plain  = ""
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// screen prints the events one below the other and, on a terminal, a line below
// them that shows the present.
type screen struct {
	out   io.Writer
	tty   bool
	color bool

	mu    sync.Mutex
	begin time.Time
	live  string // what the last line shows now
}

func newScreen(f *os.File) *screen {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return &screen{out: f, tty: err == nil, color: err == nil && os.Getenv("NO_COLOR") == "", begin: time.Now()}
}

// line prints a line above the one that shows the present.
func (s *screen) line(colour, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	fmt.Fprintln(s.out, s.paint(colour, cut(fmt.Sprintf(format, args...))))
	s.draw()
}

// event prints what happened, when, and who did it.
func (s *screen) event(colour, who, format string, args ...any) {
	s.eventAt(time.Now(), colour, who, format, args...)
}

func (s *screen) eventAt(at time.Time, colour, who, format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	s.line(colour, "%6.2f s  %-6s  %s", at.Sub(s.begin).Seconds(), who, text)
}

// status replaces the line that shows the present.
func (s *screen) status(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text = cut(text); !s.tty || text == s.live {
		return
	}
	s.erase()
	s.live = text
	s.draw()
}

func (s *screen) clear() { s.status("") }

func (s *screen) erase() {
	if s.tty && s.live != "" {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
}

func (s *screen) draw() {
	if s.tty && s.live != "" {
		fmt.Fprint(s.out, s.paint(faint, s.live))
	}
}

func (s *screen) paint(colour, text string) string {
	if !s.color || colour == plain || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func cut(text string) string {
	if len(text) > width {
		return strings.TrimRight(text[:width-3], " ") + "..."
	}
	return text
}
