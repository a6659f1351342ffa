package reference

import (
	"fmt"
	"slices"
	"strings"
)

// Kinds of what an argument names, in the field complete of program.txt.
const (
	completeFile   = "file"
	completeNetns  = "netns"
	completeWords  = "words"
	completeValues = "values"
)

// Shells are those that Completion knows.
var Shells = []string{"bash", "zsh", "fish"}

// CompletionFile is the name of a completion, as the shell looks for it.
func CompletionFile(shell string) string {
	if shell == "zsh" {
		return "_holdfast"
	}
	return "holdfast." + shell
}

// Completion makes the completion of the command line for one of Shells.
func Completion(shell string, options []OptionGroup) string {
	var list []Option
	for _, g := range options {
		list = append(list, g.Options...)
	}
	head := "# Completion of Holdfast's command line for " + shell + ".\n# Written by go test ./cmd/holdfast -update from the tables of the program.\n"
	switch shell {
	case "bash":
		return head + bash(list)
	case "zsh":
		return "#compdef " + strings.Join(Programs, " ") + "\n" + head + zsh(list)
	default:
		return head + fish(list)
	}
}

// completable are the words of --explain that need no quoting in a shell.
func completable() []string {
	return slices.DeleteFunc(Words(), func(w string) bool {
		return strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || strings.HasPrefix(w, "-")
	})
}

// listNetns lists the network namespaces that have a name.
const listNetns = "ls /run/netns 2>/dev/null"

// wrapped breaks a list of words into lines.
func wrapped(words []string, indent string) string {
	return indent + strings.Join(fill(strings.Join(words, " "), 110), "\n"+indent)
}

func bash(options []Option) string {
	var b strings.Builder
	var all []string
	cases := map[string][]string{}
	for _, o := range options {
		name := "--" + o.Long
		all = append(all, name)
		if o.Short != "" {
			all = append(all, "-"+o.Short)
		}
		if o.Arg == "" {
			continue
		}
		action := "return"
		switch o.Complete {
		case completeFile:
			action = `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")`
		case completeNetns:
			action = `mapfile -t COMPREPLY < <(compgen -W "$(` + listNetns + `)" -- "$cur")`
		case completeWords:
			action = `mapfile -t COMPREPLY < <(compgen -W "$_holdfast_words" -- "$cur")`
		case completeValues:
			action = `mapfile -t COMPREPLY < <(compgen -W "` + strings.Join(o.Values, " ") + `" -- "$cur")`
		}
		patterns := name
		if o.Optional && o.Complete != completeWords {
			patterns = name + "=" // a word behind it is another argument
		} else if o.Short != "" {
			patterns += "|-" + o.Short
		}
		cases[action] = append(cases[action], patterns)
	}
	fmt.Fprintf(&b, "\n_holdfast_words='\n%s'\n", wrapped(completable(), "\t"))
	fmt.Fprintf(&b, "\n_holdfast_options='\n%s'\n", wrapped(all, "\t"))
	b.WriteString(`
_holdfast() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=
	COMPREPLY=()
	((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}
	# bash takes the = of --option=value for a word.
	if [[ $cur == '=' ]]; then
		cur= prev+='='
	elif [[ $prev == '=' ]] && ((COMP_CWORD > 1)); then
		prev=${COMP_WORDS[COMP_CWORD - 2]}'='
	elif [[ $cur == --*=* ]]; then
		prev=${cur%%=*}'=' cur=${cur#*=}
	fi
	case $prev in
`)
	for _, action := range sortedKeys(cases) {
		var patterns []string
		for _, p := range cases[action] {
			patterns = append(patterns, p)
			if long, _, _ := strings.Cut(p, "|"); !strings.HasSuffix(long, "=") {
				patterns = append(patterns, long+"=")
			}
		}
		fmt.Fprintf(&b, "\t%s)\n\t\t%s\n\t\treturn\n\t\t;;\n", strings.Join(patterns, "|"), strings.TrimSuffix(action, "return"))
	}
	b.WriteString(`	esac
	[[ $cur == -* ]] && mapfile -t COMPREPLY < <(compgen -W "$_holdfast_options" -- "$cur")
}

`)
	fmt.Fprintf(&b, "complete -F _holdfast %s\n", strings.Join(Programs, " "))
	return strings.ReplaceAll(b.String(), "\t\t\n", "")
}

func sortedKeys(m map[string][]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func zsh(options []Option) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nlocal -a words_of_configuration\nwords_of_configuration=(\n%s\n)\n\n_arguments -s -S \\\n", wrapped(completable(), "\t"))
	for _, o := range options {
		// [ ] : and ' mean something to _arguments.
		doc := strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`, "'", `'\''`).Replace(o.Doc)
		action := ""
		switch o.Complete {
		case completeFile:
			action = "_files"
		case completeNetns:
			action = "(${(f)\"$(" + listNetns + ")\"})"
		case completeWords:
			action = "($words_of_configuration)"
		case completeValues:
			action = "(" + strings.Join(o.Values, " ") + ")"
		}
		short, long := "-"+o.Short, "--"+o.Long
		switch {
		case o.Arg != "" && o.Optional:
			doc = "[" + doc + "]::" + o.Arg + ":" + action
			short, long = short+"-", long+"=-"
		case o.Arg != "":
			doc = "[" + doc + "]:" + o.Arg + ":" + action
			short, long = short+"+", long+"="
		default:
			doc = "[" + doc + "]"
		}
		if o.Short == "" {
			fmt.Fprintf(&b, "\t'%s%s' \\\n", long, doc)
			continue
		}
		fmt.Fprintf(&b, "\t'(-%s --%s)'{%s,%s}'%s' \\\n", o.Short, o.Long, short, long, doc)
	}
	b.WriteString("\t&& return 0\n")
	return b.String()
}

func fish(options []Option) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nset -l words_of_configuration %s\n\nfor program in %s\n", strings.TrimSpace(strings.ReplaceAll(wrapped(completable(), "\t"), "\n", " \\\n")), strings.Join(Programs, " "))
	b.WriteString("\tcomplete -c $program -f\n")
	for _, o := range options {
		line := "\tcomplete -c $program"
		if o.Short != "" {
			line += " -s " + o.Short
		}
		line += " -l " + o.Long
		if o.Arg != "" && !o.Optional {
			line += " -r"
		}
		switch o.Complete {
		case completeFile:
			line += " -F"
		case completeNetns:
			line += " -f -a '(" + listNetns + ")'"
		case completeWords:
			line += ` -f -a "$words_of_configuration"`
		case completeValues:
			line += " -f -a '" + strings.Join(o.Values, " ") + "'"
		}
		fmt.Fprintf(&b, "%s -d '%s'\n", line, strings.ReplaceAll(o.Doc, "'", `\'`))
	}
	b.WriteString("end\n")
	return b.String()
}
