package syntax

import "fmt"

// Cursor walks over logical lines with one line of look-ahead. Blocks are
// read through it, so that all block problems are worded and placed here.
type Cursor struct {
	next   func() (Line, bool)
	report func(Diagnostic)
	ahead  []Line
	end    bool
	last   Pos
	// open counts the opening braces without a closing one so far. It is all
	// keepalived goes by when it complains about the balance of braces; which
	// block a brace ends is another matter.
	open int
	// outer is the first of them.
	outer Pos
	// vain counts the lines that Closed looked at without finding an end.
	vain int
}

// NewCursor reads from next.
func NewCursor(next func() (Line, bool), report func(Diagnostic)) *Cursor {
	return &Cursor{next: next, report: report}
}

// NewStringCursor reads from a text, for trying handlers alone.
func NewStringCursor(text string, report func(Diagnostic)) *Cursor {
	s := NewScanner(Options{
		Glob:   func(p string) []string { return []string{p} },
		Read:   func(string) ([]byte, error) { return []byte(text), nil },
		Report: report,
	})
	s.Main("text")
	return NewCursor(s.Next, report)
}

// Next takes the next line.
func (c *Cursor) Next() (Line, bool) {
	l, ok := c.Peek()
	if !ok {
		return Line{}, false
	}
	c.ahead = c.ahead[1:]
	c.last = l.Pos
	switch {
	case l.IsOpen():
		if c.open == 0 {
			c.outer = l.Pos
		}
		c.open++
	case l.IsClose() && c.open > 0:
		c.open--
	case l.IsClose():
		c.report(Diagnostic{Code: UnexpectedClose, Pos: l.Pos, Text: "Extra '}' found"})
	}
	return l, true
}

// Peek looks at the next line.
func (c *Cursor) Peek() (Line, bool) { return c.PeekAt(0) }

// PeekAt looks n lines ahead; 0 is the next one.
func (c *Cursor) PeekAt(n int) (Line, bool) {
	for len(c.ahead) <= n {
		if c.end {
			return Line{}, false
		}
		l, ok := c.next()
		if !ok {
			c.end = true
			return Line{}, false
		}
		c.ahead = append(c.ahead, l)
	}
	return c.ahead[n], true
}

// Pos is the place of the line taken last.
func (c *Cursor) Pos() Pos { return c.last }

// Open takes the brace that opens a block of keywords. Where it is missing
// that is reported and the block counts as open.
func (c *Cursor) Open() {
	l, ok := c.Peek()
	switch {
	case ok && l.IsOpen():
		c.Next()
	case ok:
		c.missingOpen(l)
	}
}

// OpenValues takes the brace that opens a block of values. keepalived does
// not mind when it is missing: all lines up to a brace are values.
func (c *Cursor) OpenValues(keyword string) {
	l, ok := c.Peek()
	switch {
	case ok && l.IsOpen():
		c.Next()
	case ok:
		c.report(Diagnostic{
			Code: Log, Pos: l.Pos, Text: fmt.Sprintf("'%s' is not followed by '{'", keyword),
			Hint: "All lines up to the next '}' are taken as its values.",
		})
	}
}

// Block gives the lines of an open block up to its closing brace, which is
// taken. A second opening brace is reported and left out.
func (c *Cursor) Block(yield func(Line) bool) {
	for {
		l, ok := c.Next()
		switch {
		case !ok:
			return
		case l.IsClose():
			return
		case l.IsOpen():
			c.UnexpectedOpen(l)
		case !yield(l):
			return
		}
	}
}

// Values gives the lines of an open block of values up to its closing brace,
// which is taken. An opening brace is a value like any other.
func (c *Cursor) Values(yield func(Line) bool) {
	for {
		l, ok := c.Next()
		switch {
		case !ok:
			return
		case l.IsClose():
			return
		case !yield(l):
			return
		}
	}
}

// UnexpectedOpen reports an opening brace that belongs to nothing.
func (c *Cursor) UnexpectedOpen(l Line) {
	c.report(Diagnostic{Code: UnexpectedOpen, Pos: l.Pos, Text: "Unexpected '{' - ignoring"})
}

// ExtraClose reports a closing brace where no block is open.
func (c *Cursor) ExtraClose(l Line) {
	c.report(Diagnostic{Code: UnknownKeyword, Pos: l.Pos, Text: "Unknown keyword '}'"})
}

// SkipBlock leaves out the block of a keyword that cannot be used.
func (c *Cursor) SkipBlock() {
	if l, ok := c.Peek(); ok && !l.IsOpen() {
		c.missingOpen(l)
	}
	c.Skip()
}

func (c *Cursor) missingOpen(l Line) {
	c.report(Diagnostic{
		Code: MissingOpen, Pos: l.Pos, Text: "Missing '{' at beginning of configuration block",
		Action: "Put '{' after the keyword that opens the block.",
	})
}

