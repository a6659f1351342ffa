package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// verdict is the outcome of the checks of a script.
type verdict uint8

const (
	scriptOK verdict = iota
	scriptNotFound
	scriptNotExecutable
	scriptInhibited // cannot be trusted, whatever the settings
	scriptInsecure  // could have been changed by others
)

// finding is a verdict with its reason.
type finding struct {
	verdict verdict
	why     string
	path    string // what would be run
	advice  string // how the name was found
}

// checkScripts looks at every script that may be run. It is what
// enable_script_security is about.
func (l *loader) checkScripts() {
	g := &l.cfg.Global
	if len(l.draft.instances) == 0 {
		return
	}
	found, insecure := (*Command)(nil), false
	use := func(c *Command) finding {
		f := l.examine(c)
		if found == nil && f.verdict != scriptNotFound && !c.FileTest {
			found = c
		}
		insecure = insecure || f.verdict == scriptInsecure
		if f.verdict == scriptInsecure && !g.ScriptSecurity {
			f.verdict = scriptOK
		}
		c.Path = f.path
		l.secure(c)
		return f
	}
	// Of several scripts with one name the first is the one that is tracked.
	first, gone := map[string]*Script{}, map[string]bool{}
	for _, s := range slices.Backward(l.cfg.Scripts) {
		first[s.Name] = s
	}
	l.cfg.Scripts = slices.DeleteFunc(l.cfg.Scripts, func(s *Script) bool {
		f := use(&s.Command)
		s.Insecure = f.verdict == scriptInsecure || f.verdict == scriptInhibited
		if f.verdict == scriptOK {
			return false
		}
		l.disableScript(s, f)
		if first[s.Name] == s {
			gone[s.Name] = true
		}
		return true
	})
	if len(gone) > 0 {
		l.untrack(func(t Track) bool { return gone[t.Name] })
	}
	for _, n := range l.notifies() {
		for _, field := range []**Command{
			&n.notify.Master, &n.notify.Backup, &n.notify.Fault, &n.notify.Stop, &n.notify.Deleted, &n.notify.MasterRxLowerPri, &n.notify.Any,
		} {
			l.checkNotify(field, n.name, use)
		}
	}
	l.checkNotify(&g.More.NotifyFIFO.Script, "notify_fifo_script", use)
	l.checkNotify(&g.More.VRRPFIFO.Script, "vrrp_notify_fifo_script", use)
	if found == nil || g.ScriptSecurity {
		return
	}
	text := "SECURITY VIOLATION - scripts are being executed but script_security not enabled."
	if insecure {
		text += " There are insecure scripts."
	}
	l.report(Diagnostic{
		Code: syntax.Security, Pos: found.Pos, Prefix: syntax.PrefixNone, Text: text,
		Action: securityAction,
	})
}

// checkGlobalScripts looks at the scripts of start and stop, which are the
// business of the first reading.
func (l *loader) checkGlobalScripts() {
	m := &l.cfg.Global.More
	found := (*Command)(nil)
	for _, x := range []struct {
		name  string
		field **Command
	}{{"startup", &m.Startup.Command}, {"shutdown", &m.Finish.Command}} {
		l.checkNotify(x.field, x.name, func(c *Command) finding {
			f := l.examine(c)
			if f.verdict == scriptInsecure && !l.cfg.Global.ScriptSecurity {
				f.verdict = scriptOK
			}
			if found == nil && f.verdict != scriptNotFound {
				found = c
			}
			c.Path = f.path
			l.secure(c)
			return f
		})
	}
	if found != nil && !l.cfg.Global.ScriptSecurity {
		l.report(Diagnostic{
			Code: syntax.Security, Pos: found.Pos, Prefix: syntax.PrefixNone,
			Text:   "SECURITY VIOLATION - start/shutdown scripts are being executed but script_security not enabled.",
			Action: securityAction,
		})
	}
}

// securityAction is what to do about scripts that are run unchecked.
const securityAction = "Set enable_script_security, and script_user, in global_defs."

type namedNotify struct {
	name   string
	notify *Notify
}

// notifies lists the notify scripts of all groups and instances.
func (l *loader) notifies() []namedNotify {
	var list []namedNotify
	for _, g := range l.draft.groups {
		list = append(list, namedNotify{"vrrp group " + g.Name + ":", &g.Notify})
	}
	for _, d := range l.draft.instances {
		list = append(list, namedNotify{"(" + d.Name + ")", &d.Notify})
	}
	return list
}

