package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// globalGeneral are the keywords of global_defs about identity, mail, scripts
// and monitoring interfaces.
var globalGeneral = []keyword[*Global]{
	{
		name: "router_id", args: "NAME", doc: "Name of this router in mails and SNMP; the host name by default.", example: "router_id lb1",
		set: word(func(g *Global) *string { return &g.RouterID }, "routerid name missing - ignoring"),
	},
	{
		name: "notification_email_from", args: "ADDRESS", doc: "Sender of the mails.", example: "notification_email_from lb1@example.com",
		set: func(l *loader, g *Global, a *syntax.Args) {
			w, ok := a.Next()
			if !ok {
				a.Report(syntax.General, "emailfrom missing - ignoring")
				return
			}
			if a.Left() > 0 {
				a.Report(syntax.General, "notification_email_from has extra parameters - ignoring them")
			}
			g.More.Mail.From = w
		},
	},
	{
		name: "notification_email", args: "{ ADDRESS... }", shape: values, doc: "Receivers of the mails.", example: "notification_email { ops@example.com }",
		begin: func(l *loader, g *Global, a *syntax.Args) bool {
			l.noMore(a)
			l.draft.listStart = len(g.More.Mail.To)
			return true
		},
		set: func(_ *loader, g *Global, a *syntax.Args) {
			for w, ok := a.Next(); ok; w, ok = a.Next() {
				g.More.Mail.To = append(g.More.Mail.To, w)
			}
		},
		end: func(l *loader, g *Global) {
			if len(g.More.Mail.To) == l.draft.listStart {
				l.here(syntax.General, "Warning - empty notification_email block")
			}
		},
	},
	{
		name: "smtp_server", args: "HOST [PORT]", doc: "Mail server; port 25 by default.", example: "smtp_server 192.0.2.25 25",
		set: setSMTPServer,
	},
	{
		name: "smtp_helo_name", args: "NAME", doc: "Name given to the mail server.", example: "smtp_helo_name lb1.example.com",
		set: func(_ *loader, g *Global, a *syntax.Args) {
			if w, ok := a.Next(); ok {
				g.More.Mail.Helo = w
			}
		},
	},
	{
		name: "smtp_connect_timeout", args: "SECONDS", doc: "How long to wait for the mail server, 30 by default.", example: "smtp_connect_timeout 30",
		set: func(l *loader, g *Global, a *syntax.Args) {
			v, ok := l.uint(a, rule{low: 0, high: 4294, bad: "smtp_connect_timeout '%s' must be in [0, 4294] - ignoring"})
			if !ok {
				return
			}
			if v == 0 {
				a.Report(syntax.General, "smtp_conect_timeout must be greater than 0, setting to 1")
				v = 1
			}
			g.More.Mail.ConnectTimeout = time.Duration(v) * time.Second
		},
	},
	{
		name: "smtp_alert", args: "[BOOL]", doc: "Mail every state change unless told otherwise.", example: "smtp_alert true",
		set: optionalBool(func(g *Global) **bool { return &g.More.Mail.Alert }, "Invalid value '%s' for global smtp_alert specified"),
	},
	{
		name: "smtp_alert_vrrp", args: "[BOOL]", doc: "As smtp_alert, for instances and groups.", example: "smtp_alert_vrrp true",
		set: optionalBool(func(g *Global) **bool { return &g.More.Mail.AlertVRRP }, "Invalid value '%s' for global smtp_alert_vrrp specified"),
	},
	{
		name: "no_email_faults", doc: "No mail about the FAULT state.", example: "no_email_faults",
		set: switchOn(func(g *Global) *bool { return &g.More.Mail.NoFaults }),
	},
	{
		name: "script_user", args: "USER [GROUP]", doc: "User that scripts run as when they name none.", example: "script_user keepalived_script",
		set: setScriptUser,
	},
	{
		name: "enable_script_security", doc: "Do not run scripts that others could have changed.", example: "enable_script_security",
		set: switchOn(func(g *Global) *bool { return &g.ScriptSecurity }),
	},
	{
		name: "use_symlink_paths", args: "[BOOL]", since: "2.2.8", doc: "Run scripts under the name written, not the one symbolic links lead to.", example: "use_symlink_paths true",
		set: boolean(func(g *Global) *bool { return &g.More.SymlinkPaths }),
	},
	{
		name: "startup_script", args: "COMMAND [USER [GROUP]]", doc: "Command to run before anything else is started.", example: `startup_script "/usr/local/bin/up.sh now" root`,
		set: globalCommand(func(g *Global) **Command { return &g.More.Startup.Command }, "startup"),
	},
	{
		name: "shutdown_script", args: "COMMAND [USER [GROUP]]", doc: "Command to run after everything has stopped.", example: "shutdown_script /usr/local/bin/down.sh",
		set: globalCommand(func(g *Global) **Command { return &g.More.Finish.Command }, "shutdown"),
	},
	{
		name: "startup_script_timeout", args: "SECONDS", doc: "How long startup_script may take, 1 to 1000, 10 by default.", example: "startup_script_timeout 10",
		set: scriptTimeout(func(g *Global) *time.Duration { return &g.More.Startup.Timeout }),
	},
	{
		name: "shutdown_script_timeout", args: "SECONDS", doc: "How long shutdown_script may take, 1 to 1000, 10 by default.", example: "shutdown_script_timeout 10",
		set: scriptTimeout(func(g *Global) *time.Duration { return &g.More.Finish.Timeout }),
	},
	{
		name: "notify_fifo", args: "PATH [USER [GROUP]]", doc: "Pipe that all state changes are written to.", example: "notify_fifo /run/vrrp.fifo",
		set: setFIFO(func(g *Global) *FIFO { return &g.More.NotifyFIFO }),
	},
	{
		name: "notify_fifo_script", args: "COMMAND [USER [GROUP]]", doc: "Command that reads notify_fifo; the path is appended.", example: "notify_fifo_script /usr/local/bin/reader.sh",
		set: setFIFOScript(func(g *Global) *FIFO { return &g.More.NotifyFIFO }),
	},
	{
		name: "vrrp_notify_fifo", args: "PATH [USER [GROUP]]", doc: "Pipe that the state changes of instances and groups are written to.", example: "vrrp_notify_fifo /run/vrrp.fifo",
		set: setFIFO(func(g *Global) *FIFO { return &g.More.VRRPFIFO }),
	},
	{
		name: "vrrp_notify_fifo_script", args: "COMMAND [USER [GROUP]]", doc: "Command that reads vrrp_notify_fifo; the path is appended.", example: "vrrp_notify_fifo_script /usr/local/bin/reader.sh",
		set: setFIFOScript(func(g *Global) *FIFO { return &g.More.VRRPFIFO }),
	},
	{
		name: "vrrp_notify_priority_changes", args: "[BOOL]", doc: "Write changes of priority to the pipes too.", example: "vrrp_notify_priority_changes true",
		set: boolean(func(g *Global) *bool { return &g.More.PriorityChanges }),
	},
	{
		name: "fifo_write_vrrp_states_on_reload", doc: "Write all states to the pipes after a reload.", example: "fifo_write_vrrp_states_on_reload",
		set: switchOn(func(g *Global) *bool { return &g.More.FIFOStatesOnReload }),
	},
	{
		name: "snmp_socket", args: "ADDRESS", doc: "Where the SNMP master agent listens.", example: "snmp_socket unix:/var/agentx/master",
		set: func(_ *loader, g *Global, a *syntax.Args) {
			switch {
			case a.Left() > 1:
				a.Report(syntax.General, "Too many parameters specified for snmp_socket - ignoring")
			case a.Left() == 0:
				a.Report(syntax.General, "SNMP error : snmp socket name missing")
			default:
				once(a, &g.More.SNMP.Socket, "", "SNMP socket already set to "+g.More.SNMP.Socket+" - ignoring")
			}
		},
	},
	{
		name: "enable_traps", doc: "Send SNMP traps.", example: "enable_traps",
		set: switchOn(func(g *Global) *bool { return &g.More.SNMP.Traps }),
	},
	{
		name: "enable_snmp_vrrp", aliases: []string{"enable_snmp_keepalived"}, doc: "Serve the KEEPALIVED-MIB for VRRP.", example: "enable_snmp_vrrp",
		set: switchOn(func(g *Global) *bool { return &g.More.SNMP.VRRP }),
	},
	{
		name: "enable_snmp_rfc", optional: true, doc: "Serve the RFC 2787 and RFC 6527 MIBs.", example: "enable_snmp_rfc",
		set: switchOn(func(g *Global) *bool { return &g.More.SNMP.RFC }),
	},
	{
		name: "enable_snmp_rfcv2", optional: true, doc: "Serve the RFC 2787 MIB.", example: "enable_snmp_rfcv2",
		set: switchOn(func(g *Global) *bool { return &g.More.SNMP.RFCv2 }),
	},
	{
		name: "enable_snmp_rfcv3", optional: true, doc: "Serve the RFC 6527 MIB.", example: "enable_snmp_rfcv3",
		set: switchOn(func(g *Global) *bool { return &g.More.SNMP.RFCv3 }),
	},
	{
		name: "enable_dbus", doc: "Offer the D-Bus interface.", example: "enable_dbus",
		set: switchOn(func(g *Global) *bool { return &g.More.DBus.Enabled }),
	},
	{
		name: "dbus_service_name", args: "NAME", doc: "Name on the bus.", example: "dbus_service_name org.example.Vrrp1",
		set: word(func(g *Global) *string { return &g.More.DBus.Service }, "dbus_service_name missing - ignoring"),
	},
	{
		name: "dbus_no_interface_name", args: "NAME", since: "2.2.8", doc: "What stands for the interface of an instance without one.", example: "dbus_no_interface_name none",
		set: word(func(g *Global) *string { return &g.More.DBus.NoInterface }, "dbus_no_interface_name missing - ignoring"),
	},
}

