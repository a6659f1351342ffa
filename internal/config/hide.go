package config

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// secretArgs find what must not be seen: the arguments of auth_pass, and of
// key without its number.
var secretArgs = []*regexp.Regexp{
	regexp.MustCompile(`(?:^|[\s{])auth_pass[ \t]+(.*)$`),
	regexp.MustCompile(`(?:^|[\s{])key[ \t]+(?:[0-9]+[ \t]+)?(.*)$`),
}

// HideSecrets covers in a line of a configuration what must not get into a log or
// a report. The length stays, so that columns do.
func HideSecrets(line []byte) []byte {
	for _, secret := range secretArgs {
		m := secret.FindSubmatchIndex(line)
		if m == nil || strings.HasPrefix(strings.TrimLeft(string(line[m[2]:]), `"`), "file:") {
			continue
		}
		line = bytes.Clone(line)
		for i := m[2]; i < m[3]; i++ {
			if c := line[i]; c != ' ' && c != '\t' && c != '}' && c != '"' {
				line[i] = '*'
			}
		}
	}
	return line
}

// HideMessage is the text of a diagnostic without the secrets of a line that it
// repeats within quotes.
func HideMessage(d *Diagnostic) string {
	if i := strings.IndexByte(d.Text, '\''); i >= 0 && d.Code == syntax.UnmatchedQuote {
		return d.Text[:i+1] + string(HideSecrets([]byte(d.Text[i+1:])))
	}
	return d.Text
}
