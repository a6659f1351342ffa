package conftest

import (
	"slices"
	"strings"
)

// disturb changes the text of a configuration where the language is about
// text: comments, braces, quotes, definitions, conditions, repetitions.
func (g *generator) disturb(c conf) {
	list := strings.SplitAfter(c[mainFile], "\n")
	list = list[:len(list)-1]
	at := func() int { return g.IntN(len(list)) }
	insert := func(line string) { list = slices.Insert(list, at(), line+"\n") }
	if len(list) < 3 || g.chance(550) {
		return
	}
	for range 1 + g.IntN(2) {
		i := at()
		text := strings.TrimSuffix(list[i], "\n")
		switch g.IntN(22) {
		case 0:
			insert(g.pick("# comment { \" }", "! comment", "#", "   ", "\t# x"))
		case 1:
			list[i] = text + g.pick(" # { x", "#x", " ! y", " }", " {", `\`, "\r", " \t ", ` "`) + "\n"
		case 2:
			list = slices.Delete(list, i, i+1)
		case 3:
			list = slices.Insert(list, i, list[i])
		case 4:
			insert(g.pick("{", "}", "{ }", "} {", "}}", `"`, "'", "unknown_word", "unknown { }", "unknown {", "include", "include x", "\xef\xbb\xbf"))
		case 5:
			list[i] = text + " "
			if i+1 < len(list) {
				list[i] += strings.TrimLeft(list[i+1], " \t")
				list = slices.Delete(list, i+1, i+2)
			}
		case 6:
			list[i] = g.pick("@node1 ", "@^node1 ", "@other ", "@^other ", "@ ", "@^ ", "@node1", "@node ") + text + "\n"
		case 7:
			insert(g.pick("$X=1", "$X =1", "$X= 1", "$1X=2", "$X=", "$X", "${X}", "$V", "$X=a#b", `$X="a # b"`, "$X=$Y", "$_X=5"))
		case 8: // a definition in place of a word
			if words := strings.Fields(text); len(words) > 1 {
				j := 1 + g.IntN(len(words)-1)
				if strings.ContainsAny(words[j], `"{}#@$`) {
					break
				}
				value := words[j]
				words[j] = g.pick("$D", "${D}", "$D", `"${D}"`, "$D,", "x$D", "${D}x", "${d}")
				list[i] = strings.Join(words, " ") + "\n"
				list = slices.Insert(list, 0, "$D="+value+"\n")
			}
		case 9:
			insert(g.pick(
				"~SEQ(i, 2) # ${i}", "~SEQ(i, 1, 3) $Q${i}=1", "~SEQ(i, 3, -1, 1) @x $i", "~SEQ(i, 1, -1, 3) x", "~SEQ(i) x", "~SEQ i, 3 x", "~seq(i, 3) x", "~LST(i, a, b) # $i",
				"~LST({i,j}, {a,b}, {c}) # ${i}${j}", "~LST({i}, {a,b}) # x", "~SEQ(i, a) # x", "~SEQx(i, 9, 11) # ${i}", "~SEQ(i, 1, 0, 3) # x", "~SEQ(1, 3) # x", "~SEQ(i, 0x2) # x", "~LST(i) # x"))
		case 10: // addresses by repetition
			for k, l := range list {
				if strings.Contains(l, "virtual_ipaddress {") && !strings.Contains(l, "}") {
					list = slices.Insert(list, k+1, g.pick("~SEQ(i, 3) 192.0.2.${i}\n", "~SEQ(i, 3) 192.0.2.$i\n", "~SEQ(i, 1, 2) 2001:db8::${i}/64\n", "~LST(i, 192.0.2.7, 192.0.2.8) ${i}/24 dev eth0\n", "~SEQ(i, 3) 192.0.2.$i/24\n", "~SEQx(i, 9, 11) 2001:db8::${i}\n"))
					break
				}
			}
		case 11:
			list[i] = strings.ReplaceAll(text, " ", "\t") + "\r\n"
		case 12:
			list[len(list)-1] = strings.TrimSuffix(list[len(list)-1], "\n")
		case 13:
			list = list[:len(list)-1]
			if len(list) < 3 {
				return
			}
		case 14: // a definition of several lines
			list = slices.Insert(list, 0, "$BLK=\\\n", "    "+g.pick("priority 7", "advert_int 2", "nopreempt", "garbage")+"\\\n", "    "+g.pick("debug 1", "accept", "x y")+"\n")
			insert(g.pick("$BLK", "${BLK}", "$BLK", "x $BLK"))
		case 15:
			if words := strings.Fields(text); len(words) > 1 {
				j := g.IntN(len(words))
				words[j] = g.pick(`"`+words[j]+`"`, `"`+words[j], words[j]+`"`, "'"+words[j]+"'")
				list[i] = strings.Join(words, " ") + "\n"
			}
		case 16:
			list[i] = strings.ReplaceAll(list[i], "{", "\n{\n")
		case 17:
			list[i] = strings.ReplaceAll(strings.ReplaceAll(list[i], "{", " { "), "}", " } ")
			if i+1 < len(list) && strings.HasSuffix(strings.TrimSpace(list[i]), "}") {
				list[i] = strings.TrimSuffix(list[i], "\n")
			}
		case 18:
			j := at()
			list[i], list[j] = list[j], list[i]
		case 19:
			if words := strings.Fields(text); len(words) > 1 {
				words[g.IntN(len(words))] = g.pick("${_HASH}", "${_BANG}", "${_PWD}", "${_INSTANCE}", "${_RANDOM 5 5}", "${_RANDOM 1 2 3 4}", "${_NOPE}", `"${_HASH}"`)
				list[i] = strings.Join(words, " ") + "\n"
			}
		case 20:
			insert(g.pick("virtual_server 192.0.2.1 80 {\n}", "virtual_server_group G {\n 192.0.2.9 80\n}", "SSL {\n}"))
			if g.chance(700) {
				// Between blocks, where they belong.
				list = append(list, g.virtualServer()...)
			}
		case 21:
			insert(g.pick("global_defs {\n}", "global_defs {\n router_id x\n}", "vrrp_instance", "vrrp_script {\n}", "vrrp_sync_group G {\n}", "track_group X {\n}", "static_routes {\n}", "garp_group {\n}"))
		}
		if len(list) < 3 {
			break
		}
	}
	c[mainFile] = strings.Join(list, "")
}

// outsource moves some lines into a file to be included.
func (g *generator) outsource(c conf) {
	if !g.chance(100) {
		return
	}
	list := strings.SplitAfter(c[mainFile], "\n")
	if len(list) < 6 {
		return
	}
	from := g.IntN(len(list) - 2)
	to := min(from+1+g.IntN(6), len(list)-1)
	c["inc1.conf"] = strings.Join(list[from:to], "")
	keyword := g.pick("include", "include", "includer", "includem", "includew", "includeb", "includea", "includez")
	name := g.pick("inc1.conf", "inc1.conf", "inc1.conf", "inc*.conf", "inc[0-9].conf", "{inc1,inc2}.conf", "./inc1.conf", "no.conf", "no*.conf", `"inc1.conf"`, "{inc1.conf,no.conf}", ".", "inc?.conf")
	list = slices.Replace(list, from, to, "    "+keyword+" "+name+"\n")
	c[mainFile] = strings.Join(list, "")
}

// virtualServer is a block that keepalived's health checker is happy with, and
// that holds what could disturb those who leave it out: keywords of VRRP,
// braces in quotes and comments, conditions, definitions, deep nesting.
func (g *generator) virtualServer() []string {
	inner := []string{
		"  delay_loop 3\n", "  ha_suspend # }\n", "  persistence_timeout 50 ! {\n", "@other  }\n", "@node1  quorum 1\n",
		"  virtualhost \"a}b\"\n", "  $Q=1\n", "  alpha\n", "  smtp_alert\n", "  include no.conf\n", "  inhibit_on_failure\n",
		"  sorry_server 192.0.2.3 80\n", "~LST(m, alpha, omega) $m\n", "\n", "  # \" {\n", "  retry 3\n",
	}
	check := [][]string{
		{"TCP_CHECK {", "connect_timeout 3", "connect_port 81", "}"},
		{"HTTP_GET {", "url {", "path /", "status_code 200", `regex "a{2}}"`, "}", "retry 2", "}"},
		{"HTTP_GET", "{", "url { path /", "digest 9b3a0c85a887a256d6939da88aabd8cd", "} }"},
		{"SMTP_CHECK {", "host {", "connect_ip 192.0.2.2", "connect_port 25", "}", "}"},
		{"PING_CHECK {", "}"},
	}
	list := []string{g.pick("virtual_server 192.0.2.1 80 {\n", "virtual_server 192.0.2.1 80\n{\n", "virtual_server 2001:db8::1 80{\n"), "  lvs_sched rr\n", "  lvs_method NAT\n", "  protocol TCP\n"}
	six := strings.Contains(list[0], ":")
	for _, i := range shuffled(g.Rand, len(inner), g.IntN(4)) {
		if !six || !strings.Contains(inner[i], "sorry") {
			list = append(list, inner[i])
		}
	}
	real := "192.0.2.2"
	if six {
		real = "2001:db8::2"
	}
	list = append(list, "  real_server "+real+" 80 {\n", "    weight 1\n")
	for _, l := range check[g.IntN(len(check))] {
		list = append(list, "    "+l+"\n")
	}
	return append(list, "  }\n", "}\n")
}
