package conftest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/corpus"
)

var rounds = flag.Int("conf.rounds", 1, "how many mutations of each published configuration to try")

var (
	wordPlaces = regexp.MustCompile(`[^\s{}]+`)
	linkPlaces = regexp.MustCompile(`(?m)^[ \t]*interface[ \t]+([^\s#!"]+)`)
	userPlaces = regexp.MustCompile(`(?m)^([ \t]*(?:script_user|user)[ \t]+)[^\n#!]+`)
	// leftOut are configurations that change the machine, ask a name server, or
	// cannot be entered.
	leftOut = regexp.MustCompile(`(?m)^\s*(config_save_dir|smtp_server\s+[a-z])|net_namespace`)
)

// TestMutated takes published configurations, changes one word of each, and
// compares the verdicts. The collection is no part of the source.
func TestMutated(t *testing.T) {
	var texts, names []string
	for _, f := range corpus.Read(t) {
		if !leftOut.Match(f.Text) {
			texts = append(texts, settle(string(f.Text)))
			names = append(names, f.Number)
		}
	}
	run(t, len(texts)**rounds, func(i int) (conf, string) {
		seed := *firstSeed + uint64(i/len(texts))
		at := i % len(texts)
		return conf{mainFile: mutate(texts[at], rand.New(rand.NewPCG(seed, uint64(at))))},
			fmt.Sprintf("go test ./internal/conftest -run TestMutated -conf.seed=%d (%s)", seed, names[at])
	})
}

// settle moves a configuration to the machine of the tests: its interfaces
// become those that there are, its users root.
func settle(text string) string {
	text = userPlaces.ReplaceAllString(text, "${1}root")
	links := map[string]string{}
	for _, m := range linkPlaces.FindAllStringSubmatch(text, -1) {
		if links[m[1]] == "" {
			links[m[1]] = []string{"eth0", "eth1", "peer0", "peer1"}[len(links)%4]
		}
	}
	return wordPlaces.ReplaceAllStringFunc(text, func(w string) string {
		if to := links[w]; to != "" {
			return to
		}
		return w
	})
}

// mutate changes one word.
func mutate(text string, r *rand.Rand) string {
	places := wordPlaces.FindAllStringIndex(text, -1)
	if len(places) == 0 {
		return text
	}
	// Most words of some files are in comments, where nothing happens.
	at := places[r.IntN(len(places))]
	for range 20 {
		line := text[strings.LastIndexByte(text[:at[0]], '\n')+1 : at[0]]
		if !strings.ContainsAny(line+text[at[0]:at[1]], "#!") {
			break
		}
		at = places[r.IntN(len(places))]
	}
	word := text[at[0]:at[1]]
	other := places[r.IntN(len(places))]
	choices := []string{
		"", word + " " + word, text[other[0]:other[1]], word + "x", "x" + word, word[1:], word[:len(word)-1], `"` + word + `"`, `"` + word, strings.ToUpper(word),
		"{", "}", "0", "-1", "256", "1.5", "9999999999", `""`, "#", "word", "::1", "192.0.2.300", "192.0.2.200", "no-such-thing", word + " extra",
	}
	if n, err := strconv.Atoi(word); err == nil {
		choices = slices.Concat(choices, []string{strconv.Itoa(n + 1), strconv.Itoa(n - 1), strconv.Itoa(n * 10), strconv.Itoa(n) + ".0"})
	}
	to := choices[r.IntN(len(choices))]
	if strings.HasPrefix(text[:at[0]], "virtual_server") || leftOut.MatchString(to) {
		to = "word"
	}
	return text[:at[0]] + to + text[at[1]:]
}
