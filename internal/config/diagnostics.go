package config

import (
	"fmt"
	"io"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// Diagnostic is one thing to say about a configuration.
type Diagnostic = syntax.Diagnostic

// Diagnostics are all problems of a configuration, in the order in which
// keepalived would meet them.
type Diagnostics []Diagnostic

// Statuses of a configuration test.
const (
	ExitOK       = 0
	ExitMissing  = 2 // a mandatory argument is missing
	ExitFatal    = 4 // only problems no daemon can start with
	ExitErrors   = 5 // anything else that was reported
	ExitSecurity = 6 // scripts without enable_script_security, or an include that failed
)

// ExitStatus is the status with which a configuration test ends. It goes by
// the highest code, whatever its severity: so keepalived has it, and CI
// jobs depend on it.
func (d Diagnostics) ExitStatus() int {
	highest, stopped, early, include := syntax.Log, false, false, false
	for _, x := range d {
		if x.Beyond {
			continue
		}
		switch x.Effect {
		case syntax.Abandon:
			return ExitOK
		case syntax.Stop:
			stopped, early = true, early || x.Early
		case syntax.RefuseInclude:
			include = true
			continue
		}
		highest = max(highest, x.Code)
	}
	switch {
	case early:
		return ExitMissing
	case include:
		return ExitSecurity
	case stopped:
		return ExitMissing
	case highest <= syntax.Log:
		return ExitOK
	case highest <= syntax.Fatal:
		return ExitFatal
	case highest < syntax.Security:
		return ExitErrors
	}
	return ExitSecurity
}

// Fatal says whether the daemon must not start with, or reload to, this configuration.
func (d Diagnostics) Fatal() bool {
	for _, x := range d {
		if x.Effect != syntax.Report && x.Effect != syntax.Abandon {
			return true
		}
	}
	return false
}

// Clean says whether nothing counts: what reload_check_config asks for.
func (d Diagnostics) Clean() bool { return !d.Fatal() && d.ExitStatus() == ExitOK }

// Write prints the diagnostics one a line, each followed by its hint where
// there is one.
func (d Diagnostics) Write(w io.Writer) error {
	for _, x := range d {
		if _, err := fmt.Fprintln(w, x); err != nil {
			return err
		}
		if help := x.Help(); help != "" {
			if _, err := fmt.Fprintln(w, "  "+help); err != nil {
				return err
			}
		}
	}
	return nil
}

// Missing tells whether a file that had to be there could not be read: the
// daemon then ends with a status of its own.
func (d Diagnostics) Missing() bool {
	for _, x := range d {
		if x.Effect == syntax.RefuseInclude {
			return true
		}
	}
	return false
}
