package config

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// checkWords looks at what is said about a word.
func checkWords(t *testing.T, k Keyword) {
	t.Helper()
	if k.Doc == "" || !strings.HasSuffix(k.Doc, ".") || strings.Contains(k.Doc, "\n") {
		t.Errorf("documentation %q is not one sentence", k.Doc)
	}
	if k.Example == "" {
		t.Error("there is no example")
	}
	if len(k.Keywords) == 0 && k.Default == "" && !strings.HasPrefix(k.Args, "... {") && !skipped[k.Name] {
		t.Error("there is no default; if there is none, say none")
	}
	if len(k.More) == 0 && !plainTopics[k.Block] {
		t.Error("the page says no more than the row")
	}
	for _, old := range k.OldNames {
		if !slices.Contains(k.Aliases, old) {
			t.Errorf("%s is no other name", old)
		}
	}
}

// plainTopics are those whose words one sentence explains.
var plainTopics = map[string]bool{
	"include": true, "conditions": true, "definitions": true, "address": true, "route": true, "rule": true, "files": true, "vmac": true,
}

// skipped are blocks that are left out as a whole.
var skipped = map[string]bool{"virtual_server": true, "virtual_server_group": true, "SSL": true}

func TestManualPages(t *testing.T) {
	names, err := fs.Glob(manualFiles, "manual/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	// Whose entries are words: a keyword of the block, or of any block for a topic.
	known := map[string]map[string]bool{}
	var visit func(list []Keyword)
	visit = func(list []Keyword) {
		for _, k := range list {
			file := k.Block
			if file == "" {
				file = "top"
			}
			if known[file] == nil {
				known[file] = map[string]bool{}
			}
			known[file][k.Name] = true
			visit(k.Keywords)
		}
	}
	visit(Keywords())
	for _, topic := range topicFiles {
		known["topic_"+topic] = nil
	}
	for _, path := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "manual/"), ".txt")
		words, ok := known[name]
		if !ok {
			t.Errorf("%s is the page of nothing", path)
		}
		delete(known, name)
		seen := map[string]bool{}
		for _, e := range manualPage(name).Entries {
			for _, word := range e.Names {
				if seen[word] {
					t.Errorf("%s: %s twice", path, word)
				}
				seen[word] = true
				if words != nil && !words[word] {
					t.Errorf("%s: there is no keyword %s", path, word)
				}
			}
		}
	}
	for name := range known {
		t.Errorf("manual/%s.txt is missing", name)
	}
}

// topicWords are the words that the parsers of a topic know.
func topicWords() map[string][]string {
	address := append(slices.Collect(maps.Keys(addressFlags)), addressWords...)
	route := slices.Concat(slices.Collect(maps.Keys(routeWords)), slices.Collect(maps.Keys(routeMetrics)), []string{"nexthop"})
	return map[string][]string{
		"address": address,
		"route":   route,
		"rule":    slices.Collect(maps.Keys(ruleWords)),
		"peer":    slices.Collect(maps.Keys(peerOptions)),
		"include": syntax.IncludeWords(),
	}
}

func TestTopicWordsAreThoseOfTheParser(t *testing.T) {
	parsers := topicWords()
	for _, topic := range Topics() {
		want, ok := parsers[topic.Name]
		if !ok {
			continue
		}
		var got []string
		for _, w := range topic.Words {
			got = append(append(got, w.Name), w.Aliases...)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\nthe page has %q,\nthe parser   %q", topic.Name, got, want)
		}
	}
}

// topicTexts are what stands around the example of a topic.
var topicTexts = map[string]struct{ before, after string }{
	"address": {"vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n192.0.2.77\n}\nvirtual_ipaddress_excluded {\n", "\n}\n}\n"},
	"route":   {"static_routes {\n", "\n}\n"},
	"rule":    {"static_rules {\n", "\n}\n"},
	"peer":    {"vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n192.0.2.77\n}\nunicast_peer {\n", "\n}\n}\n"},
	"track":   {"vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n192.0.2.77\n}\ntrack_script {\n", "\n}\n}\n"},
}

// instanceExample is where the examples of the other topics stand, that of a
// global keyword excepted.
var instanceExample = struct{ before, after string }{
	"vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n192.0.2.77\n}\n", "\n}\n",
}

func TestTopicExamples(t *testing.T) {
	for _, topic := range Topics() {
		if topic.Title == "" || len(topic.More) == 0 {
			t.Errorf("%s has no introduction", topic.Name)
		}
		for _, k := range topic.Words {
			t.Run(topic.Name+"/"+k.Name, func(t *testing.T) {
				checkWords(t, k)
				checkTopicExample(t, topic.Name, k)
			})
		}
	}
}

func checkTopicExample(t *testing.T, topic string, k Keyword) {
	t.Helper()
	around, ok := topicTexts[topic]
	if !ok {
		around = instanceExample
	}
	switch first, _, _ := strings.Cut(k.Example, " "); {
	case topic == "repetition":
		around = topicTexts["address"]
	case k.Name == "track_group" && topic == "address":
		around.before, around.after = "static_ipaddress {\n", "\n}\n"
	case first == "router_id" || strings.HasPrefix(first, "vrrp_"):
		around.before, around.after = "global_defs {\n", "\n}\n"
	case first == "auth_pass":
		around.before, around.after = instanceExample.before+"authentication {\nauth_type PASS\n", "\n}\n"+instanceExample.after
	case first == "include":
		around.before, around.after = "", "\n"
	case first == "virtual_ipaddress":
		around.before = strings.Replace(around.before, "192.0.2.77\n", "192.0.2.78\n", 1)
	}
	f := goldenHost()
	f.script("/usr/local/bin/notify.sh", 0o755)
	text := "global_defs {\nscript_user root\nenable_script_security\n}\n" + exampleBefore + "track_group GRP1 {\ngroup { A }\n}\n$IF=eth0\n" + around.before + k.Example + around.after + exampleAfter
	f.content["f.conf"] = text
	f.content["conf.d/a.conf"] = "# nothing\n"
	_, diags := Load("f.conf", Options{Test: true, Host: f.host(), ConfigID: "node1"})
	for _, d := range diags {
		if d.Code > syntax.Log && k.Instead == "" && !(topic == "peer" && strings.Contains(d.Text, "TTL")) {
			t.Errorf("%s: %s\n%s", d.Code, d, number(text))
		}
	}
}
