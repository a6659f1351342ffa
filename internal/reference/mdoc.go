package reference

import (
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/manual"
)

const mdocMark = ".\\\" Written by go test -update from the tables of the program.\n"

// mdoc writes a manual page in the macros of mdoc(7).
type mdoc struct{ strings.Builder }

// macro writes a line with a macro.
func (m *mdoc) macro(name string, args ...string) {
	m.WriteString("." + name)
	for _, a := range args {
		m.WriteString(" " + a)
	}
	m.WriteString("\n")
}

// escape takes the meaning from what roff has one for.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`, "'", `\(aq`, "…", "...").Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// arg writes words as the arguments of a macro: none is taken for a macro or
// for punctuation.
func arg(s string) string {
	s = strings.ReplaceAll(escape(s), `"`, `\(dq`)
	if s == "" {
		return `""`
	}
	if strings.Contains(s, " ") {
		return `"` + s + `"`
	}
	return `\&` + strings.TrimPrefix(s, `\&`)
}

// text writes prose, a sentence a line.
func (m *mdoc) text(s string) {
	for line := range strings.SplitSeq(s, "\n") {
		for _, sentence := range sentences(line) {
			m.WriteString(escape(sentence) + "\n")
		}
	}
}

// sentences splits at the ends of sentences.
func sentences(s string) []string {
	var list []string
	for {
		end := strings.IndexFunc(s, func(rune) bool { return false })
		for i := 0; i+2 < len(s); i++ {
			if (s[i] == '.' || s[i] == '!' || s[i] == '?') && s[i+1] == ' ' && s[i+2] >= 'A' && s[i+2] <= 'Z' && i > 1 && s[i-1] != '.' {
				end = i + 1
				break
			}
		}
		if end < 0 {
			return append(list, s)
		}
		list = append(list, s[:end])
		s = strings.TrimLeft(s[end:], " ")
	}
}

// literal writes lines as they are.
func (m *mdoc) literal(s string) {
	m.macro("Bd", "-literal", "-offset", "indent")
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimPrefix(line, "    ")
		if line == "" {
			line = `\&`
		}
		m.WriteString(escape(line) + "\n")
	}
	m.macro("Ed")
}

// more writes paragraphs; first says that nothing stands above them.
func (m *mdoc) more(more []string, first bool) {
	for i, p := range more {
		if manual.Literal(p) {
			m.literal(p)
			continue
		}
		if i > 0 || !first {
			m.macro("Pp")
		}
		m.text(p)
	}
}

// head writes what stands at the beginning of a page.
func (m *mdoc) head(title, section string) {
	m.WriteString(mdocMark)
	m.macro("Dd", "$Mdocdate$")
	m.macro("Dt", title, section)
	m.macro("Os", "Holdfast")
}

// ManConfig makes keepalived.conf(5).
func ManConfig() string {
	m := &mdoc{}
	m.head("KEEPALIVED.CONF", "5")
	m.macro("Sh", "NAME")
	m.macro("Nm", "keepalived.conf")
	m.macro("Nd", "configuration of holdfast and keepalived")
	m.macro("Sh", "DESCRIPTION")
	m.text("This file says which virtual addresses a node shares with which others, what has to work on the node for it to hold " +
		"them, and what to do when they come and go.")
	m.macro("Pp")
	m.text("The page describes the language of keepalived 2.4.3 as Holdfast reads it. For each word it gives the meaning, the default, " +
		"the range, the releases of keepalived that have it, and whether Holdfast serves it; words without a remark are served " +
		"and known to keepalived 2.2.7 and newer.")
	m.macro("Pp")
	m.text("A small file for one of two nodes; the other one has a lower priority:")
	m.literal(exampleFile)
	m.text("Test a file with:")
	m.literal("    holdfast -t -f keepalived.conf --config-test-format=pretty")
	m.text("and look up a word with:")
	m.literal("    holdfast --explain=preempt_delay")
	b := open()
	m.macro("Sh", "SYNTAX")
	for i := range b {
		if c := &b[i]; !c.Block && !slices.Contains(lines, c.Name) {
			m.macro("Ss", arg(c.Title))
			m.more(c.Intro, true)
			m.words(b, c)
		}
	}
	m.macro("Sh", "BLOCKS")
	for i := range b {
		if b[i].Block {
			m.block(b, &b[i])
		}
	}
	m.macro("Sh", "LINES")
	for i := range b {
		if c := &b[i]; slices.Contains(lines, c.Name) {
			m.macro("Ss", arg(c.Title))
			m.text("In " + strings.Join(c.Used, ", ") + ".")
			m.more(c.Intro, false)
			m.words(b, c)
		}
	}
	m.macro("Sh", "FILES")
	m.macro("Bl", "-tag", "-width", "Ds")
	m.macro("It", "Pa", "/etc/keepalived/keepalived.conf")
	m.macro("El")
	m.macro("Sh", "SEE ALSO")
	m.macro("Xr", "holdfast", "8")
	m.macro("Sh", "STANDARDS")
	m.text("RFC 3768 (version 2), RFC 9568 (version 3), RFC 5880 (BFD).")
	return m.String()
}

const exampleFile = `    global_defs {
        enable_script_security
        script_user keepalived_script
    }
    vrrp_script chk_haproxy {
        script "/usr/bin/pgrep -x haproxy"
        interval 2
        weight -60
    }
    vrrp_instance VI_1 {
        state BACKUP
        interface eth0
        virtual_router_id 51
        priority 150
        virtual_ipaddress {
            192.0.2.100/24
        }
        track_script {
            chk_haproxy
        }
    }`

