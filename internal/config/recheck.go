package config

import (
	"errors"
	"strings"
)

// secure is what the look at a command before it is run depends on.
type secure struct{ links, strict bool }

// secure makes a command one that is looked at each time before it is run, if
// enable_script_security is set.
func (l *loader) secure(c *Command) {
	if l.cfg.Global.ScriptSecurity && !c.FileTest {
		c.secure = &secure{l.cfg.Global.More.SymlinkPaths, l.opt.StrictCompat}
	}
}

// Secured tells whether Recheck looks at anything.
func (c *Command) Secured() bool { return c.secure != nil }

// Recheck looks again at the path of a command, with the rules of
// enable_script_security: since the configuration was read somebody may have
// changed what it leads to. The error says what could be changed by whom. What is
// not there or not executable is no error: running it says so.
//
// Nobody but root can come between this and the start of the program: a path is
// good when nobody else can change any part of it.
func (c *Command) Recheck(host *Host) error {
	if c.secure == nil {
		return nil
	}
	l := &loader{cfg: &Config{}, opt: Options{Host: host, StrictCompat: c.secure.strict}}
	l.cfg.Global.ScriptSecurity, l.cfg.Global.More.SymlinkPaths = true, c.secure.links
	var f finding
	if c.Shell {
		f = l.examine(c)
	} else {
		f = l.walk(c.Path, c.User)
	}
	if f.verdict == scriptInsecure || f.verdict == scriptInhibited {
		return errors.New(strings.TrimSuffix(f.why, "."))
	}
	return nil
}
