package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// place is a directory of root's in which a test does as it likes: in TMPDIR, which
// may be open to all as long as it is sticky.
type place struct {
	t    *testing.T
	path string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give files to others")
	}
	dir, err := os.MkdirTemp("", "scripts")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	p := &place{t, dir}
	p.mode("", 0o755)
	p.dir("d")
	p.file("d/s")
	return p
}

func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) at(name string) string              { return filepath.Join(p.path, name) }
func (p *place) dir(name string)                    { p.must(os.Mkdir(p.at(name), 0o755)) }
func (p *place) own(name string, uid, gid int)      { p.must(os.Lchown(p.at(name), uid, gid)) }
func (p *place) mode(name string, mode uint32)      { p.must(unix.Chmod(p.at(name), mode)) }
func (p *place) link(target, name string)           { p.must(os.Symlink(target, p.at(name))) }
func (p *place) file(name string)                   { p.must(os.WriteFile(p.at(name), []byte("#!/bin/sh\n"), 0o755)) }
func (p *place) load(command, user string) *Command { return p.loadWith(command, user, "") }

// loadWith reads a configuration with the command and gives it as it is run; nil:
// it is not.
func (p *place) loadWith(command, user, more string) *Command {
	p.t.Helper()
	conf := p.at("conf")
	p.must(os.WriteFile(conf, []byte("global_defs {\nenable_script_security\n"+more+"\n}\nvrrp_script s {\nscript \""+command+"\"\nuser "+user+
		"\n}\nvrrp_instance A {\ninterface lo\nvirtual_router_id 5\nvirtual_ipaddress {\n192.0.2.1\n}\ntrack_script {\ns\n}\n}\n"), 0o600))
	cfg, diags := Load(conf, Options{Host: System()})
	if len(cfg.Scripts) == 0 {
		p.t.Logf("%v", diags)
		return nil
	}
	return &cfg.Scripts[0].Command
}

