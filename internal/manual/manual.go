// Package manual reads the plain text in which the words of the
// configuration and the options of the program are described. It knows no
// word of either.
//
// A page has fields and paragraphs, and then entries, each with fields and
// paragraphs of its own, in the order of reading:
//
//	## Heading of the entries that follow
//
//	[name, another name with the same text]
//	default: what holds without it, or none
//	see: name, name
//
//	Paragraphs. Indented lines are literal.
//
// Fields end at the first empty line. Parse is a function of its input.
package manual

import (
	"fmt"
	"slices"
	"strings"
)

// Page is a text, read.
type Page struct {
	Fields  map[string]string
	More    []string // paragraphs; the lines of one that begins with a blank are literal
	Entries []Entry
}

// Entry is what is said about one word or several.
type Entry struct {
	Names   []string
	Section string // heading it stands under; empty: none
	Fields  map[string]string
	More    []string
}

// fields are all that there are.
var fields = []string{
	"default", "range", "see", "old", "instead", "args", "doc", "since", "example", "title", "used", "complete", "values",
}

// Parse reads the text of a page. An error names the line.
func Parse(text string) (*Page, error) {
	p := &Page{Fields: map[string]string{}}
	into, more := p.Fields, &p.More
	section, header, fresh := "", true, true
	for i, line := range strings.Split(text, "\n") {
		name, value, field := strings.Cut(line, ": ")
		switch {
		case strings.HasPrefix(line, "## "):
			section = line[3:]
		case strings.HasPrefix(line, "["):
			if !strings.HasSuffix(line, "]") {
				return nil, fmt.Errorf("line %d: no ]", i+1)
			}
			p.Entries = append(p.Entries, Entry{Names: List(line[1 : len(line)-1]), Section: section, Fields: map[string]string{}})
			e := &p.Entries[len(p.Entries)-1]
			into, more, header, fresh = e.Fields, &e.More, true, true
		case line == "":
			header, fresh = false, true
		case header && field && slices.Contains(fields, name):
			into[name] = value
		case header && slices.Contains(fields, strings.TrimSuffix(line, ":")):
			return nil, fmt.Errorf("line %d: nothing follows", i+1)
		default:
			header = false
			addLine(more, line, fresh)
			fresh = false
		}
	}
	return p, nil
}

// addLine adds a line to a paragraph, or begins another.
func addLine(more *[]string, line string, fresh bool) {
	last := len(*more) - 1
	switch literal, after := Literal(line), last >= 0 && Literal((*more)[max(0, last)]); {
	case literal && after:
		if fresh {
			(*more)[last] += "\n"
		}
		(*more)[last] += "\n" + line
	case fresh || literal || after:
		*more = append(*more, line)
	default:
		(*more)[last] += " " + line
	}
}

// Literal says whether the lines of a paragraph are to stay as they are.
func Literal(paragraph string) bool { return strings.HasPrefix(paragraph, " ") }

// List splits a list of names.
func List(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ", ")
}

// Place is the index of the entry of a word; -1: there is none.
func (p *Page) Place(name string) int {
	return slices.IndexFunc(p.Entries, func(e Entry) bool { return slices.Contains(e.Names, name) })
}