func (m *mdoc) block(b book, c *Chapter) {
	m.macro("Ss", arg(c.Title))
	if k := &c.Opener; k.Name != "" {
		m.usage(c, k, "D1")
		m.text(k.Doc)
		m.facts(c, k)
		m.more(c.Intro, false)
	} else {
		m.more(c.Intro, true)
	}
	m.words(b, c)
}

// words lists the words of a block or topic.
func (m *mdoc) words(b book, c *Chapter) {
	section, inList := "", false
	for i := range c.Words {
		k := &c.Words[i]
		if k.Section != section || !inList {
			if inList {
				m.macro("El")
			}
			if section = k.Section; section != "" {
				m.macro("Pp")
				m.macro("Sy", arg(section+":"))
			}
			m.macro("Bl", "-tag", "-width", "Ds")
			inList = true
		}
		m.usage(c, k, "It")
		m.text(k.Doc)
		if len(k.Keywords) > 0 {
			continue // the block has a section of its own
		}
		m.facts(c, k)
		m.more(k.More, false)
		if k.Example != "" && !strings.HasSuffix(k.Example, "{") && len(k.More) == 0 && !c.Block {
			m.literal("    " + k.Example)
		}
	}
	if inList {
		m.macro("El")
	}
}

// usage writes how a word is written.
func (m *mdoc) usage(c *Chapter, k *config.Keyword, macro string) {
	whole := usage(c, k)
	name := k.Name
	if !c.Block {
		name = strings.Join(names(k), ", ")
	}
	rest, ok := strings.CutPrefix(whole, name)
	if !ok {
		m.macro(macro, "Cm", arg(whole))
		return
	}
	args := []string{"Cm", arg(name)}
	if rest = strings.TrimSpace(rest); rest != "" {
		args = append(args, "Ar", arg(rest))
	}
	m.macro(macro, args...)
}

// facts writes what is not as the beginning of the page says.
func (m *mdoc) facts(c *Chapter, k *config.Keyword) {
	var list []string
	for _, f := range facts(c, k) {
		switch {
		case f.name == "keepalived" && k.Since == "", f.name == "Holdfast" && k.Status == config.Served, f.text == "none":
		case f.name == "Holdfast":
			list = append(list, "In Holdfast "+f.text+".")
		case f.name == "keepalived":
			list = append(list, "In keepalived "+f.text+".")
		case f.name == "Deprecated":
			list = append(list, "Deprecated: "+f.text+".")
		default:
			list = append(list, f.name+": "+f.text+".")
		}
	}
	if len(list) > 0 {
		m.macro("Pp")
		for _, line := range list {
			m.WriteString(escape(line) + "\n")
		}
	}
}

// ManProgram makes the page of the program; options are those of its help.
func ManProgram(options []OptionGroup) string {
	m := &mdoc{}
	p := program()
	m.head("HOLDFAST", "8")
	m.macro("Sh", "NAME")
	for i, name := range Programs {
		comma := ""
		if i < len(Programs)-1 {
			comma = " ,"
		}
		m.macro("Nm", name+comma)
	}
	m.macro("Nd", p.Fields["title"])
	m.macro("Sh", "SYNOPSIS")
	m.macro("Nm", "holdfast")
	m.macro("Op", "Ar option ...")
	m.macro("Sh", "DESCRIPTION")
	m.more(p.More, true)
	m.macro("Sh", "OPTIONS")
	m.text("Long names may be shortened as long as only one is meant, those that begin with --config-test- excepted. Options may stand in any order, and short ones may be joined.")
	for _, g := range options {
		m.macro("Ss", arg(g.Title))
		m.macro("Bl", "-tag", "-width", "Ds")
		for _, o := range g.Options {
			m.option(o)
		}
		m.macro("El")
	}
	for _, section := range []string{"Signals", "Files", "Exit status", "Examples"} {
		m.macro("Sh", strings.ToUpper(section))
		m.entries(p, section)
	}
	m.macro("Sh", "SEE ALSO")
	m.macro("Xr", "holdfastctl", "1", ",")
	m.macro("Xr", "keepalived.conf", "5")
	return m.String()
}

func (m *mdoc) option(o Option) {
	var args []string
	if o.Short != "" {
		args = append(args, "Fl", o.Short, "Ns", `\&,`)
	}
	args = append(args, "Fl", arg("-"+o.Long))
	if o.Arg != "" {
		equals := "="
		if o.Optional {
			equals = "[="
		}
		args = append(args, "Ns", arg(equals), "Ns", "Ar", arg(o.Arg))
		if o.Optional {
			args = append(args, "Ns", arg("]"))
		}
	}
	m.macro("It", args...)
	m.text(sentence(o.Doc))
	if len(o.Values) > 0 && len(o.Values) < 12 {
		m.text("One of " + strings.Join(o.Values, ", ") + ".")
	}
	m.more(o.More, false)
}

// sentence makes one of a line of the help text.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// entries writes a section of program.txt.
func (m *mdoc) entries(p *manual.Page, section string) {
	m.macro("Bl", "-tag", "-width", "Ds")
	for _, e := range p.Entries {
		if e.Section != section {
			continue
		}
		switch {
		case section == "Examples":
			m.macro("It", arg(e.Fields["doc"]))
		case section == "Files":
			m.macro("It", "Pa", strings.Join(e.Names, " , "))
		case section == "Signals":
			m.macro("It", "Dv", strings.Join(e.Names, " , "))
		default:
			m.macro("It", arg(strings.Join(e.Names, ", ")))
		}
		if section != "Examples" {
			m.text(e.Fields["doc"])
		}
		m.more(e.More, section == "Examples")
	}
	m.macro("El")
}

// Programs are the names that the program has.
var Programs = []string{"holdfast", "keepalived", "hapee-vrrp"}
