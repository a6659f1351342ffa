package track

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// FuzzParseValue compares the number at the beginning of a text with what the
// standard library makes of the same characters.
func FuzzParseValue(f *testing.F) {
	for _, s := range []string{
		"", "0", "7\n", " \t-12 x", "+3", "0x1F", "0X", "0xg", "010", "08", "--1", "- 1", "9223372036854775807",
		"-9223372036854775808", "99999999999999999999", "-99999999999999999999", "0x8000000000000000", "\x00" + "5", "5\x00", "１",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseValue(s)
		trimmed := strings.TrimLeft(s, blanks)
		// The longest beginning that is a number; the library also takes
		// underscores, 0b and 0o, which C does not.
		want, found := int64(0), false
		for i := len(trimmed); i > 0 && !found; i-- {
			if strings.ContainsAny(trimmed[:i], "_bBoO") && !strings.ContainsAny(trimmed[:i], "xX") || strings.Contains(trimmed[:i], "_") {
				continue
			}
			n, err := strconv.ParseInt(trimmed[:i], 0, 64)
			if err == nil || errors.Is(err, strconv.ErrRange) {
				want, found = n, true
			}
		}
		if got != want || ok != found {
			t.Errorf("%q: %d %v, want %d %v", s, got, ok, want, found)
		}
	})
}

// FuzzReadStart: whatever is in a tracked file, its beginning is read and no more.
func FuzzReadStart(f *testing.F) {
	for _, s := range []string{"", "12\n", strings.Repeat("1", 127), strings.Repeat("1", 128), "\x00\xff"} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "value")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, print, err := readStart(path)
		if err != nil || string(got) != string(b[:min(len(b), maxValue)]) || print.size != int64(len(b)) {
			t.Errorf("read %q of %q with %+v, %v", got, b, print, err)
		}
	})
}