func setSMTPServer(l *loader, g *Global, a *syntax.Args) {
	host, ok := a.Need()
	if !ok {
		return
	}
	port := int64(25)
	if w, given := a.Next(); given {
		n := syntax.ParseUint(w, 10, 1, 65535)
		if port, ok = n.Value, n.Problem == ""; !ok {
			a.Report(syntax.InvalidNumber, "%s", n.Problem)
			a.Report(syntax.General, "Invalid smtp server %s %s", host, w)
			return
		}
	}
	if _, literal := address(host); !literal {
		if err := l.opt.Host.Resolve(host, fmt.Sprint(port)); err != nil {
			a.Send(Diagnostic{
				Code: syntax.General, Text: fmt.Sprintf("Invalid smtp server %s %d", host, port),
				Hint: capital(err.Error()) + ".", Action: "Give the server's address.",
			})
			return
		}
	}
	g.More.Mail.Server, g.More.Mail.Port = host, uint16(port)
}

func setScriptUser(l *loader, g *Global, a *syntax.Args) {
	if a.Left() == 0 {
		a.Report(syntax.General, "No script username specified")
		return
	}
	user, err := l.user(a)
	if err != nil {
		l.draft.userFailed = true
		a.Send(Diagnostic{Code: syntax.General, Text: "Error setting global script uid/gid", Hint: capital(err.Error()) + "."})
		return
	}
	g.ScriptUser = &user
	l.draft.userFailed = false
}

