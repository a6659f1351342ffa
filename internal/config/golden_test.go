package config

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var update = flag.Bool("update", false, "rewrite the expected results in testdata")

// TestGolden loads every configuration of testdata/conf and compares the
// diagnostics and the resulting Config. An archive holds NAME.conf and, after
// it, NAME.want; any other file is there to be included. The first line of a
// configuration may say "!options" and how to load it: strict, run (not as a
// test), detail, all, id=ID, path=PATTERN.
func TestGolden(t *testing.T) {
	archives, err := filepath.Glob("../../testdata/conf/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		archive := readArchive(t, path)
		changed := false
		for i := 0; i < len(archive.files); i++ {
			name, ok := strings.CutSuffix(archive.files[i].name, ".conf")
			if !ok || strings.Contains(name, "/") {
				continue
			}
			t.Run(filepath.Base(path)+"/"+name, func(t *testing.T) {
				got := goldenResult(archive, archive.files[i].data, archive.files[i].name)
				at := slices.IndexFunc(archive.files, func(f archiveFile) bool { return f.name == name+".want" })
				if at < 0 {
					archive.files = slices.Insert(archive.files, i+1, archiveFile{name: name + ".want"})
					at = i + 1
				}
				want := archive.files[at].data
				if want == got {
					return
				}
				if *update {
					archive.files[at].data, changed = got, true
					return
				}
				t.Errorf("result differs (-want +got):\n%s", cmp.Diff(want, got))
			})
		}
		if changed {
			if err := os.WriteFile(path, []byte(archive.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// archive is a text that holds files, each after a line "-- NAME --".
type archive struct {
	comment string
	files   []archiveFile
}

type archiveFile struct{ name, data string }

func readArchive(t *testing.T, path string) *archive {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{}
	into := &a.comment
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(name, " --\n") {
			a.files = append(a.files, archiveFile{name: strings.TrimSuffix(name, " --\n")})
			into = &a.files[len(a.files)-1].data
			continue
		}
		*into += line
	}
	return a
}

func (a *archive) String() string {
	var b strings.Builder
	b.WriteString(a.comment)
	for _, f := range a.files {
		fmt.Fprintf(&b, "-- %s --\n%s", f.name, f.data)
	}
	return b.String()
}

func goldenResult(a *archive, text, name string) string {
	f := goldenHost()
	for _, file := range a.files {
		f.content[file.name] = file.data
	}
	// Control characters cannot stand in an archive.
	text = strings.NewReplacer("<CR>", "\r", "<NUL>", "\x00", "<TAB>", "\t", "<FF>", "\f", "<LONG>", strings.Repeat("x", 1100)).Replace(text)
	f.content[name] = text
	opt := Options{Test: true, Host: f.host(), Seed: 1}
	first, _, _ := strings.Cut(text, "\n")
	if words, ok := strings.CutPrefix(first, "!options"); ok {
		for w := range strings.FieldsSeq(words) {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "strict":
				opt.StrictCompat = true
			case "run":
				opt.Test = false
			case "detail":
				opt.Detail = true
			case "all":
				opt.AllConfig = true
			case "id":
				opt.ConfigID = value
			case "path":
				name = value
			default:
				return "unknown option " + w
			}
		}
	}
	cfg, diags := Load(name, opt)
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d", diags.ExitStatus())
	if diags.Fatal() {
		b.WriteString(", fatal")
	}
	b.WriteByte('\n')
	for _, d := range diags {
		fmt.Fprintf(&b, "%s: %s\n", d.Code, strings.ReplaceAll(d.String(), "\x00", "<NUL>"))
		if d.Help() != "" && d.Code != syntax.Note {
			fmt.Fprintf(&b, "  %s\n", d.Help())
		}
	}
	if len(cfg.Files) == 1 {
		cfg.Files = nil
	}
	base := newConfig()
	base.Global.RouterID = f.nodeName
	base.Global.GARP.LowerPrioDelay = base.Global.GARP.MasterDelay
	base.Global.GARP.LowerPrioRepeat = base.Global.GARP.MasterRepeat
	dump(&b, "", reflect.ValueOf(*cfg), reflect.ValueOf(*base))
	return b.String()
}

// goldenHost is the machine of the golden cases.
func goldenHost() *fakeHost {
	f := newFakeHost()
	f.script("/etc/keepalived/ok.sh", 0o755)
	f.script("/etc/keepalived/notx.sh", 0o644)
	f.script("/etc/keepalived/open.sh", 0o777)
	f.script("/usr/bin/true", 0o755)
	f.script("/usr/bin/sh", 0o755)
	f.script("/srv/open/ok.sh", 0o755)
	f.files["/srv/open"] = FileStat{Kind: Directory, Mode: 0o775, GID: 100}
	f.script("/home/user/x.sh", 0o755)
	f.files["/home/user"] = FileStat{Kind: Directory, Mode: 0o700, UID: 1000, GID: 1000}
	f.files["/home/user/x.sh"] = FileStat{Kind: RegularFile, Mode: 0o755, UID: 1000, GID: 1000}
	f.dirs("/var/run")
	f.symlinks["/bin"] = "usr/bin"
	f.symlinks["/etc/keepalived/link.sh"] = "ok.sh"
	f.symlinks["/etc/keepalived/loop.sh"] = "loop.sh"
	f.links = append(f.links,
		Link{Name: "tun0", Index: 10, MTU: 1400, NoARP: true},
		Link{Name: "blue", Index: 11, MTU: 1500, Kind: "vrf", Table: 1042, NoARP: true, Ethernet: true},
		Link{Name: "vrrp.9", Index: 12, MTU: 1500, Kind: "macvlan", Private: true, Base: "eth0", Multicast: true, Ethernet: true},
	)
	f.content["/etc/iproute2/rt_tables"] = "200 uplink\n"
	return f
}

// dump writes the fields of v that differ from base, one a line.
func dump(b *strings.Builder, path string, v, base reflect.Value) {
	if reflect.DeepEqual(v.Interface(), base.Interface()) {
		return
	}
	switch x := v.Interface().(type) {
	case Pos:
		return
	case time.Duration, netip.Addr, netip.Prefix, User:
		fmt.Fprintf(b, "%s = %v\n", path, x)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			name := v.Type().Field(i).Name
			if path != "" {
				name = path + "." + name
			}
			dump(b, name, v.Field(i), base.Field(i))
		}
	case reflect.Pointer:
		if v.IsNil() {
			fmt.Fprintf(b, "%s = nil\n", path)
			return
		}
		dumpZero(b, path, v.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, "%s = %x\n", path, v.Bytes())
			return
		}
		for i := range v.Len() {
			e := v.Index(i)
			if e.Kind() == reflect.Pointer {
				e = e.Elem()
			}
			dumpElement(b, fmt.Sprintf("%s[%d]", path, i), e)
		}
	default:
		fmt.Fprintf(b, "%s = %v\n", path, v.Interface())
	}
}

// dumpElement is dump against what an element has by default.
func dumpElement(b *strings.Builder, path string, v reflect.Value) {
	switch x := v.Interface().(type) {
	case Instance:
		base := newInstance(&newConfig().Global, "", Pos{}).Instance
		base.GARP.LowerPrioDelay, base.GARP.LowerPrioRepeat = base.GARP.MasterDelay, base.GARP.MasterRepeat
		base.Version, base.Accept, base.Group = 2, true, defaultGroup4
		dump(b, path, v, reflect.ValueOf(*base))
	case Address:
		base := Address{Dev: "eth0", PreferredLft: forever}
		if x.Prefix.Addr().Is6() && x.Prefix.Bits() == 128 {
			base.PreferredLft = 0
		}
		dump(b, path, v, reflect.ValueOf(base))
	case Script:
		dump(b, path, v, reflect.ValueOf(Script{Interval: time.Second, Timeout: time.Second, Rise: 1, Fall: 1}))
	default:
		dumpZero(b, path, v)
	}
}

// dumpZero is dump against the zero value; a zero value is shown too.
func dumpZero(b *strings.Builder, path string, v reflect.Value) {
	if v.IsZero() {
		fmt.Fprintf(b, "%s = %v\n", path, v.Interface())
		return
	}
	dump(b, path, v, reflect.Zero(v.Type()))
}
