package reference

import (
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/findings"
)

// Chapter is a block of the language, or another part of it.
type Chapter struct {
	Name   string // of the block, or of the topic
	Title  string
	Block  bool
	Opener config.Keyword // the keyword that opens the block
	Used   []string       // of a topic: keywords whose lines these are
	Intro  []string       // paragraphs
	Words  []config.Keyword
}

// top is the name of the chapter about what stands in no block.
const top = "top-level"

// lines are the topics that come after the blocks.
var lines = []string{"address", "route", "rule", "peer", "track", "vmac"}

// Chapters are the whole reference in the order of reading.
func Chapters() []Chapter {
	var before, after []Chapter
	for _, t := range config.Topics() {
		c := Chapter{Name: t.Name, Title: t.Title, Used: t.Used, Intro: t.More, Words: t.Words}
		if slices.Contains(lines, t.Name) {
			after = append(after, c)
		} else {
			before = append(before, c)
		}
	}
	all := config.Keywords()
	list := append(before, Chapter{
		Name: top, Title: "Top level", Block: true, Words: all,
		Intro: []string{"What stands in no block: the blocks themselves, and a few settings that have to be known before anything else."},
	})
	return append(appendBlocks(list, sorted(all)), after...)
}

// sorted puts the blocks that everybody needs first.
func sorted(all []config.Keyword) []config.Keyword {
	first := []string{"vrrp_script", "vrrp_sync_group", "vrrp_instance", "global_defs"}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b config.Keyword) int { return slices.Index(first, b.Name) - slices.Index(first, a.Name) })
	return all
}

func appendBlocks(list []Chapter, words []config.Keyword) []Chapter {
	for _, k := range words {
		if len(k.Keywords) == 0 {
			continue
		}
		list = append(list, Chapter{Name: k.Name, Title: k.Name, Block: true, Opener: k, Intro: k.More, Words: k.Keywords})
		list = appendBlocks(list, k.Keywords)
	}
	return list
}

// Entry is a word and the chapter in which it is explained.
type Entry struct {
	Chapter *Chapter
	Word    *config.Keyword
}

// names are all names of a word.
func names(k *config.Keyword) []string { return append([]string{k.Name}, k.Aliases...) }

// matches says whether a word is what somebody asks for; ${_PWD} may be
// written _PWD.
func matches(k *config.Keyword, word string) bool {
	return slices.ContainsFunc(names(k), func(name string) bool {
		return name == word || strings.Trim(name, "${}=@^~") == word
	})
}

// book is the reference, for finding things in.
type book []Chapter

func open() book { return Chapters() }

func (b book) chapter(name string) *Chapter {
	i := slices.IndexFunc(b, func(c Chapter) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &b[i]
}

// find lists the places that explain a word. CHAPTER/WORD and "WORD in
// CHAPTER" ask for one of them.
func (b book) find(word string) []Entry {
	in := ""
	if w, c, ok := strings.Cut(word, " in "); ok {
		word, in = w, c
	} else if c, w, ok := strings.Cut(word, "/"); ok && w != "" && b.chapter(c) != nil {
		word, in = w, c
	}
	var found []Entry
	for i := range b {
		c := &b[i]
		if in != "" && c.Name != in {
			continue
		}
		for j := range c.Words {
			if matches(&c.Words[j], word) {
				found = append(found, Entry{c, &c.Words[j]})
			}
		}
	}
	return found
}

// related finds what a "see" means: a word of the same chapter, else of
// another. Options of the command line have no entry here.
func (b book) related(see string, from *Chapter) (Entry, bool) {
	found := b.find(see)
	if len(found) == 0 {
		return Entry{}, false
	}
	if i := slices.IndexFunc(found, func(e Entry) bool { return e.Chapter.Name == from.Name }); i >= 0 {
		return found[i], true
	}
	return found[0], true
}

// Words lists all words that Explain knows, each once.
func Words() []string { return open().words() }

func (b book) words() []string {
	var list []string
	for _, c := range b {
		list = append(list, c.Name)
		for i := range c.Words {
			list = append(list, names(&c.Words[i])...)
		}
	}
	for _, r := range findings.Rules() {
		list = append(list, r.ID())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// release says which releases of keepalived have a word.
func release(since string) string {
	switch since {
	case "":
		return "2.2.7 and newer"
	case "2.2.8":
		return "newer than 2.2.7"
	default:
		return since + " and newer"
	}
}

// status says what Holdfast does with a word.
func status(s config.Status) string {
	switch s {
	case config.NotServed:
		return "not served yet: understood and checked, without effect"
	case config.NothingToServe:
		return "accepted and checked; there is nothing for it to act on"
	default:
		return "served"
	}
}

// fact is a line of the table of a word.
type fact struct{ name, text string }

// facts are what the table of a word says. Topics have no status: their lines
// have that of the keyword.
func facts(c *Chapter, k *config.Keyword) []fact {
	var list []fact
	add := func(name, text string) {
		if text != "" {
			list = append(list, fact{name, text})
		}
	}
	if k.Instead != "" {
		add("Deprecated", "use "+k.Instead)
	}
	if c.Block || k.Default != "none" {
		add("Default", k.Default)
	}
	add("Range", k.Range)
	var also []string
	for _, a := range k.Aliases {
		if slices.Contains(k.OldNames, a) {
			a += " (deprecated)"
		}
		also = append(also, a)
	}
	if c.Block {
		add("Also", strings.Join(also, ", "))
	}
	add("keepalived", release(k.Since))
	if c.Block {
		add("Holdfast", status(k.Status))
	}
	return list
}

// usage is how a word is written; of words that a topic explains together,
// how each is.
func usage(c *Chapter, k *config.Keyword) string {
	name := k.Name
	if !c.Block {
		name = strings.Join(names(k), ", ")
	}
	switch {
	case strings.HasPrefix(k.Name, "${") && k.Args != "":
		return strings.TrimSuffix(k.Name, "}") + " " + k.Args + "}"
	case k.Args == "" && k.Opens:
		return name + " { ... }"
	case strings.HasSuffix(k.Name, "=") || k.Name == `"` || strings.HasPrefix(k.Args, "("):
		return name + k.Args
	default:
		return strings.TrimSpace(name + " " + k.Args)
	}
}
