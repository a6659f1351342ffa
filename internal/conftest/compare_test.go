package conftest

import (
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/corpus"
)

// outcome is what a comparison comes to.
type outcome int

const (
	agree outcome = iota
	explained
	known
	referenceDied
	disagree
)

// compare judges two verdicts about a configuration; name is that of the
// exception or known disagreement, if there is one.
func compare(c conf, theirs, ours verdict) (result outcome, name string) {
	if ours.exit == exitDied || ours.exit == exitTimeout {
		return disagree, ""
	}
	// A crash is a defect of the reference, whatever led to it.
	if theirs.exit < 0 {
		return referenceDied, ""
	}
	if theirs.exit == ours.exit {
		return agree, ""
	}
	if name, ok := explain(exceptions, c, theirs, ours); ok {
		return explained, name
	}
	if name, ok := explain(knownDisagreements, c, theirs, ours); ok {
		return known, name
	}
	// Both kinds at once.
	if name, ok := explain(slices.Concat(exceptions, knownDisagreements), c, theirs, ours); ok {
		return known, name
	}
	return disagree, ""
}

// exception is a difference that is no disagreement.
type exception struct {
	name string
	why  string
	// ours matches what we report and the reference does not.
	ours *regexp.Regexp
	// lvs leaves out what the reference reports about virtual servers.
	lvs bool
	// theirs matches what the reference reports and we do not.
	theirs *regexp.Regexp
	// A configuration that cannot be compared is matched by text, or by said
	// matching a message of the reference, or by both if both are set; when,
	// if it is set, says for which verdicts.
	text *regexp.Regexp
	said *regexp.Regexp
	when func(theirs, ours int) bool
	// example is a configuration that shows the difference.
	example string
}

// harmless are messages that have no influence on the status.
var harmless = regexp.MustCompile(`^(\([^)]*Line \d+\) )?(Some c|C)onfig files missing|^$`)

// explain leaves out what the exceptions speak of and compares again.
func explain(list []exception, c conf, theirs, ours verdict) (name string, ok bool) {
	exit, diags, rest := theirs.exit, slices.Clone(ours.diags), slices.DeleteFunc(slices.Clone(theirs.messages), harmless.MatchString)
	all := len(rest)
	for _, e := range list {
		if e.covers(c, theirs, ours) {
			return e.name, true
		}
		before := len(diags) + len(rest)
		if e.ours != nil {
			diags = slices.DeleteFunc(diags, func(d config.Diagnostic) bool { return e.ours.MatchString(d.Text) })
		}
		if e.lvs {
			rest = slices.DeleteFunc(rest, c.aboutLVS())
		}
		if e.theirs != nil {
			rest = slices.DeleteFunc(rest, e.theirs.MatchString)
		}
		if len(diags)+len(rest) < before {
			name = e.name
		}
	}
	// Of the reference the kinds of the messages are not known, so only all
	// or nothing can be told.
	if len(rest) == 0 && all > 0 && exit != config.ExitMissing {
		exit = config.ExitOK
	}
	insecure := func(m string) bool { return strings.HasPrefix(m, "SECURITY VIOLATION") }
	if exit == config.ExitSecurity && slices.ContainsFunc(theirs.messages, insecure) && !slices.ContainsFunc(rest, insecure) {
		exit = config.ExitErrors
	}
	left := diags.ExitStatus()
	if len(rest) < all && exit == config.ExitErrors && left == config.ExitFatal {
		exit = left
	}
	return name, name != "" && left == exit
}

// aboutLVS tells whether a message belongs to LVS, which can be told of lines of
// the main file.
func (c conf) aboutLVS() func(string) bool {
	about := corpus.AboutLVS(c[mainFile], configID)
	return func(m string) bool {
		elsewhere := len(c) > 1 && strings.HasPrefix(m, "(") && !strings.HasPrefix(m, "("+mainFile+": ")
		return !elsewhere && about(m)
	}
}

// covers says whether the exception is about the configuration as a whole.
func (e *exception) covers(c conf, theirs, ours verdict) bool {
	if e.lvs && theirs.exit == config.ExitMissing {
		// It ended there, in the pass of the health checker.
		return c.aboutLVS()(theirs.messages[len(theirs.messages)-1])
	}
	if e.text == nil && e.said == nil {
		return false
	}
	return (e.text == nil || e.text.MatchString(c.String())) &&
		(e.said == nil || slices.ContainsFunc(theirs.messages, e.said.MatchString)) &&
		(e.when == nil || e.when(theirs.exit, ours.exit))
}