// Skip leaves out a block if one follows, whatever it holds.
func (c *Cursor) Skip() {
	if l, ok := c.Peek(); ok && l.IsOpen() {
		c.skip(0)
	}
}

// SkipRest leaves out what is left of an open block.
func (c *Cursor) SkipRest() { c.skip(1) }

func (c *Cursor) skip(depth int) {
	for {
		l, ok := c.Next()
		switch {
		case !ok:
			return
		case l.IsOpen():
			depth++
		case l.IsClose():
			if depth--; depth == 0 {
				return
			}
		}
	}
}

// maxBlock is how far Closed looks, and maxVain how far in all where that
// led to nothing: unknown blocks in unknown blocks are looked at again and again.
const (
	maxBlock = 5000
	maxVain  = 100 * maxBlock
)

// Closed says whether a block that follows has a closing brace before a line
// for which stop holds. It reads ahead, not without limit, and takes nothing.
func (c *Cursor) Closed(stop func(Line) bool) bool {
	if l, ok := c.Peek(); !ok || !l.IsOpen() {
		return false
	}
	for i, depth := 0, 0; i < maxBlock && c.vain < maxVain; i++ {
		l, ok := c.PeekAt(i)
		switch {
		case !ok || (!l.IsOpen() && !l.IsClose() && stop(l)):
			c.vain += i
			return false
		case l.IsOpen():
			depth++
		case l.IsClose():
			if depth--; depth <= 0 {
				return depth == 0
			}
		}
	}
	c.vain += maxBlock
	return false
}

// Finish reports the blocks left open at the end.
func (c *Cursor) Finish() {
	if c.open == 0 {
		return
	}
	c.report(Diagnostic{
		Code: MissingClose, Pos: c.outer, Prefix: PrefixNone,
		Text: fmt.Sprintf("There are %d missing '}'s or extra '{'s", c.open),
		Hint: fmt.Sprintf("The '{' in line %d is not closed, or one after it; what follows is taken to stand inside.", c.outer.Line),
	})
}

// Args walks over the words of one line.
type Args struct {
	Line   Line
	n      int // words taken
	report func(Diagnostic)
}

// NewArgs starts after the first word, the keyword.
func NewArgs(l Line, report func(Diagnostic)) *Args { return &Args{Line: l, n: 1, report: report} }

// NewValues starts at the first word: the line is a value of a block.
func NewValues(l Line, report func(Diagnostic)) *Args { return &Args{Line: l, report: report} }

// Keyword is the first word of the line.
func (a *Args) Keyword() string {
	if len(a.Line.Words) == 0 {
		return ""
	}
	return a.Line.Words[0].Text
}

// Left is the number of words not taken yet.
func (a *Args) Left() int { return max(0, len(a.Line.Words)-a.n) }

// Next takes the next word; false when there is none.
func (a *Args) Next() (string, bool) {
	if a.Left() == 0 {
		return "", false
	}
	a.n++
	return a.Line.Words[a.n-1].Text, true
}

// Peek looks at the next word; "" when there is none.
func (a *Args) Peek() string {
	if a.Left() == 0 {
		return ""
	}
	return a.Line.Words[a.n].Text
}

// Need takes a word that has to be there. Without it keepalived ends at
// once; the diagnostic says so.
func (a *Args) Need() (string, bool) {
	if w, ok := a.Next(); ok {
		return w, true
	}
	a.Missing()
	return "", false
}

// Missing reports that a word is missing after the one taken last; see Need.
func (a *Args) Missing() {
	previous := ""
	if a.n > 0 && a.n <= len(a.Line.Words) {
		previous = a.Line.Words[a.n-1].Text
	}
	a.report(Diagnostic{
		Code: MissingParam, Effect: Stop, Pos: a.Line.Pos,
		Text: fmt.Sprintf("*** Configuration line starting `%s` is missing a parameter after keyword `%s` at word position %d",
			a.Keyword(), previous, a.n+1),
		Action: "Give the argument, or remove the line.",
	})
}

// Pos is the place of the word taken last.
func (a *Args) Pos() Pos {
	if a.n > 0 && a.n <= len(a.Line.Words) {
		return a.Line.Words[a.n-1].Pos
	}
	return a.Line.Pos
}

// Report reports a problem with this line.
func (a *Args) Report(code Code, format string, args ...any) {
	a.report(Diagnostic{Code: code, Pos: a.Pos(), Text: fmt.Sprintf(format, args...)})
}

// Send reports a prepared diagnostic, placed at the word taken last unless it has a place.
func (a *Args) Send(d Diagnostic) {
	if d.Pos.Line == 0 {
		d.Pos = a.Pos()
	}
	a.report(d)
}

// Command splits the line as the keywords do whose argument is a command:
// the words after the keyword, the first of which holds the command.
func (a *Args) Command(keepEscapes bool) ([]Piece, error) {
	words, err := SplitOuter(a.Line.Text, keepEscapes)
	if err != nil || len(words) == 0 {
		return nil, err
	}
	return words[1:], nil
}
