package conftest

import (
	"maps"
	"slices"
	"strings"
)

// shrink drops lines, then words, of a configuration while bad stays true. It
// asks at most budget times.
func shrink(c conf, budget int, bad func(conf) bool) conf {
	try := func(name string, parts []string, sep string) bool {
		if budget == 0 {
			return false
		}
		budget--
		d := maps.Clone(c)
		d[name] = strings.Join(parts, sep)
		if d[name] == "" && name != mainFile {
			delete(d, name)
		}
		if !bad(d) {
			return false
		}
		c = d
		return true
	}
	for _, name := range c.names() {
		parts := strings.SplitAfter(c[name], "\n")
		for size := max(len(parts)/2, 1); size > 0; size /= 2 {
			for at := 0; at < len(parts); {
				rest := slices.Delete(slices.Clone(parts), at, min(at+size, len(parts)))
				if try(name, rest, "") {
					parts = rest
				} else {
					at += max(size/4, 1)
				}
			}
		}
		for i := range parts {
			for {
				words := strings.Split(parts[i], " ")
				shorter := false
				for j := len(words) - 1; j > 0 && !shorter; j-- {
					rest := slices.Clone(parts)
					rest[i] = strings.Join(slices.Delete(slices.Clone(words), j, j+1), " ")
					if strings.HasSuffix(parts[i], "\n") && !strings.HasSuffix(rest[i], "\n") {
						rest[i] += "\n"
					}
					if shorter = rest[i] != parts[i] && try(name, rest, ""); shorter {
						parts = rest
					}
				}
				if !shorter {
					break
				}
			}
		}
	}
	return c
}
