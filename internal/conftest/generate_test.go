package conftest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// generator writes one configuration.
type generator struct {
	*rand.Rand
	out    strings.Builder
	indent int
	v6     bool // the family of the instance at hand
	// perMille is the chance that a keyword is written wrongly.
	perMille int
	grouped  bool

	scripts, files, bfds, processes, groups, instances []string
}

// generate gives the configuration of a seed.
func generate(seed uint64) conf {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x636f6e66))}
	// Most faults are only seen where there is no other: the status of the
	// test is that of the worst.
	g.perMille = []int{0, 5, 12, 25, 50}[g.IntN(5)]
	g.file()
	c := conf{mainFile: g.out.String()}
	g.disturb(c)
	g.outsource(c)
	return c
}

func (g *generator) chance(perMille int) bool { return g.IntN(1000) < perMille }

func (g *generator) line(format string, args ...any) {
	fmt.Fprintf(&g.out, "%s%s\n", strings.Repeat("    ", g.indent), fmt.Sprintf(format, args...))
}

// file writes all blocks, what is referred to before what refers to it.
func (g *generator) file() {
	for i := range 1 + g.IntN(3) {
		g.instances = append(g.instances, "VI"+strconv.Itoa(i+1))
	}
	if g.chance(150) {
		g.line("$V=%s", g.pick("7", "100", "eth0", "192.0.2.77", `"a b"`, "virtual_ipaddress { 192.0.2.1 }"))
	}
	g.globals()
	g.topGlobals()
	if g.chance(400) {
		g.names("vrrp_script", "chk", &g.scripts, "script")
	}
	if g.chance(250) {
		g.names("track_file", "tf", &g.files, "file")
		if g.chance(50) {
			g.block("vrrp_track_file tf9", "track_file", []string{"file"}, 2)
		}
	}
	if g.chance(200) {
		g.names("bfd_instance", "bfd", &g.bfds, "neighbor_ip")
	}
	if g.chance(100) {
		g.names("vrrp_track_process", "proc", &g.processes, "process")
	}
	if g.chance(150) {
		g.groups = []string{"tg1"}
		g.block("track_group tg1", "track_group", []string{"group"}, 0)
	}
	g.statics()
	if g.chance(60) {
		g.block("garp_group", "garp_group", []string{"garp_interval"}, 2)
	}
	early := g.chance(500)
	if early {
		g.syncGroup()
	}
	vrids := shuffled(g.Rand, 255, len(g.instances))
	for i, name := range g.instances {
		g.instance(name, vrids[i]+1)
	}
	if !early {
		g.syncGroup()
	}
}

func (g *generator) globals() {
	if g.chance(100) {
		return
	}
	g.line("global_defs {")
	g.indent++
	if !g.chance(80) {
		g.line("enable_script_security")
		g.line("script_user root")
	}
	for _, e := range g.choose("global_defs", g.IntN(5), nil) {
		g.keyword("global_defs", e)
	}
	if g.chance(60) {
		g.line("vrrp_strict")
	}
	g.indent--
	g.line("}")
}

func (g *generator) topGlobals() {
	for _, e := range []entry{
		{name: "linkbeat_use_polling"},
		{name: "child_wait_time", args: parseArgs([]string{"uint(0,4294967295)"})},
		{name: "use_pid_dir"},
		{name: "instance", args: parseArgs([]string{"word"})},
		{name: "namespace_with_ipsets"},
		{name: "net_namespace_ipvs", args: parseArgs([]string{"word?"})},
		{name: "linkbeat_interfaces", args: parseArgs([]string{"{linkbeat}"})},
		{name: "interface_up_down_delays", args: parseArgs([]string{"{delays}"})},
	} {
		if g.chance(40) {
			g.keyword("", e)
		}
	}
}

func (g *generator) statics() {
	for _, s := range [][2]string{
		{"static_ipaddress", "{address}"},
		{"static_routes", "{route}"},
		{"static_routes", "{nexthops}"},
		{"static_rules", "{rule}"},
		{"static_routes", "{typed}"},
		{"static_routes", "{grouped}"},
		{"static_rules", "{groupedrule}"},
	} {
		if g.chance(100) {
			g.v6 = g.chance(300)
			g.keyword("", entry{name: s[0], args: parseArgs([]string{s[1]})})
		}
	}
}

