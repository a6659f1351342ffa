package findings

import (
	"path"
	"regexp"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// named is what a configuration mentions, found without knowing its keywords:
// every word may be a name, which does no harm where it is none.
type named struct {
	links   []string        // words that could name an interface, in the order of the text
	isLink  map[string]bool // the same
	created map[string]bool // interfaces that the daemon makes itself
	vrfs    map[string]bool // interfaces that have to be a VRF
	dirs    map[string]bool // paths that something is said to be in
	keys    map[string]bool // key files
	read    map[string]bool // files of the configuration
}

var (
	linkWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.@:-]{0,14}$`)
	pathPart = regexp.MustCompile(`/[^\s"'` + "`" + `|&;<>(){}$*?=,:]+`)
)

// mentioned reads a configuration with the includes, conditions and
// definitions that opt gives it.
func mentioned(main string, opt config.Options, base *config.Host, nodeName string) *named {
	n := &named{
		isLink: map[string]bool{}, created: map[string]bool{}, vrfs: map[string]bool{}, dirs: map[string]bool{"/": true},
		keys: map[string]bool{}, read: map[string]bool{},
	}
	id := opt.ConfigID
	if id == "" {
		id, _, _ = strings.Cut(nodeName, ".")
	}
	seed := opt.Seed
	if seed == 0 {
		seed = 1
	}
	s := syntax.NewScanner(syntax.Options{
		ConfigID: id, AllChecks: opt.AllConfig, Seed: seed, Glob: base.Glob, GlobStopped: base.GlobStopped, Getenv: base.Getenv,
		Read: func(p string) ([]byte, error) {
			n.read[p] = true
			return base.ReadFile(p)
		},
	})
	if !s.Main(main) {
		return n
	}
	for line, ok := s.Next(); ok; line, ok = s.Next() {
		n.line(line)
	}
	return n
}

func (n *named) line(l syntax.Line) {
	virtual := len(l.Words) > 0 && (l.Words[0].Text == "use_vmac" || l.Words[0].Text == "use_ipvlan")
	previous := ""
	for i, w := range l.Words {
		// A word may be a command line with words of its own.
		pieces, _ := syntax.SplitQuoted(w.Text)
		for _, piece := range pieces {
			n.path(piece.Text)
			for _, p := range pathPart.FindAllString(piece.Text, -1) {
				n.path(p)
			}
		}
		switch {
		case virtual && i > 0:
			n.created[w.Text] = true
		case previous == "vrf":
			n.vrfs[w.Text] = true
		case previous == "config_save_dir":
			n.dirs[path.Clean(w.Text)] = true
		}
		if p, ok := strings.CutPrefix(w.Text, "file:"); ok {
			n.keys[p] = true
		}
		n.link(w.Text)
		previous = w.Text
	}
}

func (n *named) link(w string) {
	if linkWord.MatchString(w) && !n.isLink[w] {
		n.isLink[w] = true
		n.links = append(n.links, w)
	}
}

// path notes the directories that a path leads through.
func (n *named) path(p string) {
	if !path.IsAbs(p) {
		return
	}
	if strings.HasSuffix(p, "/") {
		n.dirs[path.Clean(p)] = true
	}
	for d := path.Dir(path.Clean(p)); !n.dirs[d]; d = path.Dir(d) {
		n.dirs[d] = true
	}
}

// interfaces are those a configuration mentions: up, multicast capable, on
// Ethernet. Those that the daemon makes itself are there as an earlier run of
// it would have left them.
func (n *named) interfaces() []config.Link {
	links := []config.Link{Interface{Name: "lo"}.link(1)}
	n.link("eth0") // where addresses go that name no interface
	for _, name := range n.links {
		i := Interface{Name: name}
		switch {
		case name == "lo":
			continue
		case n.vrfs[name]:
			i.Kind = "vrf"
		case n.created[name]:
			i.Kind, i.Private = "macvlan", true
		}
		links = append(links, i.link(len(links)+1))
	}
	return links
}

// table is a file of names for numbers that knows every word. The numbers
// stay within those that all tables may have.
func (n *named) table() map[string]uint {
	names := make(map[string]uint, len(n.links))
	for i, w := range n.links {
		names[w] = uint(1 + i%250)
	}
	return names
}
