package findings

import (
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// recorded are the diagnostics of the files in testdata/golden, kept here so
// that the expected reports do not depend on the wording of package config.
var recorded = map[string]config.Diagnostics{
	"mistakes": {
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 4, Col: 5}, Text: "Unknown keyword 'vrrp_strickt'", Hint: "Did you mean 'vrrp_strict'?"},
		{Code: syntax.UnmatchedQuote, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 19, Col: 9}, Text: "Unterminated quote 'auth_pass \"*** ** ** ****'"},
		{Code: syntax.Log, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 26, Col: 5}, Text: "Config files missing 'missing.conf'."},
		{Code: syntax.InvalidNumber, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 9, Col: 14}, Text: "invalid number 'abc'"},
		{Code: syntax.General, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 9, Col: 14}, Text: "(check): vrrp script interval must be greater than 0, setting to 1"},
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 15, Col: 5}, Text: "Unknown keyword 'prioritty'", Hint: "Did you mean 'priority'?"},
		{Code: syntax.MissingParam, Effect: syntax.Stop, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 19, Col: 9}, Text: "*** Configuration line starting `auth_pass` is missing a parameter after keyword `auth_pass` at word position 2", Action: "Give the argument, or remove the line."},
		{Code: syntax.General, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 22, Col: 9}, Text: "VRRP parsed invalid IP 192.0.2.300/24. skipping IP..."},
		{Code: syntax.General, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 23, Col: 32}, Text: "Unknown configuration entry 'labell' for ip address - ignoring"},
		{Code: syntax.General, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 23, Col: 39}, Text: "Unknown configuration entry 'eth0:1' for ip address - ignoring"},
		{Code: syntax.General, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 25, Col: 20}, Text: "(VI_1) track script chekc not found, ignoring...", Hint: "Did you mean 'check'?"},
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "part.conf", Line: 2, Col: 1}, Text: "Unknown keyword 'vrrp_instance'", Hint: "It belongs outside all blocks: a '}' may be missing above.", Action: "The block is left out."},
		{Code: syntax.MissingClose, Pos: syntax.Pos{File: "testdata/golden/mistakes.conf", Line: 28, Col: 1}, Text: "There are 1 missing '}'s or extra '{'s"},
	},
	"bytes": {
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "testdata/golden/bytes.conf", Line: 4, Col: 3}, Text: "Unknown keyword 'prioritty'", Hint: "Did you mean 'priority'?"},
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "testdata/golden/bytes.conf", Line: 5, Col: 2}, Text: "Unknown keyword 'caf\xe9'"},
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "testdata/golden/bytes.conf", Line: 6, Col: 2}, Text: "Unknown keyword '\u65e5\u672c'"},
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "testdata/golden/bytes.conf", Line: 7, Col: 2}, Text: "Unknown keyword 'esc\x1b[31mape'"},
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "testdata/golden/bytes.conf", Line: 8, Col: 3}, Text: "Unknown keyword 'unknown_with_a_very_long_line'"},
		{Code: syntax.General, Pos: syntax.Pos{File: "testdata/golden/bytes.conf", Line: 9, Col: 119}, Text: "Unknown configuration entry 'labell' for ip address - ignoring"},
		{Code: syntax.General, Pos: syntax.Pos{File: "testdata/golden/bytes.conf", Line: 9, Col: 126}, Text: "Unknown configuration entry 'eth0:1' for ip address - ignoring"},
		{Code: syntax.UnexpectedClose, Pos: syntax.Pos{File: "testdata/golden/bytes.conf", Line: 12, Col: 1}, Text: "Extra '}' found"},
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "testdata/golden/bytes.conf", Line: 12, Col: 1}, Text: "Unknown keyword '}'"},
	},
	"clean": {},
	"stops": {
		{Code: syntax.MissingParam, Effect: syntax.Stop, Pos: syntax.Pos{File: "testdata/golden/stops.conf", Line: 4, Col: 5}, Text: "*** Configuration line starting `virtual_router_id` is missing a parameter after keyword `virtual_router_id` at word position 2", Action: "Give the argument, or remove the line."},
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "testdata/golden/stops.conf", Line: 5, Col: 0}, Text: "Unknown keyword 'eth0'"},
		{Code: syntax.UnknownKeyword, Pos: syntax.Pos{File: "testdata/golden/stops.conf", Line: 6, Col: 5}, Text: "Unknown keyword 'auth_pass'", Hint: "It belongs in authentication."},
		{Code: syntax.MissingClose, Pos: syntax.Pos{File: "testdata/golden/stops.conf", Line: 9, Col: 5}, Text: "There are 1 missing '}'s or extra '{'s"},
	},
	"absent": {
		{Code: syntax.FileNotFound, Effect: syntax.Refuse, Text: "Config files missing 'testdata/golden/absent.conf'.", Action: "There is no such file; -f names another one."},
	},
}
