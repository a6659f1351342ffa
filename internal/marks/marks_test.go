package marks

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

var equateAddr = cmpopts.EquateComparable(netip.Addr{})

func sample() Table {
	return Table{
		"51/4/eth0/224.0.0.18": {AH: 1<<32 - 1},
		"52/6/eth0/ff02::12": {Sent: 1<<64 - 1, Seen: []advert.Mark{
			{From: netip.MustParseAddr("fe80::1"), High: 0x6b00f0a36b4c0000}, {From: netip.MustParseAddr("fe80::2"), High: 1},
		}},
	}
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.replay")
	if got, err := Load(path); err != nil || len(got) != 0 {
		t.Fatalf("no file: %v, %v", got, err)
	}
	for range 2 {
		if err := Save(path, sample()); err != nil {
			t.Fatal(err)
		}
		got, err := Load(path)
		if d := cmp.Diff(sample(), got, equateAddr); d != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, d)
		}
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if names, _ := filepath.Glob(path + "*"); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

// A part of a file, or one with anything changed in its structure, is refused as a whole.
func TestDamaged(t *testing.T) {
	whole := sample().Encode()
	for n := range whole {
		if _, err := Decode(whole[:n]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	for _, edit := range []func(string) string{
		func(s string) string { return strings.Replace(s, "marks 1", "marks 2", 1) },
		func(s string) string { return strings.Replace(s, "ah", "oh", 1) },
		func(s string) string { return strings.Replace(s, "fe80::1", "fe80::x", 1) },
		func(s string) string { return strings.Replace(s, "6b00", "6g00", 1) },
		func(s string) string { return s + "ah x 1\n" },
		func(s string) string { return strings.Replace(s, "ah ", "ah  ", 1) },
	} {
		if _, err := Decode([]byte(edit(string(whole)))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", edit(string(whole)), err)
		}
	}
}

// Neither what others could have written is believed, nor is anything written
// where somebody has put a link.
func TestHostilePlaces(t *testing.T) {
	dir := t.TempDir()
	path, victim := filepath.Join(dir, "x.replay"), filepath.Join(dir, "victim")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(victim, []byte("precious"), 0o600))
	must(os.Symlink(victim, path))
	must(os.Symlink(victim, path+".new"))
	if _, err := Load(path); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link was read: %v", err)
	}
	must(Save(path, sample()))
	if text, err := os.ReadFile(victim); string(text) != "precious" || err != nil {
		t.Errorf("the file behind the link holds %q, %v", text, err)
	}
	if got, err := Load(path); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}

	must(os.Chmod(path, 0o622))
	if got, err := Load(path); err == nil || len(got) != 0 || !strings.Contains(err.Error(), "mode 0622") {
		t.Errorf("writable by others: %v, %v", got, err)
	}
	must(os.Remove(path))
	must(unix.Mkfifo(path, 0o600))
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "is not a plain file") {
		t.Errorf("a FIFO: %v", err)
	}
	must(os.Remove(path))
	must(os.Mkdir(path, 0o700))
	if err := Save(path, sample()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a directory: %v", err)
	}
	if err := Save(filepath.Join(dir, "none", "x"), sample()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// What is read can be written again to the same bytes, or nearly: order, and
// numbers that are left out, are not kept.
func FuzzDecode(f *testing.F) {
	f.Add(sample().Encode())
	f.Add([]byte(first + "\nend 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := Decode(data)
		if err != nil {
			return
		}
		once := table.Encode()
		again, err := Decode(once)
		if err != nil || !bytes.Equal(once, again.Encode()) {
			t.Fatalf("%v\n%s\n%s", err, once, again.Encode())
		}
	})
}