// optionalBool is the setter of a boolean that may stay unset.
func optionalBool(field func(*Global) **bool, bad string) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		if b, ok := l.boolean(a, bad); ok {
			*field(g) = &b
		}
	}
}

func globalCommand(field func(*Global) **Command, name string) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		if a.Left() == 0 {
			a.Report(syntax.General, "%s script missing", name)
			return
		}
		if *field(g) != nil {
			a.Report(syntax.General, "%s script already specified", name)
			return
		}
		empty := strings.Trim(a.Peek(), " \t") == ""
		if *field(g) = l.command(a); *field(g) == nil || empty {
			*field(g) = nil
			a.Report(syntax.General, "Invalid %s script", name)
		}
	}
}

func scriptTimeout(field func(*Global) *time.Duration) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		if a.Left() == 0 {
			a.Report(syntax.General, "%s requires value", a.Keyword())
			return
		}
		bad := a.Keyword() + " '%s' must be in [1, 1000] - ignoring"
		if v, ok := l.uint(a, rule{low: 1, high: 1000, bad: bad}); ok {
			*field(g) = time.Duration(v) * time.Second
		}
	}
}

func setFIFO(field func(*Global) *FIFO) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		f := field(g)
		path, ok := a.Next()
		switch {
		case !ok:
			a.Report(syntax.General, "No %s name specified", a.Keyword())
			return
		case f.Path != "":
			a.Report(syntax.General, "%s already specified - ignoring %s", a.Keyword(), path)
			return
		}
		if a.Left() > 0 {
			user, err := l.user(a)
			if err != nil {
				a.Send(Diagnostic{Code: syntax.Log, Text: fmt.Sprintf("%s %s: invalid user or group - ignoring", a.Keyword(), path), Hint: capital(err.Error()) + "."})
				return
			}
			f.User = &user
		} else {
			if !l.defaultUserUsable(a.Keyword()) {
				return
			}
			user := l.defaultUser()
			f.User = &user
		}
		f.Path = path
	}
}

