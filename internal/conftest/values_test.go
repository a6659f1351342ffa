package conftest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// types gives a value of a type; a word that names no type stands for itself.
var types = map[string]func(g *generator, p []string) string{
	"bool": func(g *generator, _ []string) string { return g.pick("true", "on", "yes", "false", "off", "no") },
	"enum": func(g *generator, p []string) string { return g.pick(p...) },
	"uint": (*generator).integer,
	"int":  (*generator).integer,
	"dec":  (*generator).decimal,
	"port": func(g *generator, _ []string) string { return g.pick("25", "1", "65535") },
	"word": func(g *generator, _ []string) string {
		return g.pick("abc", "secret12", "node-1", `"two words"`, "a.b")
	},
	"pass":      func(g *generator, _ []string) string { return g.pick("abc", "secret12", `"a b"`) },
	"trackable": func(g *generator, _ []string) string { return g.pick("peer0", "peer1") },
	"label":     func(g *generator, _ []string) string { return g.pick("short", "eth0:1", "fifteen_letters") },
	"mail":      func(g *generator, _ []string) string { return g.pick("root@example.org", "a@b") },
	"path":      func(g *generator, _ []string) string { return g.pick(dirMark+"/data", dirMark+"/fresh") },
	"user":      func(g *generator, _ []string) string { return g.pick("root", "root root") },
	"if":        func(g *generator, _ []string) string { return g.pick("eth0", "eth0", "eth1") },
	"vmacname":  func(g *generator, _ []string) string { return g.pick("vrrp.7", "v0", "fifteen_letters") },
	"mac":       func(g *generator, _ []string) string { return g.pick("02:00:00:00:00:01", "02:aa:bb:cc:dd") },
	"scope": func(g *generator, _ []string) string {
		return g.pick("global", "host", "link", "site", "nowhere", "0", "255", "0x10")
	},
	"lft": func(g *generator, _ []string) string { return g.pick("0", "1", "forever", "4294967295") },
	"brd": func(g *generator, _ []string) string { return g.pick("192.0.2.255", "+", "-") },
	"table": func(g *generator, _ []string) string {
		return g.pick("1", "100", "main", "local", "default", "4294967295")
	},
	"rtt":      func(g *generator, _ []string) string { return g.pick("300ms", "1s", "1.5s", "2sec", "30SECS") },
	"mark":     func(g *generator, _ []string) string { return g.pick("0", "1", "0x10/0xff", "4294967295") },
	"span":     func(g *generator, _ []string) string { return g.pick("1-2", "0-65535", "100-100") },
	"script":   func(g *generator, _ []string) string { return g.known(g.scripts, "chk") },
	"file":     func(g *generator, _ []string) string { return g.known(g.files, "tf") },
	"process":  func(g *generator, _ []string) string { return g.known(g.processes, "proc") },
	"dir":      func(*generator, []string) string { return dirMark },
	"bfd":      func(g *generator, _ []string) string { return g.known(g.bfds, "bfd") },
	"group":    func(g *generator, _ []string) string { return g.known(g.groups, "tg") },
	"instance": func(g *generator, _ []string) string { return g.known(g.instances, "VI") },
	"ip":       func(g *generator, _ []string) string { return g.address(g.v6) },
	"ip4":      func(g *generator, _ []string) string { return g.address(false) },
	"ip6":      func(g *generator, _ []string) string { return g.address(true) },
	"mcast":    func(g *generator, _ []string) string { return g.multicast(g.v6) },
	"mc4":      func(g *generator, _ []string) string { return g.multicast(false) },
	"mc6":      func(g *generator, _ []string) string { return g.multicast(true) },
	"cidr":     (*generator).cidr,
	"dest":     (*generator).destination,
	"cmd":      (*generator).command,
}

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

// known gives the name of something defined, or made up as the next one.
func (g *generator) known(list []string, stem string) string {
	if len(list) == 0 {
		return stem + "1"
	}
	return g.pick(list...)
}

