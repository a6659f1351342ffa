package findings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// jsonVersion goes up when a field changes its meaning or goes away; a new
// field does not change it.
const jsonVersion = 1

type jsonReport struct {
	Format   string        `json:"format"`
	Version  int           `json:"version"`
	Status   int           `json:"exit_status"`
	Refused  bool          `json:"refused"`
	Main     string        `json:"main"`
	Files    []string      `json:"files"`
	Errors   int           `json:"errors"`
	Warnings int           `json:"warnings"`
	Notes    int           `json:"notes"`
	Findings []jsonFinding `json:"findings"`
}

type jsonFinding struct {
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndColumn int    `json:"end_column,omitempty"`
	Code      string `json:"code"`
	Severity  string `json:"severity"`
	Effect    string `json:"effect"`
	Text      string `json:"text"`
	Hint      string `json:"hint,omitempty"`
	Action    string `json:"action,omitempty"`
}

// effectName is what a finding does beyond being reported.
func effectName(e syntax.Effect) string {
	switch e {
	case syntax.Report:
		return "report"
	case syntax.Refuse:
		return "refuse"
	case syntax.Stop:
		return "stop"
	case syntax.RefuseInclude:
		return "refuse-include"
	}
	return "unknown"
}

func (r *Report) json(w io.Writer) error {
	out := jsonReport{
		Format: "holdfast-config-test", Version: jsonVersion, Status: r.Status, Refused: r.Refused,
		Main: r.Main, Files: append([]string{}, r.Files...),
		Errors: r.Count(Error), Warnings: r.Count(Warning), Notes: r.Count(Note),
		Findings: make([]jsonFinding, 0, len(r.Findings)),
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		out.Findings = append(out.Findings, jsonFinding{
			File: f.Path, Line: max(0, f.Pos.Line), Column: f.Column, EndColumn: f.EndColumn,
			Code: f.Code.String(), Severity: f.Severity.String(), Effect: effectName(f.Effect),
			Text: f.message(), Hint: strings.TrimSpace(f.Hint), Action: strings.TrimSpace(f.Action),
		})
	}
	return encode(w, out)
}

// encode writes indented JSON in which everything that cannot be seen is
// escaped. Invalid UTF-8 becomes U+FFFD.
func encode(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	var out bytes.Buffer
	for _, r := range b.String() {
		switch {
		case r < 0x7f || visible(r):
			out.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}
