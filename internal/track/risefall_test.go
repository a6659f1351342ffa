package track

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// result reads a letter of a test: "." success, "1" to "9" an exit status,
// "k" a signal, "t" a time-out, "x" not executable.
func result(c rune) spawn.Result {
	switch c {
	case '.':
		return spawn.Result{}
	case 'k':
		return spawn.Result{Signal: syscall.SIGKILL}
	case 't':
		return spawn.Result{Signal: syscall.SIGTERM, TimedOut: true}
	case 'x':
		return spawn.Result{Err: &spawn.ExecError{Path: "/x", Err: syscall.ENOENT}}
	}
	return spawn.Result{Exit: int(c - '0')}
}

func TestRiseFall(t *testing.T) {
	// Results, the counter after each, and the verdict after each: "G" or "B",
	// in capitals where it is new.
	tests := []struct {
		name       string
		rise, fall int
		results    string
		counts     string
		verdicts   string
	}{
		{"defaults", 1, 1, ".1.1k", "10100", "GBGBb"},
		{"first success decides", 3, 1, ".", "3", "G"},
		{"first failure decides", 1, 3, "1", "0", "B"},
		{"first failure decides with rise", 3, 3, "1", "0", "B"},
		{"rise counts from a failure", 3, 1, "1..1...", "0120123", "BbbbbbG"},
		{"fall counts from a success", 1, 3, ".11.111", "3213210", "GgggggB"},
		{"both", 2, 2, ".1.11..1.", "323201323", "GgggBbGgg"},
		{"failures do not add up below zero", 2, 2, "1111..", "000013", "BbbbbG"},
		{"successes do not add up above the top", 2, 2, "....11", "333320", "GggggB"},
		{"every failure counts", 1, 5, ".1ktx9", "543210", "GggggB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := riseFall{name: "s", rise: test.rise, fall: test.fall}
			var counts, verdicts strings.Builder
			for _, letter := range test.results {
				r := result(letter)
				_, changed := c.report(&r)
				v := "b"
				if c.good() {
					v = "g"
				}
				if changed {
					v = strings.ToUpper(v)
				}
				fmt.Fprint(&counts, c.count)
				verdicts.WriteString(v)
			}
			if diff := cmp.Diff(test.counts, counts.String()); diff != "" {
				t.Errorf("counter after %s (-want +got):\n%s", test.results, diff)
			}
			if diff := cmp.Diff(test.verdicts, verdicts.String()); diff != "" {
				t.Errorf("verdicts after %s (-want +got):\n%s", test.results, diff)
			}
		})
	}
}

func TestRiseFallLines(t *testing.T) {
	tests := []struct {
		results string
		want    []string
		why     string
	}{
		{".", []string{"VRRP_Script(s) succeeded"}, "script s succeeded"},
		{"3", []string{"Script `s` now returning 3", "VRRP_Script(s) failed (exited with status 3)"}, "script s failed (exit 3)"},
		{"k", []string{"VRRP_Script(s) failed (due to signal 9)"}, "script s failed (signal 9)"},
		{"t", []string{"VRRP_Script(s) timed_out"}, "script s failed (timed out)"},
		{
			"x",
			[]string{"VRRP_Script(s) failed (cannot run /x: no such file or directory)"},
			"script s failed (cannot run /x: no such file or directory)",
		},
		{".3", []string{"VRRP_Script(s) succeeded", "Script `s` now returning 3", "VRRP_Script(s) failed (exited with status 3)"}, "script s failed (exit 3)"},
		// Only a status that differs from the last one is news; a signal is none.
		{"33k34t.", []string{
			"Script `s` now returning 3", "VRRP_Script(s) failed (exited with status 3)",
			"Script `s` now returning 4", "Script `s` now returning 0", "VRRP_Script(s) succeeded",
		}, "script s succeeded"},
	}
	for _, test := range tests {
		t.Run(test.results, func(t *testing.T) {
			c := riseFall{name: "s", rise: 1, fall: 1}
			var got []string
			var why string
			for _, letter := range test.results {
				r := result(letter)
				lines, changed := c.report(&r)
				got = append(got, lines...)
				if changed {
					why = c.why(&r)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if why != test.why {
				t.Errorf("why %q, want %q", why, test.why)
			}
		})
	}
}

func TestRiseFallRestore(t *testing.T) {
	tests := []struct {
		name       string
		old        ScriptState
		rise, fall int
		known      bool
		good       bool
		count      int
	}{
		{"unknown", ScriptState{Rise: 1, Fall: 1}, 2, 2, false, false, 0},
		{"good", ScriptState{Known: true, Good: true, Count: 3, Rise: 2, Fall: 2}, 2, 2, true, true, 3},
		{"good with a failure", ScriptState{Known: true, Good: true, Count: 2, Rise: 2, Fall: 2}, 2, 2, true, true, 2},
		{"good, more failures allowed", ScriptState{Known: true, Good: true, Count: 2, Rise: 2, Fall: 2}, 1, 5, true, true, 4},
		{"good, too many failures now", ScriptState{Known: true, Good: true, Count: 1, Rise: 1, Fall: 5}, 3, 1, true, true, 3},
		{"bad", ScriptState{Known: true, Count: 0, Rise: 2, Fall: 2}, 1, 1, true, false, 0},
		{"bad with a success", ScriptState{Known: true, Count: 2, Rise: 3, Fall: 1}, 5, 1, true, false, 2},
		{"bad, enough successes now", ScriptState{Known: true, Count: 4, Rise: 5, Fall: 1}, 2, 9, true, false, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := riseFall{name: "s", rise: test.rise, fall: test.fall}
			c.restore(&test.old)
			if c.known != test.known || c.count != test.count || c.known && c.good() != test.good {
				t.Errorf("known %v, count %d, good %v; want %v, %d, %v", c.known, c.count, c.good(), test.known, test.count, test.good)
			}
		})
	}
}

// Whatever happens, the counter stays in its range, the verdict follows from
// it, and a change is reported exactly when there is one.
func FuzzRiseFall(f *testing.F) {
	f.Add(uint8(1), uint8(1), []byte{0, 1, 0})
	f.Add(uint8(3), uint8(2), []byte{1, 0, 0, 1, 0, 0, 0, 1, 1})
	f.Fuzz(func(t *testing.T, rise, fall uint8, results []byte) {
		if rise == 0 || fall == 0 {
			return
		}
		c := riseFall{name: "s", rise: int(rise), fall: int(fall)}
		row := 0 // successes (positive) or failures (negative) in a row
		for i, b := range results {
			var r spawn.Result
			ok := b%2 == 0
			if !ok {
				r.Err = errors.New("x")
			}
			switch {
			case ok && row > 0:
				row++
			case ok:
				row = 1
			case row < 0:
				row--
			default:
				row = -1
			}
			was := c.good()
			_, changed := c.report(&r)
			if c.count < 0 || c.count > c.top() {
				t.Fatalf("counter %d outside 0 to %d", c.count, c.top())
			}
			if want := i == 0 || c.good() != was; changed != want {
				t.Fatalf("changed = %v, want %v", changed, want)
			}
			if i == 0 && c.good() != ok {
				t.Fatal("the first result does not decide")
			}
			if row >= int(rise) && !c.good() || -row >= int(fall) && c.good() {
				t.Fatalf("good = %v after %d in a row (rise %d, fall %d)", c.good(), row, rise, fall)
			}
		}
	})
}
