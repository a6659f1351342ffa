package syntax

import (
	"fmt"
	"strings"
)

// Piece is a word of a command line.
type Piece struct {
	Text  string
	Plain bool // no part of it was quoted or escaped
}

// SplitOuter takes the words of a line whose command is one quoted word, for
// SplitQuoted to split that once more. Up to release 2.2.7 this splitting
// decodes escapes as well, so that \"…\" quotes inside the command; later ones
// leave them to the second splitting, where they stand for a plain character.
func SplitOuter(s string, keepEscapes bool) ([]Piece, error) { return split(s, keepEscapes) }

// SplitQuoted splits the way the keywords that take a command do: ' and "
// both quote, a backslash escapes everywhere, quoted parts join with what
// they touch, and one at the very end opens nothing. The escapes are those of C with \e, \E, \cX, \xHH and \NNN;
// any other escaped character stands for itself.
func SplitQuoted(s string) ([]Piece, error) { return split(s, false) }

func split(s string, keepEscapes bool) ([]Piece, error) {
	var (
		words  []Piece
		word   strings.Builder
		inside bool // a word has been started
		plain  = true
		quote  byte
	)
	flush := func() {
		if inside {
			words = append(words, Piece{word.String(), plain})
		}
		word.Reset()
		inside, plain = false, true
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			n := 1
			if keepEscapes {
				word.WriteString(s[i : i+2])
			} else {
				n = writeEscape(&word, s[i+1:])
			}
			inside, plain = true, false
			i += 1 + n
			continue
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteByte(c)
			}
		case c == '\'' || c == '"':
			inside, plain = true, false
			if i < len(s)-1 {
				quote = c
			}
		case isSeparator(c):
			flush()
		default:
			word.WriteByte(c)
			inside = true
		}
		i++
	}
	if quote != 0 {
		return nil, fmt.Errorf("string '%s': missing terminating %c", s, quote)
	}
	flush()
	return words, nil
}

// writeEscape writes the character that the text after a backslash stands
// for and returns how many bytes of it belong to the escape.
func writeEscape(b *strings.Builder, s string) int {
	const hex = "0123456789abcdef"
	put := func(v int) {
		// A NUL cannot be part of an argument.
		if v &= 0xff; v != 0 {
			b.WriteByte(byte(v))
		}
	}
	switch c := s[0]; c {
	case 'a':
		put('\a')
	case 'b':
		put('\b')
	case 'e', 'E':
		put(0x1b)
	case 'f':
		put('\f')
	case 'n':
		put('\n')
	case 'r':
		put('\r')
	case 't':
		put('\t')
	case 'v':
		put('\v')
	case 'c':
		if len(s) == 1 {
			b.WriteByte(c)
			return 1
		}
		put(int(s[1]) & 0x1f)
		return 2
	case 'x':
		v, n := 0, 0
		for n < 2 && n+1 < len(s) {
			d := strings.IndexByte(hex, lower(s[n+1]))
			if d < 0 {
				break
			}
			v, n = v*16+d, n+1
		}
		if n == 0 {
			b.WriteByte(c)
			return 1
		}
		put(v)
		return 1 + n
	case '0', '1', '2', '3', '4', '5', '6', '7':
		v, n := 0, 0
		for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			v, n = v*8+int(s[n]-'0'), n+1
		}
		put(v)
		return n
	default:
		b.WriteByte(c)
	}
	return 1
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
