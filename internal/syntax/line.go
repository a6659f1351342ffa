package syntax

import "strings"

// MaxLine is the number of bytes of the longest line that is read, its
// newline included.
const MaxLine = 1023

// Word is a word of a line.
type Word struct {
	Text   string
	Pos    Pos
	Quoted bool // stood in double quotes
}

// Line is a logical line: a keyword with its arguments, a value of a block,
// or a single brace.
type Line struct {
	Pos   Pos    // of the first character
	Text  string // without comment and surrounding blanks; quotes as written
	Words []Word
	// OpenQuote is set when a double quote has no partner: the words from it on are missing.
	OpenQuote bool
	// reported is set when the open quote has been reported already.
	reported bool
	// escaped is the offset in Text of an escaped comment sign, -1 if there
	// is none. Only the first reading of a file honours the escape.
	escaped int
	// shadowed is set when an escaped comment sign stands before this line on the same physical line.
	shadowed bool
}

// IsOpen says whether the line is an opening brace.
func (l Line) IsOpen() bool { return l.Text == "{" }

// IsClose says whether the line is a closing brace.
func (l Line) IsClose() bool { return l.Text == "}" }

// Again is the line as every reading but the first sees it: comment signs
// that were escaped with a backslash start a comment there. The second result
// says whether anything is left.
func (l Line) Again() (Line, bool) {
	if l.shadowed {
		return l, false
	}
	if l.escaped < 0 {
		return l, true
	}
	text := trimRight(l.Text[:l.escaped])
	if text == "" {
		return l, false
	}
	cut := makeLine(text, l.Pos, l.Pos.Col > 0)
	cut.reported = l.reported
	return cut, true
}

// Split is the line with the words it had when it was read.
func (l Line) Split() Line {
	l.Words, l.OpenQuote = splitWords(l.Text, l.Pos)
	return l
}

// ParseLine splits one line of text, without the treatment of comments and
// braces. Handlers are tested with it.
func ParseLine(text string, pos Pos) Line { return makeLine(text, pos, true) }

func makeLine(text string, pos Pos, columns bool) Line {
	l := Line{Pos: pos, Text: text, escaped: -1}
	if !columns {
		l.Pos.Col = 0
	}
	l.Words, l.OpenQuote = splitWords(text, l.Pos)
	return l
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isSeparator says whether c ends a word.
func isSeparator(c byte) bool {
	return c == ' ' || c == '\t' || c == '\f' || c == '\v' || c == '\r' || c == '\n'
}

func trimLeft(s string) string { return strings.TrimLeft(s, " \t") }

func trimRight(s string) string { return strings.TrimRight(s, " \t\f\v\r\n") }

// decomment removes the comment and the blanks at both ends of a line. The
// escapes \# and \! outside quotes lose their backslash; the offset of the
// first such sign is returned, or -1. lead is the number of blanks removed in
// front; open says that a double quote has no partner.
func decomment(s string) (text string, lead, escaped int, open bool) {
	body := trimLeft(s)
	lead = len(s) - len(body)
	escaped = -1
	if !strings.ContainsAny(body, `#!\"`) {
		return trimRight(body), lead, -1, false
	}
	var b strings.Builder
	b.Grow(len(body))
scan:
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case c == '\\' && i+1 < len(body):
			next := body[i+1]
			if !open && (next == '#' || next == '!') {
				if escaped < 0 {
					escaped = b.Len()
				}
			} else {
				b.WriteByte(c)
			}
			b.WriteByte(next)
			i++
			continue
		case c == '"':
			open = !open
		case !open && (c == '#' || c == '!'):
			break scan
		}
		b.WriteByte(c)
	}
	text = trimRight(b.String())
	if body, ok := strings.CutSuffix(text, `\`); ok {
		// A backslash at the end sticks to the word before it.
		text = trimRight(body) + `\`
	}
	return text, lead, escaped, open
}

// splitBraces cuts a line into logical lines: the text before a brace, the
// brace, the text after it. Braces inside double quotes stay; after a quote
// without partner nothing is cut any more. The offsets are those in s.
func splitBraces(s string) (parts []string, offsets []int) {
	add := func(from, to int) {
		part := s[from:to]
		trimmed := strings.TrimLeft(part, " \t\f\v\r\n")
		from += len(part) - len(trimmed)
		if trimmed = trimRight(trimmed); trimmed != "" {
			parts = append(parts, trimmed)
			offsets = append(offsets, from)
		}
	}
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				i = len(s)
				break
			}
			i += end + 1
		case '{', '}':
			add(start, i)
			add(i, i+1)
			start = i + 1
		}
	}
	add(start, len(s))
	return parts, offsets
}

// splitWords cuts a logical line into words. A double quote ends the word
// before it and starts one that reaches to its partner, without escapes.
func splitWords(s string, pos Pos) (words []Word, open bool) {
	at := func(i int) Pos {
		p := pos
		if p.Col > 0 {
			p.Col += i
		}
		return p
	}
	for i := 0; i < len(s); {
		switch {
		case isSeparator(s[i]):
			i++
		case s[i] == '"':
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				return words, true
			}
			words = append(words, Word{Text: s[i+1 : i+1+end], Pos: at(i), Quoted: true})
			i += end + 2
		default:
			start := i
			for i < len(s) && !isSeparator(s[i]) && s[i] != '"' {
				i++
			}
			words = append(words, Word{Text: s[start:i], Pos: at(start)})
		}
	}
	return words, false
}

// QuoteReported says whether the open quote has been reported already.
func (l Line) QuoteReported() bool { return l.reported }
