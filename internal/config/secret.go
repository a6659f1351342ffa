package config

import (
	"regexp"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var (
	password = regexp.MustCompile(`(?:^|[\s{}"])auth_pass(?:[\s"])(.*)$`)
	hmacKey  = regexp.MustCompile(`(?:^|[\s{}"])key\s+(?:[0-9]+(?:[\s"]))?(.*)$`) // the number may have been forgotten
)

// Conceal covers what must not get into the log of a CI job or of a machine:
// the arguments of auth_pass and key. The length stays, so that columns do.
func Conceal(line string) string {
	if !strings.Contains(line, "auth_pass") && !strings.Contains(line, "key") {
		return line
	}
	for _, secret := range []*regexp.Regexp{password, hmacKey} {
		m := secret.FindStringSubmatchIndex(line)
		if m == nil || strings.HasPrefix(strings.TrimLeft(line[m[2]:], ` "`), "file:") {
			continue
		}
		covered := []byte(line)
		for i := m[2]; i < m[3]; i++ {
			if c := covered[i]; c != ' ' && c != '\t' && c != '}' && c != '"' {
				covered[i] = '*'
			}
		}
		line = string(covered)
	}
	return line
}

// concealQuoted is Conceal for the line that a message repeats between
// single quotes.
func concealQuoted(text string) string {
	from, to := strings.IndexByte(text, '\''), strings.LastIndexByte(text, '\'')
	if from < 0 || from == to {
		return text
	}
	return text[:from+1] + Conceal(text[from+1:to]) + text[to:]
}

// reporter is report for problems with a line. Where the line holds a secret,
// perhaps in a block where it does not belong, no message repeats it.
func (l *loader) reporter(line syntax.Line) func(Diagnostic) {
	secret := secrets(line.Words)
	if len(secret) == 0 {
		return l.report
	}
	return func(d Diagnostic) {
		for _, w := range secret {
			d.Text = strings.ReplaceAll(d.Text, "'"+w.Text+"'", "'***'")
			d.Text = strings.ReplaceAll(" "+d.Text, " "+w.Text, " ***")[1:]
		}
		l.report(d)
	}
}

// secrets are the words behind auth_pass and behind key and its number, which
// may have been forgotten.
func secrets(words []syntax.Word) []syntax.Word {
	for i, w := range words {
		switch {
		case w.Quoted:
		case w.Text == "auth_pass":
			return words[i+1:]
		case w.Text == "key":
			rest := words[i+1:]
			if len(rest) > 0 && strings.Trim(rest[0].Text, "0123456789") == "" {
				rest = rest[1:]
			}
			if len(rest) > 0 && !strings.HasPrefix(rest[0].Text, "file:") {
				return rest
			}
		}
	}
	return nil
}
