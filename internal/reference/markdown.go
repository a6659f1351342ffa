package reference

import (
	"fmt"
	"path"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/manual"
)

// Index is the path of the page that leads to the others, which stand in a
// directory of its name.
const Index = "configuration.md"

const markdownMark = "<!-- Written by go test ./internal/reference -update from the tables of internal/config. -->\n\n"

// Markdown makes the pages of the reference, by their paths below docs.
func Markdown() map[string]string {
	m := &markdown{book: open(), known: map[string]bool{}}
	for _, c := range m.book {
		m.known[c.Name] = c.Block
		for i := range c.Words {
			for _, name := range names(&c.Words[i]) {
				m.known[name] = true
			}
		}
	}
	pages := map[string]string{Index: m.index()}
	for i := range m.book {
		pages[m.path(&m.book[i])] = m.page(&m.book[i])
	}
	return pages
}

type markdown struct {
	strings.Builder
	book  book
	known map[string]bool
}

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(&m.Builder, format, args...) }

// take returns what was written and starts anew.
func (m *markdown) take() string {
	defer m.Reset()
	return strings.TrimRight(m.String(), "\n") + "\n"
}

func (m *markdown) path(c *Chapter) string {
	return path.Join(strings.TrimSuffix(Index, ".md"), c.Name+".md")
}

// anchor is the name of the place of a word on its page.
func anchor(c *Chapter, k *config.Keyword) string {
	if strings.Trim(k.Name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" {
		return k.Name
	}
	for i := range c.Words {
		if c.Words[i].Name == k.Name {
			return fmt.Sprintf("word-%d", i+1)
		}
	}
	return ""
}

// link leads from a page in a directory to the place of a word.
func (m *markdown) link(e Entry, text, dir string) string {
	target := path.Base(m.path(e.Chapter))
	if dir == "" {
		target = m.path(e.Chapter)
	}
	return fmt.Sprintf("[`%s`](%s#%s)", text, target, anchor(e.Chapter, e.Word))
}

func (m *markdown) index() string {
	m.printf("%s# The configuration file\n\n", markdownMark)
	m.printf("Every word of `keepalived.conf`: what it means, what it takes, what holds without it, which releases of keepalived\n" +
		"have it, and whether Holdfast serves it. The same is in the manual page (`man -l docs/man/keepalived.conf.5`) and at the\n" +
		"command line: `holdfast --explain=preempt_delay`.\n\n" +
		"How to test a file is in [config-test.md](config-test.md); where Holdfast differs from keepalived on purpose is in\n" +
		"[compatibility.md](compatibility.md).\n\n## Contents\n\n")
	m.printf("| | |\n|---|---|\n")
	for i := range m.book {
		c := &m.book[i]
		title, text := "`"+c.Title+"`", m.escape(c.Opener.Doc)
		if c.Opener.Name == "" {
			title, text = c.Title, m.escape(firstSentence(c.Intro[0]))
		}
		m.printf("| [%s](%s) | %s |\n", title, m.path(c), text)
	}
	m.notServed()
	m.printf("\n## All words\n\n| word | in | meaning |\n|---|---|---|\n")
	for _, word := range Words() {
		for _, e := range m.book.find(word) {
			if !strings.Contains(" "+strings.Join(names(e.Word), " ")+" ", " "+word+" ") {
				continue
			}
			doc := m.escape(e.Word.Doc)
			if word != e.Word.Name {
				doc = "See `" + e.Word.Name + "`."
			}
			m.printf("| %s | [%s](%s) | %s |\n", m.link(e, cell(word), ""), e.Chapter.Title, m.path(e.Chapter), doc)
		}
	}
	return m.take()
}