// disableScript says why a script is not run.
func (l *loader) disableScript(s *Script, f finding) {
	d := Diagnostic{Code: syntax.General, Pos: s.Command.Pos, Prefix: syntax.PrefixNone, Hint: f.why}
	switch f.verdict {
	case scriptNotFound:
		d.Text = fmt.Sprintf("Disabling track script %s since not found/accessible", s.Name)
	case scriptNotExecutable:
		d.Code = syntax.Log
		d.Text = fmt.Sprintf("Disabling track script %s since not executable", s.Name)
	default:
		d.Text = fmt.Sprintf("Disabling track script %s due to insecure", s.Name)
	}
	l.report(d)
}

// untrack removes scripts from all that track them.
func (l *loader) untrack(gone func(Track) bool) {
	for _, i := range l.draft.instances {
		i.TrackScripts = slices.DeleteFunc(i.TrackScripts, gone)
	}
	for _, g := range l.draft.groups {
		g.TrackScripts = slices.DeleteFunc(g.TrackScripts, gone)
	}
}

// checkNotify drops a notify script that cannot be run.
func (l *loader) checkNotify(field **Command, owner string, use func(*Command) finding) {
	c := *field
	if c == nil {
		return
	}
	f := use(c)
	if f.verdict == scriptOK {
		return
	}
	why := map[verdict]string{
		scriptNotFound: "not found", scriptNotExecutable: "not executable",
		scriptInhibited: "insecure", scriptInsecure: "insecure",
	}[f.verdict]
	l.report(Diagnostic{
		Code: syntax.Log, Pos: c.Pos, Prefix: syntax.PrefixNone, Hint: f.why,
		Text: fmt.Sprintf("%s script %s is %s - disabling", owner, c.Raw, why),
	})
	*field = nil
}

// examine finds out what a command would run and whether that can be trusted.
func (l *loader) examine(c *Command) finding {
	if c.FileTest {
		return finding{path: c.Path}
	}
	if !c.Shell {
		f := l.examineProgram(c.Argv[0], c.User)
		if f.advice != "" {
			l.report(Diagnostic{Code: syntax.Log, Pos: c.Pos, Prefix: syntax.PrefixNone, Text: f.advice})
		}
		return f
	}
	// A shell runs the line: what it names with a path is looked at, the rest
	// may be words of the shell's own.
	worst := l.examineProgram("/bin/sh", c.User)
	shell := worst.path
	pieces, _ := syntax.SplitQuoted(c.Raw)
	first := true
	for _, p := range pieces {
		if p.Plain && slices.Contains(shellWords, p.Text) {
			first = true
			continue
		}
		if first && strings.Contains(p.Text, "/") {
			if f := l.examineProgram(p.Text, c.User); f.verdict > worst.verdict {
				worst = f
			}
		}
		first = false
	}
	worst.path = shell
	return worst
}

// searchPath is used when the daemon has none.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// examineProgram finds a program and walks along its path.
func (l *loader) examineProgram(name string, user User) finding {
	if strings.HasPrefix(name, "/") {
		return l.walk(name, user)
	}
	if strings.Contains(name, "/") {
		return finding{verdict: scriptNotFound, why: fmt.Sprintf("'%s' is not an absolute path.", name)}
	}
	path := l.opt.Host.Getenv("PATH")
	if path == "" {
		path = searchPath
	}
	if name == "" {
		return finding{verdict: scriptNotFound, why: "The command is empty."}
	}
	worst := finding{verdict: scriptNotFound, why: fmt.Sprintf("No '%s' in %s.", name, path)}
	for dir := range strings.SplitSeq(path, ":") {
		if !strings.HasPrefix(dir, "/") {
			continue
		}
		full := strings.TrimSuffix(dir, "/") + "/" + name
		switch f := l.walk(full, user); f.verdict {
		case scriptNotFound:
		case scriptNotExecutable:
			worst = finding{verdict: scriptNotFound, why: f.why}
		default:
			f.advice = fmt.Sprintf("WARNING - script `%s` resolved by path search to `%s`. Please specify full path.", name, full)
			return f
		}
	}
	return worst
}

// maxLinks is how many symbolic links a path may lead through.
const maxLinks = 40

