package config

import (
	"slices"
)

// Keyword describes a word of the language, for the reference pages and for
// help: what its row says, and what the manual says about it.
type Keyword struct {
	Block   string // the block it stands in, or the topic; "" for the top level
	Name    string
	Aliases []string // other names that mean the same
	Args    string   // what may follow, as in a manual page
	Since   string   // release of keepalived that brought it; empty: 2.2.7 or before
	Status  Status
	Opens   bool   // a block follows
	Doc     string // one sentence
	Example string

	Section  string   // heading it stands under; empty: none
	Default  string   // what holds without it, or "none"
	Range    string   // limits and unit of its value; empty: none, or Args says it
	Instead  string   // what to use in its place; set, the word is deprecated
	OldNames []string // those of Aliases that are deprecated
	See      []string // related words
	More     []string // paragraphs; the lines of one that begins with a blank are literal

	Keywords []Keyword // of its block
}

// Status says what Holdfast does with a keyword.
type Status uint8

// What Holdfast does with a keyword.
const (
	Served         Status = iota
	NotServed             // understood and checked; the daemon does not act on it yet
	NothingToServe        // understood; there is nothing to act on
)

func (s status) public() Status {
	return map[status]Status{pending: NotServed, ignored: NothingToServe}[s]
}

// describe lists the keywords of a block in the order of its manual page.
func (t *table[T]) describe() []Keyword {
	list := make([]Keyword, 0, len(t.rows))
	for _, k := range t.rows {
		d := Keyword{
			Block: t.name, Name: k.name, Aliases: k.aliases, Args: k.args, Since: k.since,
			Status: k.status.public(), Opens: k.shape != scalar, Doc: k.doc, Example: k.example,
		}
		if k.sub != nil {
			d.Keywords = k.sub()
		}
		list = append(list, d)
	}
	page := manualPage(t.file())
	for i := range list {
		complete(&list[i], page)
	}
	slices.SortStableFunc(list, func(a, b Keyword) int { return page.Place(a.Name) - page.Place(b.Name) })
	return list
}

// file is the name of the page of a block.
func (t *table[T]) file() string {
	if t.name == "" {
		return "top"
	}
	return t.name
}

// Topic is a part of the language that is no block: a kind of line, or what
// happens to lines before keywords are looked for.
type Topic struct {
	Name  string
	Title string
	Used  []string // keywords whose lines these are
	More  []string // paragraphs, as in Keyword
	Words []Keyword
}

// topicFiles are the topics in the order of reading.
var topicFiles = []string{
	"files", "include", "conditions", "definitions", "repetition",
	"address", "route", "rule", "peer", "track", "vmac",
}

// Topics describes what is no block.
func Topics() []Topic {
	topics := make([]Topic, 0, len(topicFiles))
	for _, name := range topicFiles {
		topics = append(topics, topic(name, manualPage("topic_"+name)))
	}
	return topics
}
