package syntax

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// definition is the value of a $NAME; more than one line when it was written
// with backslashes at the line ends.
type definition struct {
	lines []string
	multi bool
}

// maxSubstitutions bounds the replacements in one line, so that a definition
// that refers to itself ends.
const maxSubstitutions = 2000

func isNameStart(c byte) bool { return c == '_' || (lower(c) >= 'a' && lower(c) <= 'z') }

func isNameByte(c byte) bool { return isNameStart(c) || (c >= '0' && c <= '9') }

func nameLen(s string) int {
	if s == "" || !isNameStart(s[0]) {
		return 0
	}
	n := 1
	for n < len(s) && isNameByte(s[n]) {
		n++
	}
	return n
}

// define handles "$NAME=VALUE"; false when text is something else.
func (s *Scanner) define(from *frame, text string) bool {
	n := nameLen(text[1:])
	if n == 0 || len(text) < n+2 || text[n+1] != '=' {
		return false
	}
	name, value := text[1:n+1], trimLeft(text[n+2:])
	body, more := strings.CutSuffix(value, `\`)
	if !more || from == nil {
		s.defs[name] = definition{lines: []string{value}}
		return true
	}
	s.collect = &collection{name: name, from: from}
	if body = trimRight(body); body != "" {
		s.collect.lines = append(s.collect.lines, body)
	}
	return true
}

// collectLine adds a line to the definition being read. A condition on the
// line decides about its text; the backslash continues the definition either
// way. looksContinued says that the line ends with one in its comment.
func (s *Scanner) collectLine(text string, looksContinued bool, pos Pos) {
	body, more := strings.CutSuffix(text, `\`)
	if !more && looksContinued {
		s.report(Diagnostic{
			Code: Note, Pos: pos, Text: fmt.Sprintf("note: the definition of $%s ends with this line", s.collect.name),
			Hint: "The backslash is part of the comment.", Action: "Put the backslash before the comment.",
		})
	}
	if strings.HasPrefix(body, "@") {
		body, _ = s.condition(body)
	}
	if body = trimRight(body); body != "" {
		s.collect.lines = append(s.collect.lines, body)
	}
	if !more {
		s.endCollection(s.collect.from)
	}
}

func (s *Scanner) endCollection(from *frame) {
	if c := s.collect; c != nil && c.from == from {
		s.defs[c.name] = definition{lines: c.lines, multi: true}
		s.collect = nil
	}
}

// substitute replaces the references in a line. A reference to a definition
// of several lines may only end the line; its other lines are returned as tail.
func (s *Scanner) substitute(text string, pos Pos) (out string, tail []string, changed bool) {
	for i, count := 0, 0; i < len(text); {
		if text[i] != '$' {
			i++
			continue
		}
		ref, ok := parseReference(text[i:])
		if !ok {
			i++
			continue
		}
		value, ok := s.resolve(ref, len(text) == i+ref.size, pos)
		if !ok {
			i++
			continue
		}
		if count++; count > maxSubstitutions {
			s.report(Diagnostic{Code: General, Pos: pos, Text: fmt.Sprintf("the definition of '%s' refers to itself", text[i:i+ref.size])})
			return text, tail, changed
		}
		if len(text)-ref.size+len(value.first) > MaxLine {
			s.report(Diagnostic{
				Code: Log, Pos: pos, Text: fmt.Sprintf("substituting '%s' gives a line that is too long", text[i:i+ref.size]),
				Hint: "A definition may refer to itself.",
			})
			return text, tail, changed
		}
		changed = true
		if s.copied += len(text); s.copied > maxCopied {
			return text, tail, changed
		}
		text = text[:i] + value.first + text[i+ref.size:]
		tail = append(value.rest, tail...)
		// The replacement is looked at again from its start: definitions nest.
		// What a built-in gives is taken as it is.
		if value.final {
			i += len(value.first)
		}
	}
	return text, tail, changed
}

type reference struct {
	name string
	args []string
	size int // bytes of the reference
}

// parseReference recognises $NAME and ${NAME ARGS} at the start of s.
func parseReference(s string) (reference, bool) {
	if len(s) < 2 {
		return reference{}, false
	}
	if s[1] != '{' {
		n := nameLen(s[1:])
		if n == 0 {
			return reference{}, false
		}
		if rest := s[n+1:]; rest != "" && !strings.ContainsRune(" \t,)", rune(rest[0])) {
			return reference{}, false
		}
		return reference{name: s[1 : n+1], size: n + 1}, true
	}
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return reference{}, false
	}
	inner := s[2:end]
	n := nameLen(inner)
	if n == 0 {
		return reference{}, false
	}
	ref := reference{name: inner[:n], size: end + 1}
	rest := inner[n:]
	if rest == "" {
		return ref, true
	}
	// Parameters: blank-separated, no blank before the brace.
	if !isBlank(rest[0]) || isBlank(rest[len(rest)-1]) {
		return reference{}, false
	}
	for _, arg := range strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == '\t' }) {
		for j := range len(arg) {
			if !isNameByte(arg[j]) {
				return reference{}, false
			}
		}
		ref.args = append(ref.args, arg)
	}
	return ref, true
}

type replacement struct {
	first string
	rest  []string
	final bool
}

// resolve gives what a reference stands for; last says that it ends its line.
func (s *Scanner) resolve(ref reference, last bool, pos Pos) (replacement, bool) {
	if d, ok := s.defs[ref.name]; ok && len(ref.args) == 0 {
		switch {
		case len(d.lines) == 0:
			return replacement{}, true
		case d.multi && !last:
			return replacement{}, false
		}
		return replacement{first: d.lines[0], rest: d.lines[1:]}, true
	}
	text, ok := s.builtin(ref, pos)
	return replacement{first: text, final: true}, ok
}

// builtin gives the value of the definitions every configuration has.
func (s *Scanner) builtin(ref reference, pos Pos) (string, bool) {
	plain := len(ref.args) == 0
	switch {
	case ref.name == "_PWD" && plain:
		if f := s.top(); f != nil {
			if strings.HasPrefix(f.dir, "/") || s.opt.Cwd == "" {
				return f.dir, true
			}
			return path.Join(s.opt.Cwd, f.dir), true
		}
	case ref.name == "_INSTANCE" && plain:
		return s.opt.ConfigID, true
	case ref.name == "_HASH" && plain:
		return "#", true
	case ref.name == "_BANG" && plain:
		return "!", true
	case ref.name == "_RANDOM":
		return s.randomNumber(ref, pos)
	case ref.name == "_ENV":
		if len(ref.args) != 1 {
			s.report(Diagnostic{Code: General, Pos: pos, Text: "${_ENV} needs the name of one variable - not replaced"})
			return "", false
		}
		if s.opt.Getenv == nil {
			return "", true
		}
		return s.opt.Getenv(ref.args[0]), true
	}
	return "", false
}

func (s *Scanner) randomNumber(ref reference, pos Pos) (string, bool) {
	limits := [2]uint64{0, 32767}
	bad := len(ref.args) > 2
	for i, arg := range ref.args {
		v, err := strconv.ParseUint(arg, 10, 32)
		if bad = bad || err != nil; bad {
			break
		}
		limits[i] = v
	}
	if bad {
		s.report(Diagnostic{Code: General, Pos: pos, Text: "${_RANDOM MIN MAX} takes up to two numbers - not replaced"})
		return "", false
	}
	if limits[0] > limits[1] {
		s.report(Diagnostic{
			Code: General, Pos: pos,
			Text: fmt.Sprintf("${_RANDOM %d %d}: the first number is above the second - using it", limits[0], limits[1]),
		})
		limits[1] = limits[0]
	}
	// splitmix64: the same seed gives the same configuration.
	s.random += 0x9e3779b97f4a7c15
	z := s.random
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	z ^= z >> 31
	return strconv.FormatUint(limits[0]+z%(limits[1]-limits[0]+1), 10), true
}