// walk follows an absolute path component by component. With root's rights
// at stake every component must be root's and closed to others.
func (l *loader) walk(path string, user User) finding {
	var (
		f      = finding{path: path}
		at     = "/"
		todo   = strings.Split(strings.Trim(path, "/"), "/")
		links  int
		linked string // the first directory that is a symbolic link
		stats  []component
	)
	if st, err := l.opt.Host.Lstat("/"); err == nil {
		stats = append(stats, component{"/", st})
	}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = parent(at)
			continue
		}
		here := strings.TrimSuffix(at, "/") + "/" + name
		st, err := l.opt.Host.Lstat(here)
		if err != nil {
			return finding{verdict: scriptNotFound, path: path, why: capital(cause(err).Error()) + ": " + here + "."}
		}
		if st.Kind == Symlink {
			if len(todo) > 0 && linked == "" {
				linked = here
			}
			stats = append(stats, component{here, st})
			target, err := l.opt.Host.Readlink(here)
			if links++; err != nil || links > maxLinks {
				return finding{verdict: scriptNotFound, path: path, why: "The symbolic link " + here + " leads nowhere."}
			}
			todo = append(strings.Split(target, "/"), todo...)
			if strings.HasPrefix(target, "/") {
				at = "/"
			}
			continue
		}
		if len(todo) > 0 && (st.Kind != Directory || !permits(st, user)) {
			return finding{verdict: scriptNotFound, path: path, why: fmt.Sprintf("%s cannot be entered by %s: %s.", here, user, describe(st))}
		}
		stats = append(stats, component{here, st})
		at = here
	}
	return l.trust(f, stats, linked, user)
}

type component struct {
	path string
	stat FileStat
}

// trust judges the components of a path, the last of which is the file.
// linked is the first directory on the way that is a symbolic link.
func (l *loader) trust(f finding, stats []component, linked string, user User) finding {
	if len(stats) == 0 {
		return finding{verdict: scriptNotFound, path: f.path}
	}
	file := stats[len(stats)-1]
	if !l.cfg.Global.More.SymlinkPaths {
		f.path = file.path
	}
	switch {
	case file.stat.Kind != RegularFile:
		f.verdict, f.why = scriptInhibited, file.path+" is not a regular file."
		return f
	case !permits(file.stat, user):
		f.verdict, f.why = scriptNotExecutable, fmt.Sprintf("%s cannot be executed by %s: %s.", file.path, user, describe(file.stat))
		return f
	}
	asRoot := user.UID == 0 || user.GID == 0 ||
		(file.stat.Mode&0o4000 != 0 && file.stat.UID == 0) || (file.stat.Mode&0o2000 != 0 && file.stat.GID == 0)
	if !asRoot {
		return f
	}
	if linked != "" && l.opt.StrictCompat {
		f.verdict, f.why = scriptInhibited, "There is a symbolic link in the path: "+linked+"."
		return f
	}
	for i, c := range stats {
		if open(c.stat, i == len(stats)-1) {
			f.verdict = scriptInsecure
			f.why = fmt.Sprintf("%s could be changed by others: %s.", c.path, describe(c.stat))
			return f
		}
	}
	return f
}

// open says whether others than root could change a component of a path: the
// file, which is the last, or what stands in a directory.
func open(st FileStat, last bool) bool {
	if st.UID != 0 {
		return true
	}
	if st.Kind == Symlink { // its mode means nothing
		return false
	}
	sticky := st.Mode&0o1000 != 0 && !last
	groupWrites := st.Mode&0o020 != 0 && st.GID != 0
	return !sticky && (groupWrites || st.Mode&0o002 != 0)
}

// permits says whether a user may execute a file or enter a directory.
func permits(st FileStat, u User) bool {
	switch {
	case u.UID == 0:
		return st.Kind == Directory || st.Mode&0o111 != 0
	case st.UID == u.UID:
		return st.Mode&0o100 != 0
	case st.GID == u.GID:
		return st.Mode&0o010 != 0
	}
	return st.Mode&0o001 != 0
}

// describe gives owner and mode for a hint.
func describe(st FileStat) string {
	return fmt.Sprintf("owner %d:%d, mode %04o", st.UID, st.GID, st.Mode)
}

func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

// String names a user for messages.
func (u User) String() string {
	if u.Name != "" {
		return fmt.Sprintf("%s (%d:%d)", u.Name, u.UID, u.GID)
	}
	return fmt.Sprintf("%d:%d", u.UID, u.GID)
}
