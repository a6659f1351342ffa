package dump

import (
	"fmt"
	"iter"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"
)

// printer collects lines. What there may be thousands of is appended piece by
// piece; the way by a format is for what stands in a file once.
type printer struct {
	b         []byte
	transient bool
}

func (p *printer) head(title string) { p.put(0, "------< ", title, " >------") }

// section prints a list under its title, if there is anything in it.
func (p *printer) section(title string, n int, each func(int)) {
	if n == 0 {
		return
	}
	p.head(title)
	for i := range n {
		each(i)
	}
}

const blanks = "     "

// line prints a line behind so many blanks.
func (p *printer) line(indent int, format string, args ...any) {
	p.b = append(p.b, blanks[:indent]...)
	p.b = fmt.Appendf(p.b, format, args...)
	p.end()
}

func (p *printer) when(cond bool, indent int, format string, args ...any) {
	if cond {
		p.line(indent, format, args...)
	}
}

// begin begins a line; what is appended to p.b belongs to it until its end.
func (p *printer) begin(indent int, text string) {
	p.b = append(append(p.b, blanks[:indent]...), text...)
}

func (p *printer) end() { p.b = append(p.b, '\n') }

// put prints a line that consists of words.
func (p *printer) put(indent int, words ...string) {
	p.b = append(p.b, blanks[:indent]...)
	for _, w := range words {
		p.b = append(p.b, w...)
	}
	p.end()
}

// num prints a line that ends with a number.
func (p *printer) num(indent int, before string, n int64) { p.unit(indent, before, n, "") }

// unit prints a line with a number and what follows it.
func (p *printer) unit(indent int, before string, n int64, after string) {
	p.begin(indent, before)
	p.b = append(strconv.AppendInt(p.b, n, 10), after...)
	p.end()
}

// two prints a line with two numbers.
func (p *printer) two(indent int, before string, n int, between string, m int) {
	p.begin(indent, before)
	p.b = append(strconv.AppendInt(p.b, int64(n), 10), between...)
	p.b = strconv.AppendInt(p.b, int64(m), 10)
	p.end()
}

func (p *printer) truth(indent int, before string, yes bool) {
	p.begin(indent, before)
	p.b = strconv.AppendBool(p.b, yes)
	p.end()
}

// addr prints a line that ends with an address.
func (p *printer) addr(indent int, before string, a netip.Addr) {
	p.begin(indent, before)
	p.b = appendAddress(p.b, a)
	p.end()
}

// appendAddress appends an address without its zone.
func appendAddress(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, "(none)"...)
	}
	return a.WithZone("").AppendTo(b)
}

func (p *printer) address(indent int, a *Address) {
	p.begin(indent, "")
	p.b = a.appendTo(p.b)
	p.end()
}

func (p *printer) moment(indent int, before string, t time.Time) {
	p.begin(indent, before)
	p.b = appendMoment(p.b, t)
	p.end()
}

// few is how many items make a piece: about as many as a processor's cache holds.
const few = 16

// printers are those that nobody uses at the moment.
var printers = sync.Pool{New: func() any { return &printer{b: make([]byte, 0, 3072*few)} }}

// pieces gives what each prints for the items from 0 to n-1, some of them at a time
// and in their order. Other goroutines print what comes next while one piece is
// being used, but no more than a piece for each, so that a long file needs little
// memory.
func pieces(n int, transient bool, each func(p *printer, i int)) iter.Seq[[]byte] {
	workers := min(runtime.GOMAXPROCS(0), (n+few-1)/few)
	some := func(piece int) *printer {
		p := printers.Get().(*printer)
		p.b, p.transient = p.b[:0], transient
		for i := piece * few; i < min(n, (piece+1)*few); i++ {
			each(p, i)
		}
		return p
	}
	return func(yield func([]byte) bool) {
		quit := make(chan struct{})
		defer close(quit)
		made := make([]chan *printer, workers)
		for w := range made {
			made[w] = make(chan *printer)
			go func() {
				for piece := w; piece*few < n; piece += workers {
					select {
					case made[w] <- some(piece):
					case <-quit:
						return
					}
				}
			}()
		}
		for piece := 0; piece*few < n; piece++ {
			p := <-made[piece%workers]
			more := yield(p.b)
			printers.Put(p)
			if !more {
				return
			}
		}
	}
}

// joined puts pieces together.
func joined(all iter.Seq[[]byte]) []byte {
	var b []byte
	for piece := range all {
		b = append(slices.Grow(b, len(piece)), piece...)
	}
	return b
}