// What somebody may try against a script that runs as root, on real files: before
// the configuration is read, and after that, before the script is run.
func TestScriptAttempts(t *testing.T) {
	const script, root, other = "d/s", "root", "nobody nogroup"
	for _, c := range []struct {
		name string
		do   func(p *place)
		path string // "": script
		user string // "": root
		why  string // "": it is run
	}{
		{name: "nothing", do: func(*place) {}},
		{name: "directory that all may write", do: func(p *place) { p.mode("d", 0o777) }, why: "/d could be changed by others: owner 0:0, mode 0777"},
		{name: "directory that a group may write", do: func(p *place) { p.mode("d", 0o775); p.own("d", 0, 12) }, why: "/d could be changed by others: owner 0:12, mode 0775"},
		{name: "directory that root's group may write", do: func(p *place) { p.mode("d", 0o775) }},
		{name: "sticky directory that all may write", do: func(p *place) { p.mode("d", 0o1777) }},
		{name: "directory of another user", do: func(p *place) { p.own("d", 4321, 0) }, why: "/d could be changed by others: owner 4321:0, mode 0755"},
		{name: "file of another user", do: func(p *place) { p.own("d/s", 4321, 0) }, why: "/d/s could be changed by others: owner 4321:0, mode 0755"},
		{name: "file that all may write", do: func(p *place) { p.mode("d/s", 0o757) }, why: "/d/s could be changed by others: owner 0:0, mode 0757"},
		{name: "sticky file that all may write", do: func(p *place) { p.mode("d/s", 0o1757) }, why: "/d/s could be changed by others: owner 0:0, mode 1757"},
		{name: "above", do: func(p *place) { p.mode("", 0o777) }, why: " could be changed by others: owner 0:0, mode 0777"},
		{name: "another user's script in that directory", do: func(p *place) { p.mode("d", 0o777) }, user: other},
		{name: "root's group", do: func(p *place) { p.mode("d", 0o777) }, user: "nobody root", why: "/d could be changed by others"},
		{name: "set-user-ID of root, run by another user", do: func(p *place) { p.mode("d/s", 0o4777) }, user: other, why: "/d/s could be changed by others: owner 0:0, mode 4777"},
		{name: "set-user-ID of another user", do: func(p *place) { p.own("d/s", 4321, 4321); p.mode("d/s", 0o4777) }, user: other},
		{name: "link to a directory", do: func(p *place) { p.link("d", "l") }, path: "l/s"},
		{
			name: "link to a directory that all may write", path: "l/s",
			do: func(p *place) { p.link("d", "l"); p.mode("d", 0o777) }, why: "/d could be changed by others",
		},
		{
			name: "link of another user in a sticky directory", path: "t/l",
			do: func(p *place) { p.dir("t"); p.mode("t", 0o1777); p.link("../d/s", "t/l"); p.own("t/l", 4321, 4321) }, why: "/t/l could be changed by others: owner 4321:4321",
		},
		{
			name: "link from a directory that all may write", path: "t/l",
			do: func(p *place) { p.dir("t"); p.mode("t", 0o777); p.link("../d/s", "t/l") }, why: "/t could be changed by others",
		},
		{
			name: "way up through a directory that all may write", path: "t/u/../../d/s",
			do: func(p *place) { p.dir("t"); p.mode("t", 0o777); p.dir("t/u") }, why: "/t could be changed by others",
		},
		{name: "link that leads in a circle", do: func(p *place) { p.link("l", "l") }, path: "l/s", why: "The symbolic link"},
		{name: "a device", do: func(p *place) { p.must(unix.Mknod(p.at("null"), unix.S_IFCHR|0o755, 1<<8|3)) }, path: "null", why: "/null is not a regular file"},
		{name: "a directory", do: func(*place) {}, path: "d", why: "/d is not a regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.path == "" {
				c.path = script
			}
			if c.user == "" {
				c.user = root
			}
			p := newPlace(t)
			c.do(p)
			before := p.load(p.path+"/"+c.path, c.user)
			if (before != nil) != (c.why == "") {
				t.Errorf("at the start: %+v, want why %q", before, c.why)
			}
			// The same behind the back of a daemon that runs.
			p = newPlace(t)
			cmd := p.load(p.at(script), c.user)
			if cmd == nil {
				t.Fatal("the script is refused before anybody has tried anything")
			}
			cmd.Path = p.path + "/" + c.path // with use_symlink_paths; else it never names a link
			c.do(p)
			err := cmd.Recheck(System())
			switch {
			case c.name == "link that leads in a circle": // running it says so
			case (err == nil) != (c.why == ""), err != nil && !strings.Contains(err.Error(), c.why):
				t.Errorf("before the run: %v, want %q", err, c.why)
			}
		})
	}
	t.Run("relative", func(t *testing.T) {
		p := newPlace(t)
		t.Chdir(p.path)
		if c := p.load("d/s", root); c != nil {
			t.Errorf("a relative path is run: %+v", c)
		}
		t.Setenv("PATH", ".:d:"+p.at("d"))
		if c := p.load("s", root); c == nil || c.Path != p.at("d/s") {
			t.Errorf("a name is found as %+v, want only absolute directories to be searched", c)
		}
	})
	t.Run("use_symlink_paths", func(t *testing.T) {
		p := newPlace(t)
		p.link("d", "l")
		if c := p.load(p.at("l/s"), root); c == nil || c.Path != p.at("d/s") {
			t.Errorf("without: %+v", c)
		}
		c := p.loadWith(p.at("l/s"), root, "use_symlink_paths")
		if c == nil || c.Path != p.at("l/s") {
			t.Fatalf("with: %+v", c)
		}
		if err := c.Recheck(System()); err != nil {
			t.Error(err)
		}
		p.mode("d", 0o777)
		if err := c.Recheck(System()); err == nil || !strings.Contains(err.Error(), "/d could be changed") {
			t.Errorf("after a change behind the link: %v", err)
		}
	})
}
