package config

import "strings"

// Nearest gives the known word that was probably meant by one that is unknown;
// "" when none is close.
func Nearest(word string, known []string) string { return nearest(word, known) }

// nearest is the function of that name, as long as not too many names have
// been compared already: then it gives "".
func (l *loader) nearest(word string, known func() []string) string {
	if l.compared > maxCompared {
		return ""
	}
	names := known()
	if l.compared += len(names); l.compared > maxCompared {
		return ""
	}
	return nearest(word, names)
}

// nearest gives the known word that was most likely meant, or "".
func nearest(word string, known []string) string {
	best, bestDistance := "", len(word)/4+2
	meant := plain(word)
	for _, k := range known {
		if len(k) > 2*len(word)+2 || len(word) > 2*len(k)+2 {
			continue
		}
		d := distance(meant, plain(k))
		if d < bestDistance && d < len(k)-1 && k != word {
			best, bestDistance = k, d
		}
	}
	return best
}

// plain drops what people put in or leave out of a name without noticing.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours that lead from a to b.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	previous2, previous, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(previous[j]+1, row[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], previous2[j-2]+1)
			}
		}
		previous2, previous, row = previous, row, previous2
	}
	return previous[len(b)]
}