func setFIFOScript(field func(*Global) *FIFO) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		f := field(g)
		switch {
		case a.Left() == 0:
			a.Report(syntax.General, "No %s specified", a.Keyword())
		case f.Script != nil:
			a.Report(syntax.General, "%s already specified - ignoring %s", a.Keyword(), a.Peek())
		default:
			f.Script = l.command(a)
		}
	}
}

// here reports a problem at the line taken last: the closing brace, after a block.
func (l *loader) here(code syntax.Code, format string, args ...any) {
	l.report(Diagnostic{Code: code, Pos: l.cur.Pos(), Text: fmt.Sprintf(format, args...)})
}

// user reads USER [GROUP].
func (l *loader) user(a *syntax.Args) (User, error) {
	name, _ := a.Next()
	groups := []string(nil)
	if group, ok := a.Next(); ok {
		groups = append(groups, group)
	}
	return l.lookup(name, groups...)
}

// lookup finds a user and, when one is named, a group.
func (l *loader) lookup(name string, groups ...string) (User, error) {
	u, err := l.opt.Host.User(name)
	if err != nil {
		return User{}, fmt.Errorf("there is no user '%s'", name)
	}
	u.Name = name
	for _, group := range groups[:min(1, len(groups))] {
		if u.GID, err = l.opt.Host.Group(group); err != nil {
			return User{}, fmt.Errorf("there is no group '%s'", group)
		}
	}
	return u, nil
}

// commandPos is where the command of a line stands.
func commandPos(a *syntax.Args) Pos {
	if len(a.Line.Words) > 1 {
		return a.Line.Words[1].Pos
	}
	return a.Line.Pos
}

// shellWords are the words that ask for a shell.
var shellWords = []string{"|", "&&", "||", ";"}

// command reads COMMAND [USER [GROUP]] for a keyword whose command is one
// quoted word; nil when it cannot be used, which has been reported.
func (l *loader) command(a *syntax.Args) *Command {
	pieces, err := a.Command(l.opt.StrictCompat)
	if err != nil {
		a.Report(syntax.General, "%s", capital(err.Error()))
		return nil
	}
	if len(pieces) == 0 {
		a.Missing()
		return nil
	}
	c := &Command{Raw: pieces[0].Text, Pos: commandPos(a)}
	if !l.splitCommand(a, c) {
		return nil
	}
	c.UserSet = len(pieces) > 1
	if !c.UserSet {
		if !l.defaultUserUsable(c.Raw) {
			return nil
		}
		c.User = l.defaultUser()
	} else {
		var groups []string
		for _, p := range pieces[2:] {
			groups = append(groups, p.Text)
		}
		if c.User, err = l.lookup(pieces[1].Text, groups...); err != nil {
			a.Send(Diagnostic{
				Code: syntax.Log, Text: fmt.Sprintf("Invalid user/group for script %s - ignoring", c.Raw),
				Hint: capital(err.Error()) + ".",
			})
			return nil
		}
	}
	return c
}

// splitCommand fills in the words of a command; false when it has none.
func (l *loader) splitCommand(a *syntax.Args, c *Command) bool {
	pieces, err := syntax.SplitQuoted(c.Raw)
	if err != nil {
		a.Report(syntax.General, "%s", capital(err.Error()))
		return false
	}
	for _, p := range pieces {
		c.Argv = append(c.Argv, p.Text)
		// keepalived hands such words to the command as they are.
		if p.Plain && slices.Contains(shellWords, p.Text) && !l.opt.StrictCompat {
			c.Shell = true
		}
	}
	if file, ok := strings.CutPrefix(strings.TrimSpace(c.Raw), "<"); ok && strings.HasPrefix(strings.TrimLeft(file, " \t"), "/") {
		c.FileTest, c.Path, c.Shell = true, strings.TrimLeft(file, " \t"), false
	}
	if len(c.Argv) == 0 {
		c.Argv = []string{""}
	}
	return true
}

// defaultUser is whom a script runs as that names nobody.
func (l *loader) defaultUser() User {
	if u := l.cfg.Global.ScriptUser; u != nil {
		return *u
	}
	if u, err := l.opt.Host.User("keepalived_script"); err == nil {
		u.Name = "keepalived_script"
		return u
	}
	return l.opt.Host.Self()
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
