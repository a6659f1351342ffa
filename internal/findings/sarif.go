package findings

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
)

// The parts of SARIF 2.1.0 that are used, in the order in which they are
// written. Section numbers are those of the OASIS standard.
type (
	sarifLog struct { // 3.13
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct { // 3.14
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Artifacts   []sarifArtifact   `json:"artifacts"`
		Results     []sarifResult     `json:"results"`
		ColumnKind  string            `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct { // 3.19
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct { // 3.49
		ID               string             `json:"id"`
		Name             string             `json:"name"`
		ShortDescription sarifText          `json:"shortDescription"`
		FullDescription  sarifText          `json:"fullDescription"`
		HelpURI          string             `json:"helpUri"`
		Help             sarifText          `json:"help"`
		Configuration    sarifConfiguration `json:"defaultConfiguration"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct { // 3.20
		Successful bool `json:"executionSuccessful"`
		ExitCode   int  `json:"exitCode"`
	}
	sarifArtifact struct { // 3.24
		Location sarifFile `json:"location"`
	}
	sarifFile struct { // 3.4
		URI   string `json:"uri"`
		Index *int   `json:"index,omitempty"`
	}
	sarifResult struct { // 3.27
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations,omitempty"`
		Fingerprints sarifFingerprints `json:"partialFingerprints"`
	}
	sarifFingerprints struct {
		Finding string `json:"holdfastFinding/v1"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct { // 3.29
		File   sarifFile    `json:"artifactLocation"`
		Region *sarifRegion `json:"region,omitempty"`
	}
	sarifRegion struct { // 3.30
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	homePage    = "https://github.com/holdfast-ha/holdfast"
	rulesPage   = homePage + "/blob/main/docs/config-test.md"
)

func (r *Report) sarif(w io.Writer, s Style) error {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "Holdfast", Version: s.Version, InformationURI: homePage, Rules: sarifRules(),
		}},
		Invocations: []sarifInvocation{{Successful: true, ExitCode: r.Status}},
		Artifacts:   []sarifArtifact{},
		Results:     make([]sarifResult, 0, len(r.Findings)),
		ColumnKind:  "unicodeCodePoints",
	}
	index := map[string]int{}
	artifact := func(name string) sarifFile {
		uri := fileURI(name, s)
		i, ok := index[uri]
		if !ok {
			i = len(run.Artifacts)
			index[uri] = i
			run.Artifacts = append(run.Artifacts, sarifArtifact{sarifFile{URI: uri}})
		}
		return sarifFile{URI: uri, Index: &i}
	}
	for _, f := range r.Files {
		artifact(f)
	}
	seen := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		out := sarifResult{
			RuleID: f.Code.String(), RuleIndex: ruleIndex(f), Level: f.Severity.String(),
			Message: sarifText{f.whole()},
		}
		// A code host shows nothing that has no file.
		name := f.Path
		if name == "" {
			name = r.Main
		}
		if name != "" {
			place := sarifPhysical{File: artifact(name)}
			if f.Path != "" && f.Pos.Line > 0 {
				place.Region = &sarifRegion{f.Pos.Line, max(0, f.Column), f.EndColumn}
			}
			out.Locations = []sarifLocation{{place}}
			name = place.File.URI
		}
		out.Fingerprints.Finding = f.fingerprint(name, seen)
		run.Results = append(run.Results, out)
	}
	return encode(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

func sarifRules() []sarifRule {
	out := make([]sarifRule, 0, len(rules))
	for _, r := range rules {
		out = append(out, sarifRule{
			ID: r.ID(), Name: camel(r.ID()), ShortDescription: sarifText{r.Title + "."}, FullDescription: sarifText{r.Meaning},
			HelpURI: rulesPage + "#" + r.ID(), Help: sarifText{r.paragraph()},
			Configuration: sarifConfiguration{r.Severity().String()},
		})
	}
	return out
}

// camel writes an identifier as SARIF wants names of rules.
func camel(id string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(id, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// ruleIndex is the place of a finding's rule in the table; -1 stands for
// "not there" (3.27.6).
func ruleIndex(f *Finding) int {
	for i, r := range rules {
		if r.Code == f.Code {
			return i
		}
	}
	return -1
}

// whole is the text with what is known besides.
func (f *Finding) whole() string {
	text := f.message()
	for _, more := range []string{f.Hint, f.Action, consequence(f.Effect)} {
		if more = strings.TrimSpace(more); more != "" {
			text = strings.TrimSuffix(text, ".") + ". " + more
		}
	}
	if text == "" {
		text = f.Code.String() // a message must not be empty (3.11)
	}
	return text
}

// fingerprint recognises a finding when lines were added or removed above it:
// it is made from the kind, the file, the line's text and the message, and
// from how often that was met before. seen keeps the latter.
func (f *Finding) fingerprint(uri string, seen map[string]int) string {
	text := strings.Join([]string{f.Code.String(), uri, strings.Join(strings.Fields(string(hide(f.line))), " "), f.message()}, "\x00")
	seen[text]++
	sum := sha256.Sum256(fmt.Appendf([]byte(text), "\x00%d", seen[text]))
	return fmt.Sprintf("%x", sum[:16])
}

// fileURI is the name of a file relative to the base, or a file: URI for one
// that is outside of it.
func fileURI(name string, s Style) string {
	if s.Base != "" {
		full := name
		if !path.IsAbs(full) && s.WorkDir != "" {
			full = path.Join(s.WorkDir, full)
		}
		if path.IsAbs(full) {
			if rest, ok := strings.CutPrefix(path.Clean(full), strings.TrimSuffix(path.Clean(s.Base), "/")+"/"); ok {
				name = rest
			} else {
				name = path.Clean(full)
			}
		}
	}
	if path.IsAbs(name) {
		return (&url.URL{Scheme: "file", Path: name}).String()
	}
	// A colon in the first segment would read as a scheme.
	return (&url.URL{Path: path.Clean(name)}).String()
}
