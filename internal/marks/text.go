package marks

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// Table has the marks of each instance, under a key that holds no blank.
type Table map[string]advert.Marks

const (
	first = "holdfast replay marks 1"
	last  = "end" // and the number of lines before it
)

// ErrDamaged: the content is not what Encode has made.
var ErrDamaged = errors.New("is damaged")

// Encode writes the table in the order of its keys, a line for each number:
//
//	holdfast replay marks 1
//	ah KEY NUMBER
//	sent KEY SEQUENCE
//	seen KEY ADDRESS SEQUENCE
//	end LINES
func (t Table) Encode() []byte {
	var b bytes.Buffer
	lines := 1
	put := func(format string, args ...any) {
		fmt.Fprintf(&b, format+"\n", args...)
		lines++
	}
	fmt.Fprintln(&b, first)
	for _, key := range slices.Sorted(maps.Keys(t)) {
		m := t[key]
		if m.AH != 0 {
			put("ah %s %d", key, m.AH)
		}
		if m.Sent != 0 {
			put("sent %s %016x", key, uint64(m.Sent))
		}
		for _, s := range m.Seen {
			put("seen %s %s %016x", key, s.From, uint64(s.High))
		}
	}
	fmt.Fprintln(&b, last, lines)
	return b.Bytes()
}

// Decode is the inverse of Encode.
func Decode(data []byte) (Table, error) {
	lines := strings.Split(string(data), "\n")
	n := len(lines)
	if n < 3 || lines[0] != first || lines[n-1] != "" || lines[n-2] != fmt.Sprint(last, " ", n-2) {
		return nil, ErrDamaged
	}
	t := Table{}
	for i, line := range lines[1 : n-2] {
		w := strings.Split(line, " ")
		if len(w) < 3 || w[1] == "" {
			return nil, fmt.Errorf("line %d: %w", i+2, ErrDamaged)
		}
		m := t[w[1]]
		if err := decode(&m, w); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		t[w[1]] = m
	}
	return t, nil
}

func decode(m *advert.Marks, w []string) error {
	switch {
	case w[0] == "ah" && len(w) == 3:
		n, err := strconv.ParseUint(w[2], 10, 32)
		if err != nil {
			return ErrDamaged
		}
		m.AH = uint32(n)
	case w[0] == "sent" && len(w) == 3:
		n, err := strconv.ParseUint(w[2], 16, 64)
		if err != nil {
			return ErrDamaged
		}
		m.Sent = advert.Sequence(n)
	case w[0] == "seen" && len(w) == 4:
		from, err := netip.ParseAddr(w[2])
		n, err2 := strconv.ParseUint(w[3], 16, 64)
		if err != nil || err2 != nil {
			return ErrDamaged
		}
		m.Seen = append(m.Seen, advert.Mark{From: from, High: advert.Sequence(n)})
	default:
		return ErrDamaged
	}
	return nil
}
