package config

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

// manualFiles hold what the rows of the tables do not say: one file for each
// block and topic, in which the words stand in the order of reading.
//
//	## Heading of the words that follow
//
//	[name, another name with the same text]
//	default: what holds without it, or none
//	range: limits and unit
//	see: name, name
//
//	Paragraphs. Indented lines are literal.
//
// The other fields are old (names that are deprecated), instead (for a word
// that is deprecated) and, for words that no row describes, args, doc, since
// and example.
//
//go:embed manual/*.txt
var manualFiles embed.FS

// manual is a page of the directory, read.
type manual struct {
	fields  map[string]string // before the first entry
	more    []string
	entries []manualEntry
}

type manualEntry struct {
	names   []string
	section string
	fields  map[string]string
	more    []string
}

func manualPage(name string) *manual {
	data, err := manualFiles.ReadFile("manual/" + name + ".txt")
	if err != nil {
		panic(err) // a file of this package: a test reads them all
	}
	m, err := parseManual(string(data))
	if err != nil {
		panic(fmt.Sprintf("manual/%s.txt: %v", name, err))
	}
	return m
}

// parseManual reads the text of a page.
func parseManual(text string) (*manual, error) {
	m := &manual{fields: map[string]string{}}
	fields, more := m.fields, &m.more
	section, header, fresh := "", true, true
	for i, line := range strings.Split(text, "\n") {
		switch name, value, field := strings.Cut(line, ": "); {
		case strings.HasPrefix(line, "## "):
			section = line[3:]
		case strings.HasPrefix(line, "["):
			if !strings.HasSuffix(line, "]") {
				return nil, fmt.Errorf("line %d: no ]", i+1)
			}
			m.entries = append(m.entries, manualEntry{names: splitNames(line[1 : len(line)-1]), section: section, fields: map[string]string{}})
			e := &m.entries[len(m.entries)-1]
			fields, more, header, fresh = e.fields, &e.more, true, true
		case line == "":
			header, fresh = false, true
		case header && field && manualFields[name]:
			fields[name] = value
		case header && manualFields[strings.TrimSuffix(line, ":")]:
			return nil, fmt.Errorf("line %d: nothing follows", i+1)
		default:
			header = false
			addLine(more, line, fresh)
			fresh = false
		}
	}
	return m, nil
}

// addLine adds a line to a paragraph, or begins another.
func addLine(more *[]string, line string, fresh bool) {
	last := len(*more) - 1
	switch literal := strings.HasPrefix(line, " "); {
	case last >= 0 && literal && strings.HasPrefix((*more)[last], " "):
		if fresh {
			(*more)[last] += "\n"
		}
		(*more)[last] += "\n" + line
	case fresh || literal || strings.HasPrefix((*more)[last], " "):
		*more = append(*more, line)
	default:
		(*more)[last] += " " + line
	}
}

var manualFields = map[string]bool{
	"default": true, "range": true, "see": true, "old": true, "instead": true,
	"args": true, "doc": true, "since": true, "example": true, "title": true, "used": true,
}

func splitNames(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ", ")
}

// place is where a word stands on the page, for sorting.
func (m *manual) place(name string) int {
	return slices.IndexFunc(m.entries, func(e manualEntry) bool { return slices.Contains(e.names, name) })
}

// complete adds what the page says about a word.
func (m *manual) complete(k *Keyword) {
	i := m.place(k.Name)
	if i < 0 {
		return
	}
	e := m.entries[i]
	k.Section, k.More = e.section, e.more
	k.Default, k.Range, k.Instead = e.fields["default"], e.fields["range"], e.fields["instead"]
	k.See, k.OldNames = splitNames(e.fields["see"]), splitNames(e.fields["old"])
	if doc := e.fields["doc"]; doc != "" {
		k.Doc = doc
	}
}

// topic makes a page describe itself: no rows stand behind its words.
func (m *manual) topic(name string) Topic {
	t := Topic{Name: name, Title: m.fields["title"], Used: splitNames(m.fields["used"]), More: m.more}
	for _, e := range m.entries {
		k := Keyword{
			Block: name, Name: e.names[0], Aliases: e.names[1:], Args: e.fields["args"],
			Since: e.fields["since"], Example: e.fields["example"],
		}
		m.complete(&k)
		t.Words = append(t.Words, k)
	}
	return t
}