func (g *generator) integer(p []string) string {
	switch g.IntN(6) {
	case 0:
		return p[0]
	case 1:
		return p[1]
	case 2:
		if n, err := strconv.ParseInt(p[0], 10, 64); err == nil && n >= 0 {
			return g.pick("0", "+") + strconv.FormatInt(n, 10)
		}
	}
	low, _ := strconv.ParseInt(p[0], 10, 64)
	high, err := strconv.ParseInt(p[1], 10, 64)
	if err != nil || high-low > 300 {
		high = low + 300
	}
	return strconv.FormatInt(low+g.Int64N(high-low+1), 10)
}

func (g *generator) decimal(p []string) string {
	low, _ := strconv.ParseFloat(p[0], 64)
	high, _ := strconv.ParseFloat(p[1], 64)
	switch g.IntN(5) {
	case 0:
		return p[0]
	case 1:
		return p[1]
	case 2:
		if low < 0.5 {
			return g.pick("1", "1.", "1.0", "0.5", "2.250", "1.001", "001")
		}
	}
	return strconv.FormatInt(int64(low)+1+g.Int64N(min(int64(high-low), 100)), 10)
}

func (g *generator) address(v6 bool) string {
	if v6 {
		return g.pick("fe80::", "2001:db8::", "2001:db8:1::") + strconv.FormatInt(int64(1+g.IntN(60000)), 16)
	}
	return fmt.Sprintf("%s.%d", g.pick("192.0.2", "198.51.100", "203.0.113"), 1+g.IntN(254))
}

func (g *generator) multicast(v6 bool) string {
	if v6 {
		return g.pick("ff02::12", "ff02::100", "ff02:0:0:0:0:0:0:1")
	}
	return g.pick("224.0.0.18", "224.0.0.100", "239.1.1.1")
}

func (g *generator) cidr([]string) string {
	a := g.address(g.v6)
	switch g.IntN(4) {
	case 0:
		return a
	case 1:
		if g.v6 {
			return a + g.pick("/64", "/128", "/0", "/1")
		}
		return a + g.pick("/32", "/0", "/30", "/31")
	}
	return a + g.pick("/24", "/32", "/8")
}

func (g *generator) destination([]string) string {
	if g.IntN(4) == 0 {
		return g.pick("default", "any", "all")
	}
	if g.v6 {
		return g.pick("2001:db8:5::/48", "2001:db8::7")
	}
	return g.pick("198.51.100.0/24", "203.0.113.7", "10.0.0.0/8")
}

func (g *generator) command([]string) string {
	script := dirMark + "/" + g.pick("ok.sh", "ok.sh", "two.sh", "link.sh")
	return g.pick(script, `"`+script+`"`, `"`+script+` a b"`, `"`+script+` 'a b' c"`, script+" root", `"`+script+` 1" root root`, "'"+script+" x'", "true", "/usr/bin/true")
}

