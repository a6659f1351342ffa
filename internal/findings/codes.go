package findings

import (
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// Rule explains a kind of finding. Its name is the stable identifier of the
// kind in all formats; names are never given to something else.
type Rule struct {
	Code    syntax.Code
	Title   string // in a few words
	Meaning string // what it means
	Peer    string // what keepalived does
	Remedy  string // what to do
}

// ID is the stable identifier.
func (r Rule) ID() string { return r.Code.String() }

// Severity is that of a finding of this kind which the daemon can live with.
func (r Rule) Severity() Severity { return severity(syntax.Diagnostic{Code: r.Code}) }

// Rules explains every kind, in the order of the codes.
func Rules() []Rule { return rules }

// Explain finds the explanation of a kind by its identifier.
func Explain(id string) (Rule, bool) {
	for _, r := range rules {
		if strings.EqualFold(r.ID(), id) {
			return r, true
		}
	}
	return Rule{}, false
}

var rules = []Rule{
	{
		syntax.Note, "Advice of Holdfast",
		"Something is understood and accepted, and there is something to know about it: most often that Holdfast does not serve it yet.",
		"It says nothing.",
		"Read it. Nothing has to be changed, and the status does not change.",
	},
	{
		syntax.Log, "Logged by the daemon, ignored by the test",
		"The daemon behaves differently from what the file seems to say, for example because a notify script is not there.",
		"It writes a line to its log when it runs, says nothing in a configuration test, and ends the test with status 0.",
		"Decide whether the difference is meant. These are the mistakes that a test by status alone does not find.",
	},
	{
		syntax.FileNotFound, "A file of the configuration is missing",
		"The main file, or a file that an include line demands, is not there or cannot be read.",
		"It ends with status 6 for an include that must succeed, and with status 0 for a missing main file, so that a test of nothing succeeds; Holdfast gives 4 for the latter.",
		"Correct the name, or use plain include where the file may be missing. Names are relative to the file with the include line.",
	},
	{
		syntax.BadInterface, "An interface does not exist",
		"A network interface that the configuration needs is not on this machine, or on the machine described with --config-test-host.",
		"It does not start.",
		"Correct the name, set dynamic_interfaces in global_defs if the interface appears later, or test for the right machine.",
	},
	{
		syntax.Fatal, "A named part does not exist",
		"linkbeat_interfaces or interface_up_down_delays names an interface that is not there.",
		"It leaves the line out and runs. When nothing else is wrong the test ends with status 4.",
		"Correct the name, or remove the line.",
	},
	{
		syntax.MultipleFiles, "The name matches several files",
		"The name of the main file is a pattern that matches more than one file. All are read, in the order of their names.",
		"It does the same, and the test ends with status 5.",
		"Name one file, and include the others from it.",
	},
	{
		syntax.UnknownKeyword, "Unknown keyword",
		"The first word of a line is no keyword where it stands. It is misspelt, or belongs in another block, or is newer than the keepalived whose language is read.",
		"It ignores the line. When a block follows, its lines are read as if they stood in the block around it, and its closing brace ends that block; Holdfast leaves the whole block out unless --strict-compat is given.",
		"Correct the word, or move the line. Where a word is near a known one, or known in one other block, the finding says so.",
	},
	{
		syntax.UnexpectedOpen, "Opening brace that belongs to nothing",
		"A '{' stands where no block begins.",
		"It ignores the brace, and does not complain about one closing brace later.",
		"Remove the brace, or put the keyword of its block before it.",
	},
	{
		syntax.MissingOpen, "Opening brace missing",
		"A keyword that opens a block is not followed by '{', in the same line or the next.",
		"It reads on as if the brace were there.",
		"Put '{' after the keyword.",
	},
	{
		syntax.UnexpectedClose, "Closing brace too many",
		"A '}' ends nothing. Often a block above was closed too early.",
		"It ignores the brace.",
		"Remove it, or look for the block above that lost its opening brace.",
	},
	{
		syntax.MissingClose, "Closing brace missing",
		"The files end inside a block.",
		"It takes the end of the file as the end of all blocks.",
		"Close the block. A keyword of the top level that was reported as unknown above shows where it stayed open.",
	},
	{
		syntax.UnmatchedQuote, "Quote without partner",
		"A double quote opens a word and the line ends before it is closed.",
		"It leaves out the words from the quote on.",
		"Close the quote in the same line. A quote cannot be part of a quoted word.",
	},
	{
		syntax.MissingParam, "Argument missing",
		"A keyword stands without an argument that it cannot do without.",
		"It ends at once with status 2, in a test and as a daemon, and reads no further; Holdfast reads on to report the rest, with the same status.",
		"Give the argument, or remove the line.",
	},
	{
		syntax.InvalidNumber, "Not a number, or outside of its range",
		"A number has other characters in it, too many decimal places, or is not one of those allowed.",
		"It leaves the value as it was. Outside of a test it takes some numbers with other characters behind them.",
		"Give a number within the range that the finding names.",
	},
	{
		syntax.General, "Wrong or contradictory",
		"A value is not of the kind that the keyword takes, names something that does not exist, or does not go together with something else.",
		"It leaves the part out or corrects it, as the text says, and runs; or, where the finding is an error, it does not start.",
		"Correct what the text names. The hint says what was probably meant.",
	},
	{
		syntax.Warning, "Probably not what was meant",
		"The configuration is valid and has an effect that is rarely wanted.",
		"It runs with it as it is, and the test ends with status 5.",
		"Write what is meant, or take the line out.",
	},
	{
		syntax.Deprecated, "Deprecated",
		"It still works, and a later version of keepalived may drop it.",
		"It runs with it, and the test ends with status 5.",
		"Use what the text names in its place.",
	},
	{
		syntax.Security, "Scripts or keys are not protected",
		"Scripts run without the checks of enable_script_security, so that somebody who may write to one of their directories may run what they like; or a key file can be read by others.",
		"It runs the scripts, and ends the test with status 6 unless an argument is missing somewhere.",
		"Set enable_script_security and script_user in global_defs. Make scripts, and all directories above them, writable for root alone.",
	},
}

// paragraph is the whole explanation.
func (r Rule) paragraph() string {
	return r.Meaning + " What keepalived does: " + lowerFirst(r.Peer) + " What to do: " + lowerFirst(r.Remedy)
}

// lowerFirst joins a sentence to what stands before it.
func lowerFirst(s string) string {
	if s == "" || strings.ToUpper(s[:min(2, len(s))]) == s[:min(2, len(s))] {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
