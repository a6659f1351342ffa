package config

import (
	"embed"
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/manual"
)

// manualFiles hold what the rows of the tables do not say: one file for each
// block, named after it, and one for each topic. Fields of a word are
// default, range, see, old (names that are deprecated), instead (for a word
// that is deprecated) and, where no row says them, args, doc, since and
// example; those of a topic are title and used.
//
//go:embed manual/*.txt
var manualFiles embed.FS

// manualPage reads a file of the manual.
func manualPage(name string) *manual.Page {
	data, err := manualFiles.ReadFile("manual/" + name + ".txt")
	if err != nil {
		panic(err) // a file of this package: a test reads them all
	}
	p, err := manual.Parse(string(data))
	if err != nil {
		panic(fmt.Sprintf("manual/%s.txt: %v", name, err))
	}
	return p
}

// complete adds what the page says about a word.
func complete(k *Keyword, p *manual.Page) {
	i := p.Place(k.Name)
	if i < 0 {
		return
	}
	e := p.Entries[i]
	k.Section, k.More = e.Section, e.More
	k.Default, k.Range, k.Instead = e.Fields["default"], e.Fields["range"], e.Fields["instead"]
	k.See, k.OldNames = manual.List(e.Fields["see"]), manual.List(e.Fields["old"])
	if doc := e.Fields["doc"]; doc != "" {
		k.Doc = doc
	}
}

// topic makes a page describe itself: no rows stand behind its words.
func topic(name string, p *manual.Page) Topic {
	t := Topic{Name: name, Title: p.Fields["title"], Used: manual.List(p.Fields["used"]), More: p.More}
	for _, e := range p.Entries {
		k := Keyword{
			Block: name, Name: e.Names[0], Aliases: e.Names[1:], Args: e.Fields["args"],
			Since: e.Fields["since"], Example: e.Fields["example"],
		}
		complete(&k, p)
		t.Words = append(t.Words, k)
	}
	return t
}