// wrong gives a value that a keyword asking for the type should not be happy
// with, or not quite.
func (g *generator) wrong(a arg) string {
	common := []string{`""`, "abc", "-1", "0", "1x", "1.5", "99999999999999999999", "no-such", "1 2", `"1 "`, "'1'", "{", "$V", "${V}", "a,b", `"`, `a"b"`}
	var own []string
	switch a.kind {
	case "uint", "int":
		own = g.besideInteger(a.params)
	case "dec":
		own = []string{"0", "0.0000001", "0.009", "-0.5", a.params[1] + "1", a.params[1] + ".9", "1.0000000", "1x", "x", ".5", "1e3", "1,5", "+1", "1.2.3", "0.0005", "0.015", "40.955"}
	case "bool":
		own = []string{"True", "1", "0", "maybe", `"on"`, "YES", "on off"}
	case "enum":
		own = []string{strings.ToLower(a.params[0]), strings.ToUpper(a.params[0]), a.params[0] + "x", strings.Join(a.params, " "), "FAULT"}
	case "if", "trackable":
		own = []string{"lo", "nosuch0", "sixteen_letters_", "dummy0", "mv0", "ETH0", "eth0.5", "a/b", "."}
	case "ip", "ip4", "ip6", "cidr", "dest":
		own = []string{
			g.address(!g.v6), "192.0.2.01", "192.0.2", "192.0.2.256", "fe80::1%eth0", "0.0.0.0", "::", "::ffff:192.0.2.1", "255.255.255.255", "224.0.0.1", "127.0.0.1", "ff02::1", "localhost",
			"192.0.2.1/33", "192.0.2.1/", "192.0.2.1/-1", "192.0.2.1/24x", "2001:db8::1/129", "192.0.2.1/255.255.255.0", "192.0.2.1-9", "::1", "default6", "192.0.2.1/0x18", "192.0.2.1/ 24", "1.2.3.4.5", "2001:db8::g", "192.0.2.1//24",
		}
	case "mcast", "mc4", "mc6":
		own = []string{g.address(false), "223.255.255.255", "240.0.0.0", "ff05::1", "fe80::1", "224.0.0.0", "239.255.255.255", g.multicast(!g.v6)}
	case "cmd":
		own = []string{dirMark + "/noexec.sh", dirMark + "/open.sh", dirMark + "/missing.sh", dirMark, "no-such-program", `"` + dirMark + "/ok.sh", "'" + dirMark + "/ok.sh", `""`, `" "`, `"</etc/hostname"`, `"< /no/such"`, `"` + dirMark + `/ok.sh \"a b\""`, "ok.sh", "./ok.sh", dirMark + "/../" + "x", `"` + dirMark + `/ok.sh \x41\101"`, dirMark + "/ok.sh no-such-user", dirMark + "/ok.sh root no-such-group"}
	case "user":
		own = []string{"no-such-user", "root no-such-group", "0", "root root root"}
	case "script", "file", "bfd", "process", "instance", "group":
		own = []string{"unknown", "VI1 VI2", `"VI 1"`, "VI1"}
		if a.kind == "file" {
			own = []string{"VI1"} // an unknown one hangs the reference
			common = own
		}
	case "mac":
		own = []string{"01:00:00:00:00:01", "00:00:5e:00:01:09", "02:00", "02:00:00:00:00:00:01", "02:gg:00:00:00:00", "2:0:0:0:0:1", "02:00:00:00:00:"}
	case "vmacname", "label":
		own = []string{"sixteen_letters_", "eth0", "a/b", "a b", "..", "eth1"}
	case "scope":
		own = []string{"256", "-1", "universe", "host2", "0377", "0400"}
	case "lft":
		own = []string{"4294967296", "-1", "ever", "1s"}
	case "brd":
		own = []string{"192.0.2", "2001:db8::1", "++", "*"}
	case "table":
		own = []string{"0", "4294967296", "nosuch", "-1", "0x10", "main2"}
	case "rtt":
		own = []string{"100", "300xs", "0.5ms", "-1s", "s", "1m", "0x100ms"}
	case "mark", "span":
		own = []string{"1", "2-1", "1-", "-1", "1-2-3", "0x1/", "1/2/3", "0-65536", "1/0xfffffffff"}
	case "word", "path", "dir", "mail", "pass":
		own = []string{`""`, "a b", "'a b'", strings.Repeat("x", 40), strings.Repeat("y", 300), "#", "!", `\#`, "a#b"}
	}
	if g.IntN(4) == 0 || len(own) == 0 {
		return g.pick(common...)
	}
	return g.pick(own...)
}

// besideInteger gives values at and outside the bounds.
func (g *generator) besideInteger(p []string) []string {
	list := []string{p[1] + "0", p[1] + "x", "0x10", "010", "+5", "-5", "1.0", "5x", `" 7"`, `"7 "`, "", "-0", "4294967296", "2147483648", "18446744073709551616"}
	if n, err := strconv.ParseInt(p[0], 10, 64); err == nil {
		list = append(list, strconv.FormatInt(n-1, 10), strconv.FormatInt(n-1, 10))
	}
	if n, err := strconv.ParseInt(p[1], 10, 64); err == nil {
		list = append(list, strconv.FormatInt(n+1, 10), strconv.FormatInt(n+1, 10), strconv.FormatInt(n, 10)+".5")
	}
	return list
}

// shuffled gives n different numbers below limit.
func shuffled(r *rand.Rand, limit, n int) []int {
	return slices.Clone(r.Perm(limit)[:min(n, limit)])
}
