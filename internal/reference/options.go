package reference

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/manual"
)

// Option is an option of the command line.
type Option struct {
	Long, Short string
	Arg         string // name of its argument; empty: it takes none
	Optional    bool   // the argument may be left out, else it must be attached
	Doc         string
	More        []string
	Complete    string   // what the argument names: file, netns, words; empty: anything
	Values      []string // what the argument may be
}

// OptionGroup is a heading of the help text and its options.
type OptionGroup struct {
	Title   string
	Options []Option
}

// What else there is to say about the program and its options.
//
//go:embed program.txt
var programText string

func program() *manual.Page {
	p, err := manual.Parse(programText)
	if err != nil {
		panic("program.txt: " + err.Error()) // a file of this package: a test reads it
	}
	return p
}

// Options reads the help text of the program, which is the table of its
// options as people read it, and adds what program.txt says about them. An
// error names what is wrong with a line.
func Options(help string) ([]OptionGroup, error) {
	var groups []OptionGroup
	for line := range strings.SplitSeq(help, "\n") {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		text := strings.TrimSpace(line)
		var options *[]Option
		if len(groups) > 0 {
			options = &groups[len(groups)-1].Options
		}
		switch {
		case text == "":
		case indent == 0 && strings.HasSuffix(text, ":"):
			groups = append(groups, OptionGroup{Title: strings.TrimSuffix(text, ":")})
		case options == nil: // what stands before the first group
		case indent <= 6 && strings.HasPrefix(text, "-"):
			o, err := readOption(text)
			if err != nil {
				return nil, err
			}
			*options = append(*options, o)
		case len(*options) == 0:
			return nil, fmt.Errorf("%q belongs to no option", text)
		default:
			last := &(*options)[len(*options)-1]
			last.Doc = strings.TrimSpace(last.Doc + " " + text)
		}
	}
	return groups, describeOptions(groups)
}

// readOption reads "-f, --use-file=FILE   what it does".
func readOption(line string) (Option, error) {
	var o Option
	if short, rest, ok := strings.Cut(line, ", "); ok && len(short) == 2 {
		o.Short, line = short[1:], rest
	}
	spec, doc, _ := strings.Cut(line, " ")
	long, ok := strings.CutPrefix(spec, "--")
	if !ok {
		return o, fmt.Errorf("%q is no long option", spec)
	}
	o.Long, o.Arg, _ = strings.Cut(long, "=")
	if name, ok := strings.CutSuffix(o.Long, "["); ok {
		o.Long, o.Arg, o.Optional = name, strings.TrimSuffix(o.Arg, "]"), true
	}
	o.Doc = strings.TrimSpace(doc)
	return o, nil
}

func describeOptions(groups []OptionGroup) error {
	p := program()
	left := map[string]bool{}
	for _, e := range p.Entries {
		if e.Section == "Options" {
			left[e.Names[0]] = true
		}
	}
	for _, g := range groups {
		for i := range g.Options {
			o := &g.Options[i]
			at := p.Place(o.Long)
			if at < 0 {
				continue
			}
			e := p.Entries[at]
			delete(left, o.Long)
			o.More, o.Complete, o.Values = e.More, e.Fields["complete"], strings.Fields(e.Fields["values"])
		}
	}
	for name := range left {
		return fmt.Errorf("program.txt describes --%s, which the program does not have", name)
	}
	return nil
}