// names defines one or two of what is referred to by name.
func (g *generator) names(block, stem string, list *[]string, needs string) {
	for i := range 1 + g.IntN(2) {
		name := stem + strconv.Itoa(i+1)
		*list = append(*list, name)
		g.v6 = g.chance(300)
		g.block(block+" "+name, block, []string{needs}, 3)
	}
}

// block writes a block with the keywords that it needs and some others.
func (g *generator) block(head, name string, needs []string, others int) {
	list := keywordBlocks[name]
	if g.chance(g.perMille / 4) {
		head = g.pick(strings.Fields(head)[0], head+" extra", head+"x", strings.Fields(head)[0]+` ""`)
		if strings.HasPrefix(head, "bfd_instance") {
			head = "bfd_instance b c" // without a name it crashes the reference
		}
	}
	g.line("%s %s", head, g.brace("{"))
	g.indent++
	for _, n := range needs {
		if !g.chance(g.perMille / 3) {
			g.keyword(name, list[slices.IndexFunc(list, func(e entry) bool { return e.name == n })])
		}
	}
	if others > 0 {
		for _, e := range g.choose(name, g.IntN(others+1), needs) {
			g.keyword(name, e)
		}
	}
	g.indent--
	g.line("%s", g.brace("}"))
}

// choose gives some keywords of a block, each once, without those named.
func (g *generator) choose(block string, n int, without []string) []entry {
	list := keywordBlocks[block]
	var some []entry
	for _, i := range shuffled(g.Rand, len(list), n) {
		if e := list[i]; (!e.rare || g.chance(g.perMille*2)) && (!slices.Contains(without, e.name) || g.chance(g.perMille)) {
			some = append(some, e)
		}
	}
	return some
}

// brace is the brace, or what somebody wrote by mistake.
func (g *generator) brace(b string) string {
	if g.chance(g.perMille / 8) {
		return g.pick("", b+b, b+" # x", "", b+" "+b, "("+b)
	}
	return b
}

func (g *generator) syncGroup() {
	if g.chance(700) || len(g.instances) < 2 && !g.chance(g.perMille) || g.grouped {
		return
	}
	g.grouped = true
	needs := []string{"group"}
	g.block("vrrp_sync_group SG1", "vrrp_sync_group", needs, 3)
}

func (g *generator) instance(name string, vrid int) {
	g.v6 = g.chance(250)
	if g.chance(g.perMille / 3) {
		name = g.pick("", "A B", `"A B"`, "VI1", `""`, "VI{1")
	}
	if g.chance(g.perMille / 3) {
		vrid = 1
	}
	list := keywordBlocks["vrrp_instance"]
	find := func(n string) entry {
		return list[slices.IndexFunc(list, func(e entry) bool { return e.name == n })]
	}
	g.line("vrrp_instance %s %s", name, g.brace("{"))
	g.indent++
	if !g.chance(g.perMille / 4) {
		g.keyword("vrrp_instance", find("interface"))
	}
	if g.chance(g.perMille / 4) {
		g.keyword("vrrp_instance", find("virtual_router_id"))
	} else {
		g.line("virtual_router_id %d", vrid)
	}
	if !g.chance(200) {
		g.line("priority %s", g.pick("1", "50", "100", "150", "254", "255"))
	}
	if g.chance(300) {
		g.line("version %s", g.pick("2", "3"))
	}
	few := g.IntN(4)
	if g.chance(100) {
		few = 12
	}
	keys := []entry{find("virtual_ipaddress")}
	if g.chance(g.perMille / 4) {
		keys = nil
	}
	needs := []string{"interface", "virtual_router_id", "priority", "version", "virtual_ipaddress"}
	unicast := false
	for _, e := range g.choose("vrrp_instance", few, needs) {
		switch e.name {
		case "unicast_src_ip", "check_unicast_src", "old_unicast_checksum", "unicast_ttl":
			unicast = true
		case "unicast_peer":
			unicast = false
		}
		keys = append(keys, e)
	}
	if unicast && !g.chance(g.perMille) {
		keys = append(keys, find("unicast_peer"))
	}
	g.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, e := range keys {
		g.keyword("vrrp_instance", e)
	}
	g.indent--
	g.line("%s", g.brace("}"))
}

