package reference

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/findings"
	"github.com/holdfast-ha/holdfast/internal/manual"
)

// width is that of a terminal.
const width = 80

// Explain writes what there is to say about a word in every place that has
// it, or about a block or topic, or else about a code of the configuration
// test. Without a word it lists blocks and topics. It reports whether there
// was something to say; if not, it writes the word that was probably meant.
func Explain(w io.Writer, word string) bool { return open().explain(w, word) }

func (b book) explain(w io.Writer, word string) bool {
	if word == "" {
		overview(w, b)
		return true
	}
	found := b.find(word)
	chapter := b.chapter(word)
	// The keyword that opens a block says what the block says.
	found = slices.DeleteFunc(found, func(e Entry) bool { return chapter != nil && len(e.Word.Keywords) > 0 })
	if rule, ok := findings.Explain(word); ok && chapter == nil && len(found) == 0 {
		termRule(w, rule)
		return true
	}
	if chapter == nil && len(found) == 0 {
		fmt.Fprintf(w, "'%s' is no word of the configuration.", word)
		if near := config.Nearest(word, b.words()); near != "" {
			fmt.Fprintf(w, " Did you mean '%s'?", near)
		}
		fmt.Fprintln(w)
		return false
	}
	if chapter != nil {
		termChapter(w, chapter)
	}
	for i, e := range found {
		if i > 0 || chapter != nil {
			fmt.Fprintln(w)
		}
		termEntry(w, e)
	}
	return true
}

// overview lists blocks and topics.
func overview(w io.Writer, b book) {
	paragraph(w, "", "The blocks of the configuration, and what else there is to it. --explain=NAME tells of each of them "+
		"and of every keyword, --explain=BLOCK/KEYWORD of a keyword in one block.")
	for _, part := range []struct {
		title  string
		blocks bool
	}{{"Blocks", true}, {"Lines, and what happens to them before keywords count", false}} {
		fmt.Fprintf(w, "\n%s:\n", part.title)
		for _, c := range b {
			if c.Block != part.blocks {
				continue
			}
			text := c.Opener.Doc
			if text == "" {
				text = firstSentence(c.Intro[0])
			}
			column(w, "  ", c.Name, 22, strings.TrimSuffix(text, "."))
		}
	}
}

// termChapter writes a block or topic: what it is, and its words.
func termChapter(w io.Writer, c *Chapter) {
	switch {
	case c.Opener.Name != "":
		headline(w, usage(c, &c.Opener), place(&c.Opener))
		fmt.Fprintln(w)
		paragraph(w, "    ", c.Opener.Doc)
		termFacts(w, c, &c.Opener)
	default:
		fmt.Fprintln(w, c.Title)
	}
	if len(c.Used) > 0 {
		fmt.Fprintln(w)
		paragraph(w, "    ", "In "+strings.Join(c.Used, ", ")+".")
	}
	termMore(w, c.Intro)
	section := ""
	for i := range c.Words {
		k := &c.Words[i]
		if i == 0 || k.Section != section {
			section = k.Section
			fmt.Fprintln(w)
			if section != "" {
				fmt.Fprintf(w, "  %s:\n", section)
			}
		}
		column(w, "    ", strings.Join(names(k), ", "), 30, strings.TrimSuffix(k.Doc, "."))
	}
}

// termRule writes what a code of the configuration test means.
func termRule(w io.Writer, r findings.Rule) {
	headline(w, r.ID(), "finding of the configuration test")
	for _, text := range []string{r.Title + ". " + r.Meaning, "What keepalived does: " + r.Peer, "What to do: " + r.Remedy} {
		fmt.Fprintln(w)
		paragraph(w, "    ", text)
	}
}

// place is where a keyword stands.
func place(k *config.Keyword) string {
	if k.Block == "" {
		return "top level"
	}
	return k.Block
}

// termEntry writes a word.
func termEntry(w io.Writer, e Entry) {
	where := e.Chapter.Title
	if e.Chapter.Block {
		where = place(e.Word)
	}
	headline(w, usage(e.Chapter, e.Word), where)
	fmt.Fprintln(w)
	paragraph(w, "    ", e.Word.Doc)
	termFacts(w, e.Chapter, e.Word)
	termMore(w, e.Word.More)
	if e.Word.Example != "" && !strings.HasSuffix(e.Word.Example, "{") {
		fmt.Fprintf(w, "\n    Example:\n        %s\n", e.Word.Example)
	}
	if len(e.Word.See) > 0 {
		fmt.Fprintln(w)
		paragraph(w, "    ", "See also "+strings.Join(e.Word.See, ", ")+".")
	}
}

func termFacts(w io.Writer, c *Chapter, k *config.Keyword) {
	fmt.Fprintln(w)
	for _, f := range facts(c, k) {
		column(w, "    ", f.name, 16, f.text)
	}
}

func termMore(w io.Writer, more []string) {
	for _, p := range more {
		fmt.Fprintln(w)
		if !manual.Literal(p) {
			paragraph(w, "    ", p)
			continue
		}
		for line := range strings.SplitSeq(p, "\n") {
			fmt.Fprintln(w, strings.TrimRight("    "+line, " "))
		}
	}
}

// headline writes how a word is written, and at the right where.
func headline(w io.Writer, left, right string) {
	if gap := width - len(left) - len(right) - 2; gap >= 2 {
		fmt.Fprintf(w, "%s%s(%s)\n", left, strings.Repeat(" ", gap), right)
		return
	}
	for i, line := range fill(left, width-8) {
		if i > 0 {
			line = "        " + line
		}
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "%*s\n", width, "("+right+")")
}

// paragraph writes a text, each line indented.
func paragraph(w io.Writer, indent, text string) {
	for _, line := range fill(text, width-len(indent)) {
		fmt.Fprintln(w, indent+line)
	}
}

// column writes a name and, from a column on, a text.
func column(w io.Writer, indent, name string, at int, text string) {
	lines := fill(text, width-at)
	head := indent + name
	if len(head) >= at {
		fmt.Fprintln(w, head)
		head = ""
	}
	for _, line := range lines {
		fmt.Fprintf(w, "%-*s%s\n", at, head, line)
		head = ""
	}
}

// fill breaks a text into lines of at most so many characters, if its words
// are not longer.
func fill(text string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) > columns:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
