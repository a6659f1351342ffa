package findings

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// visible says whether a character can be shown as it is. Controls move the
// cursor, and format characters can make a line look like another one.
func visible(r rune) bool { return unicode.IsPrint(r) && r != utf8.RuneError }

// cell is a character as it is shown.
type cell struct {
	text  string
	width int // columns
	at    int // offset in the line of what it stands for
}

// tabStop is how far tabs are drawn apart.
const tabStop = 4

// cells draws a line.
func cells(line []byte) []cell {
	var (
		out []cell
		col int
	)
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRune(line[i:])
		c := cell{text: string(line[i : i+size]), at: i}
		switch {
		case r == '\t':
			c.width = tabStop - col%tabStop
			c.text = strings.Repeat(" ", c.width)
		case r == utf8.RuneError && size == 1:
			c.text = fmt.Sprintf(`\x%02x`, line[i])
			c.width = len(c.text)
		case visible(r):
			c.width = width(r)
		default:
			c.text = escape(r)
			c.width = len(c.text)
		}
		out, col, i = append(out, c), col+c.width, i+size
	}
	return out
}

// escape writes a character that cannot be shown.
func escape(r rune) string {
	if r < 0x80 {
		return fmt.Sprintf(`\x%02x`, r)
	}
	return fmt.Sprintf(`\u{%x}`, r)
}

// wide are the ranges of characters that terminals give two columns.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xa960, Hi: 0xa97f, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

// width is how many columns a visible character takes.
func width(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// clean makes text fit for a terminal: one line, nothing that moves the cursor.
func clean(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\t':
			b.WriteByte(' ')
		case visible(r):
			b.WriteString(s[i : i+size])
		default:
			b.WriteString(escape(r))
		}
		i += size
	}
	return b.String()
}

// columns is how wide clean text is.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += width(r)
	}
	return n
}

// fill breaks text into lines where there are blanks to break at. The first
// line has at most first columns, the others rest.
func fill(s string, first, rest int) []string {
	var lines []string
	line, limit := "", first
	for w := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = w
		case columns(line)+1+columns(w) > limit:
			lines, line, limit = append(lines, line), w, rest
		default:
			line += " " + w
		}
	}
	return append(lines, line)
}

// hide covers passwords and keys.
func hide(line []byte) []byte { return []byte(config.Conceal(string(line))) }

// message is the text of a finding.
func (f *Finding) message() string { return strings.TrimSpace(f.Text) }