// keyword writes a keyword with its arguments, wrongly now and then.
func (g *generator) keyword(block string, e entry) {
	if !g.possible(e) {
		return
	}
	if g.chance(g.perMille / 6) {
		e.name = g.pick(e.name+"s", strings.ToUpper(e.name[:1])+e.name[1:], "x"+e.name, e.name[:len(e.name)-1])
	}
	if g.chance(g.perMille / 10) {
		other := g.pick("vrrp_instance", "global_defs", "vrrp_script", "vrrp_sync_group", "track_file", "authentication")
		e = keywordBlocks[other][g.IntN(len(keywordBlocks[other]))]
		if !g.possible(e) {
			return
		}
	}
	words := []string{e.name}
	wrong := -1
	if len(e.args) > 0 && g.chance(g.perMille*2) {
		wrong = g.IntN(len(e.args))
	}
	for i, a := range e.args {
		switch {
		case a.lines != "":
			g.values(strings.Join(words, " "), a.lines)
			return
		case a.block != "":
			g.block(strings.Join(words, " "), a.block, []string{"auth_type", "auth_pass"}, 1)
			return
		case a.optional && g.chance(500):
			continue
		}
		words = append(words, g.word(a, i == wrong)...)
	}
	if g.chance(g.perMille / 5) {
		words = append(words, g.pick("extra", "extra words", "1", `""`, "#comment", "!", "}", `"`))
	}
	if len(words) > 1 && g.chance(g.perMille/5) {
		words = words[:len(words)-1]
	}
	g.line("%s", strings.Join(words, g.pick(" ", " ", " ", "  ", "\t")))
	if g.chance(g.perMille / 5) {
		g.line("%s", strings.Join(words, " "))
	}
}

// possible keeps what would need something defined that is not: an unknown
// track_file hangs the reference.
func (g *generator) possible(e entry) bool {
	for _, a := range e.args {
		if a.lines == "trackfile" && len(g.files) == 0 || a.lines == "trackscript" && len(g.scripts) == 0 && !g.chance(g.perMille) ||
			a.lines == "trackprocess" && len(g.processes) == 0 && !g.chance(g.perMille) || a.lines == "trackbfd" && len(g.bfds) == 0 && !g.chance(g.perMille) {
			return false
		}
	}
	return true
}

// word gives an argument; several words if it may be repeated.
func (g *generator) word(a arg, wrong bool) []string {
	if wrong {
		return []string{g.wrong(a)}
	}
	make, ok := types[a.kind]
	if !ok {
		return []string{strings.TrimPrefix(a.kind, "=")}
	}
	words := []string{make(g, a.params)}
	for a.many && g.chance(300) {
		words = append(words, make(g, a.params))
	}
	return words
}

// values writes a block of values.
func (g *generator) values(head, kind string) {
	if g.chance(g.perMille / 10) {
		head += " extra"
	}
	if g.chance(60) {
		g.line("%s { %s }", head, g.valueLine(kind))
		return
	}
	g.line("%s %s", head, g.brace("{"))
	g.indent++
	n := 1 + g.IntN(2)
	if kind == "instance" && !g.chance(g.perMille) {
		for _, name := range g.instances {
			g.line("%s", name)
		}
		n = 0
	} else if g.chance(g.perMille / 4) {
		n = 0
	}
	for range n {
		g.line("%s", g.valueLine(kind))
	}
	g.indent--
	g.line("%s", g.brace("}"))
}

func (g *generator) valueLine(kind string) string {
	v := linesOf[kind]
	var words []string
	add := func(args []arg) {
		wrong := -1
		if g.chance(g.perMille) {
			wrong = g.IntN(len(args))
		}
		for i, a := range args {
			if a.optional && g.chance(600) {
				continue
			}
			words = append(words, g.word(a, i == wrong)...)
		}
		if g.chance(g.perMille/6) && len(words) > 1 {
			words = words[:len(words)-1]
		}
	}
	add(v.head)
	for _, i := range shuffled(g.Rand, len(v.options), []int{0, 0, 0, 1, 1, 2, 3}[g.IntN(7)]) {
		if o := v.options[i]; !o.rare || g.chance(g.perMille*4) {
			add(o.args)
		}
	}
	if g.chance(g.perMille / 6) {
		words = append(words, g.pick("extra", "1", `""`, "weight"))
	}
	return strings.Join(words, " ")
}
