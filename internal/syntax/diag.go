package syntax

import (
	"fmt"
	"strings"
)

// Pos is a place in a configuration file.
type Pos struct {
	File string
	Line int // from 1; 0: unknown
	Col  int // from 1; 0: unknown, as after a substitution
}

func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Code is the kind of a diagnostic. From FileNotFound on the order is the one
// in which a configuration test ranks them: the highest decides its status.
type Code uint8

// Kinds of diagnostics.
const (
	Note            Code = iota // advice of ours; has no influence on anything
	Log                         // an ordinary log line of keepalived; has no influence on the status
	FileNotFound                // a file of the configuration cannot be read
	BadInterface                // an interface that does not exist
	Fatal                       // a problem no daemon can start with
	MultipleFiles               // the name of the main file matches several
	UnknownKeyword              //
	UnexpectedOpen              // "{" where none belongs
	MissingOpen                 // no "{" after a keyword that has a block
	UnexpectedClose             // "}" too many
	MissingClose                // "}" missing at the end
	UnmatchedQuote              //
	MissingParam                // a mandatory argument is missing
	InvalidNumber               //
	General                     //
	Warning                     //
	Deprecated                  //
	Security                    // scripts run without the checks of enable_script_security
)

var codeNames = [...]string{
	"note", "log", "file-not-found", "bad-interface", "fatal", "multiple-files", "unknown-keyword",
	"unexpected-open-brace", "missing-open-brace", "extra-close-brace", "missing-close-brace",
	"unmatched-quote", "missing-parameter", "invalid-number", "general", "warning", "deprecated", "script-security",
}

func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "unknown"
}

// Effect is what a diagnostic does beyond being reported.
type Effect uint8

// Effects.
const (
	Report        Effect = iota // reading goes on with the faulty part ignored or corrected
	Refuse                      // the configuration cannot be run
	Stop                        // as Refuse, and keepalived reads no further
	RefuseInclude               // as Refuse: a file that had to be there is not
	Abandon                     // a configuration test ends here, with success
)

// Diagnostic is one thing to say about a configuration.
type Diagnostic struct {
	Code   Code
	Effect Effect
	Pos    Pos    // zero: about the whole
	Text   string // what is wrong, in keepalived's words where it has them
	Hint   string // what was probably meant, or why; may be empty
	Action string // what to do about it; may be empty
	// Prefix says how much of the place String writes; Pos is complete in any case.
	Prefix Prefix
	// Early is set while the globals are read, which happens before everything else.
	Early bool
	// Beyond is set for what keepalived does not get to, because it gave up
	// before: it has no influence on the status.
	Beyond bool
}

// Prefix is the form of the place in front of a message.
type Prefix uint8

// Forms of the place.
const (
	PrefixFull Prefix = iota // (FILE: Line N)
	PrefixLine               // (Line N)
	PrefixNone
)

// String is the diagnostic as keepalived writes it: the place, then the text.
func (d Diagnostic) String() string {
	switch {
	case d.Prefix == PrefixNone || d.Pos.Line == 0:
		return d.Text
	case d.Prefix == PrefixLine || d.Pos.File == "":
		return fmt.Sprintf("(Line %d) %s", d.Pos.Line, d.Text)
	}
	return fmt.Sprintf("(%s: Line %d) %s", d.Pos.File, d.Pos.Line, d.Text)
}

// Help is the hint and the action in one line; empty when there is neither.
func (d Diagnostic) Help() string {
	return strings.TrimSpace(strings.TrimSpace(d.Hint) + " " + strings.TrimSpace(d.Action))
}