// notServed lists what has no effect yet.
func (m *markdown) notServed() {
	m.printf("\n## Not served yet\n\nUnderstood and checked, without effect; a `note:` says so when a file uses one of them.\n\n")
	for i := range m.book {
		c := &m.book[i]
		var list []string
		for j := range c.Words {
			if k := &c.Words[j]; c.Block && k.Status == config.NotServed {
				list = append(list, m.link(Entry{c, k}, k.Name, ""))
			}
		}
		if len(list) > 0 {
			m.printf("- %s: %s\n", c.Title, strings.Join(list, ", "))
		}
	}
}

func firstSentence(s string) string {
	first, _, more := strings.Cut(s, ". ")
	if more {
		return first + "."
	}
	return s
}

func (m *markdown) page(c *Chapter) string {
	m.printf("%s# %s\n\n[All of the configuration](../%s)", markdownMark, c.Title, Index)
	if len(c.Used) > 0 {
		var list []string
		for _, name := range c.Used {
			if e, ok := m.book.related(name, c); ok {
				list = append(list, m.link(e, name, c.Name))
			}
		}
		m.printf(" · the lines of %s", strings.Join(list, ", "))
	}
	m.printf("\n\n")
	if k := &c.Opener; k.Name != "" {
		m.printf("%s\n\n```\n%s\n```\n\n", m.escape(k.Doc), usage(c, k))
		m.facts(c, k)
	}
	m.more(c.Intro)
	m.printf("| word | meaning |\n|---|---|\n")
	for i := range c.Words {
		k := &c.Words[i]
		m.printf("| [`%s`](#%s) | %s |\n", cell(k.Name), anchor(c, k), m.escape(k.Doc))
	}
	m.printf("\n")
	section := ""
	for i := range c.Words {
		k := &c.Words[i]
		if k.Section != section {
			section = k.Section
			m.printf("## %s\n\n", section)
		}
		m.word(c, k)
	}
	return m.take()
}

// cell makes a text fit into a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func (m *markdown) word(c *Chapter, k *config.Keyword) {
	if at := anchor(c, k); at != k.Name || len(k.Aliases) > 0 {
		m.printf("<a id=\"%s\"></a>\n\n", at)
	}
	m.printf("### %s\n\n```\n%s\n```\n\n%s\n\n", m.plain(strings.Join(names(k), ", ")), usage(c, k), m.escape(k.Doc))
	m.facts(c, k)
	m.more(k.More)
	if k.Example != "" && !strings.HasSuffix(k.Example, "{") {
		m.printf("```\n%s\n```\n\n", k.Example)
	}
	if len(k.See) == 0 {
		return
	}
	var list []string
	for _, see := range k.See {
		if e, ok := m.book.related(see, c); ok {
			list = append(list, m.link(e, see, c.Name))
		} else {
			list = append(list, "`"+see+"`")
		}
	}
	m.printf("See also %s.\n\n", strings.Join(list, ", "))
}

func (m *markdown) facts(c *Chapter, k *config.Keyword) {
	for _, f := range facts(c, k) {
		m.printf("- **%s:** %s\n", f.name, m.escape(f.text))
	}
	m.printf("\n")
}

func (m *markdown) more(more []string) {
	for _, p := range more {
		if !manual.Literal(p) {
			m.printf("%s\n\n", m.escape(p))
			continue
		}
		m.printf("```\n")
		for line := range strings.SplitSeq(p, "\n") {
			m.printf("%s\n", strings.TrimPrefix(line, "    "))
		}
		m.printf("```\n\n")
	}
}

// plain takes the meaning from the characters that Markdown has one for.
func (m *markdown) plain(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "<", "&lt;", "[", `\[`, "`", "\\`", "~", `\~`, "#", `\#`, "|", `\|`, "$", `\$`).Replace(s)
}

// escape writes prose; keywords with an underscore are set as code.
func (m *markdown) escape(s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		bare := strings.Trim(w, `.,;:()"`)
		if strings.Contains(bare, "_") && m.known[bare] {
			words[i] = strings.Replace(w, bare, "`"+bare+"`", 1)
		} else {
			words[i] = m.plain(w)
		}
	}
	return strings.Join(words, " ")
}
