package reference

import (
	"fmt"
	"maps"
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

// bashFunction is what bash calls; the cases of the options go into it.
const bashFunction = `
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
CASES	esac
	[[ $cur == -* ]] && mapfile -t COMPREPLY < <(compgen -W "$_holdfast_options" -- "$cur")
}
`

func bash(options []Option) string {
	var b strings.Builder
	var all []string
	patterns := map[string][]string{} // by what is done
	for _, o := range options {
		all = append(all, "--"+o.Long)
		if o.Short != "" {
			all = append(all, "-"+o.Short)
		}
		if o.Arg != "" {
			action := bashAction(o)
			patterns[action] = append(patterns[action], bashPatterns(o)...)
		}
	}
	fmt.Fprintf(&b, "\n_holdfast_words='\n%s'\n", wrapped(completable(), "\t"))
	fmt.Fprintf(&b, "\n_holdfast_options='\n%s'\n", wrapped(all, "\t"))
	var cases strings.Builder
	for _, action := range slices.Sorted(maps.Keys(patterns)) {
		fmt.Fprintf(&cases, "\t%s)\n%s\t\treturn\n\t\t;;\n", strings.Join(patterns[action], "|"), action)
	}
	b.WriteString(strings.Replace(bashFunction, "CASES", cases.String(), 1))
	fmt.Fprintf(&b, "\ncomplete -F _holdfast %s\n", strings.Join(Programs, " "))
	return b.String()
}

// bashAction is what completes the argument of an option.
func bashAction(o Option) string {
	words := ""
	switch o.Complete {
	case completeFile:
		return "\t\tcompopt -o filenames\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	case completeNetns:
		words = "$(" + listNetns + ")"
	case completeWords:
		words = "$_holdfast_words"
	case completeValues:
		words = strings.Join(o.Values, " ")
	default:
		return ""
	}
	return fmt.Sprintf("\t\tmapfile -t COMPREPLY < <(compgen -W %q -- \"$cur\")\n", words)
}

// bashPatterns are what may stand before the argument of an option; an equals
// sign is taken for a part of it.
func bashPatterns(o Option) []string {
	list := []string{"--" + o.Long + "="}
	if !o.Optional || o.Complete == completeWords { // else a word behind it is another argument
		list = append(list, "--"+o.Long)
		if o.Short != "" {
			list = append(list, "-"+o.Short)
		}
	}
	return list
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
