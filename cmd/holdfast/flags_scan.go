package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/holdfast-ha/holdfast/internal/process"
)

// scan goes through the arguments as GNU getopt_long does: options may stand
// after other words, long names may be abbreviated, short ones joined, and "--"
// ends the options. An error is reported and the rest is still read.
func (c *commandLine) scan(args []string) (exit int, done bool) {
	for len(args) > 0 && !done {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			c.words = append(c.words, args...)
			return 0, false
		case strings.HasPrefix(arg, "--"):
			args, exit, done = c.long(arg, args)
		case len(arg) > 1 && arg[0] == '-':
			args, exit, done = c.short(arg[1:], args)
		default:
			c.words = append(c.words, arg)
		}
	}
	return exit, done
}

// long handles one argument that begins with two dashes; rest are the arguments
// after it, of which it takes one where it needs a value.
func (c *commandLine) long(arg string, rest []string) (after []string, exit int, done bool) {
	name, value, attached := strings.Cut(arg[2:], "=")
	f := c.find(name)
	if f == nil || attached && takes(f) == noArgument {
		c.fail("Unknown option %s", arg)
		return rest, 0, false
	}
	if takes(f) == needsArgument && !attached && len(rest) > 0 {
		value, rest = rest[0], rest[1:]
	}
	if f.Name == flagExplain && !attached && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		value, rest = rest[0], rest[1:] // nothing of keepalived's forbids what people will type
	}
	exit, done = c.set(f, value, "--"+name)
	return rest, exit, done
}

// short handles the letters of one argument that begins with one dash.
func (c *commandLine) short(letters string, rest []string) (after []string, exit int, done bool) {
	for letters != "" && !done {
		letter := letters[:1]
		letters = letters[1:]
		f := c.flags.ShorthandLookup(letter)
		if f == nil {
			c.fail("Unknown option -%s", letter)
			continue
		}
		value := ""
		if takes(f) != noArgument {
			value, letters = letters, ""
			if value == "" && takes(f) == needsArgument && len(rest) > 0 {
				value, rest = rest[0], rest[1:]
			}
		}
		exit, done = c.set(f, value, "-"+letter)
	}
	return rest, exit, done
}

// set gives a flag its value; as is how the option was written.
func (c *commandLine) set(f *pflag.Flag, value, as string) (exit int, done bool) {
	if value == "" {
		if takes(f) == needsArgument {
			c.fail("Missing parameter for option %s", as)
			return 0, false
		}
		value = f.NoOptDefVal
	}
	f.Changed = true
	if err := f.Value.Set(value); err != nil {
		fmt.Fprintln(c.stderr, err) // a bad value is reported and ignored
	}
	return c.act(f.Name, value)
}

// find gives the flag of a long name or of an abbreviation that can mean only
// one; nil: none.
func (c *commandLine) find(name string) *pflag.Flag {
	if f := c.flags.Lookup(name); f != nil {
		return f
	}
	var found *pflag.Flag
	n := 0
	c.flags.VisitAll(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, name) && !strings.HasPrefix(f.Name, testPrefix) && f.Name != flagRecord && f.Name != flagDiff && f.Name != process.RehearseFlag {
			found = f
			n++
		}
	})
	if n != 1 {
		return nil
	}
	return found
}

// fail reports an error that ends the program with status 1 later.
func (c *commandLine) fail(format string, args ...any) {
	fmt.Fprintf(c.stderr, format+"\n", args...)
	c.bad = true
}

// argument says whether an option takes one.
type argument int

const (
	noArgument argument = iota
	optionalArgument
	needsArgument
)

func takes(f *pflag.Flag) argument {
	switch f.NoOptDefVal {
	case "":
		return needsArgument
	case optionalArg:
		return optionalArgument
	default:
		return noArgument
	}
}
