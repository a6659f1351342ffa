package syntax

import (
	"fmt"
	"strconv"
	"strings"
)

// loop is a ~SEQ or ~LST being run.
type loop struct {
	names []string
	body  string
	// A sequence counts from at by step to last; a list takes rows.
	sequence       bool
	hex            bool
	at, step, last int64
	done           bool
	rows           [][]string
}

// next gives the names and values of the next round.
func (l *loop) next() (names, values []string, ok bool) {
	if !l.sequence {
		if len(l.rows) == 0 {
			return nil, nil, false
		}
		values, l.rows = l.rows[0], l.rows[1:]
		return l.names, values, true
	}
	if l.done {
		return nil, nil, false
	}
	base := 10
	if l.hex {
		base = 16
	}
	values = []string{strconv.FormatInt(l.at, base)}
	if (l.step > 0 && l.last-l.at < l.step) || (l.step < 0 && l.at-l.last < -l.step) {
		l.done = true
	} else {
		l.at += l.step
	}
	return l.names, values, true
}

// repeat handles ~SEQ, ~SEQx and ~LST; false when text is something else.
func (s *Scanner) repeat(text string, pos Pos) bool {
	var list, hex bool
	rest := ""
	switch {
	case strings.HasPrefix(text, "~SEQx"):
		hex, rest = true, text[5:]
	case strings.HasPrefix(text, "~SEQ"):
		rest = text[4:]
	case strings.HasPrefix(text, "~LST"):
		list, rest = true, text[4:]
	default:
		return false
	}
	rest = trimLeft(rest)
	bad := func(why string) bool {
		s.report(Diagnostic{Code: General, Pos: pos, Text: fmt.Sprintf("%s - ignoring line '%s'", why, text)})
		return true
	}
	if !strings.HasPrefix(rest, "(") {
		return bad("Repetition without parameters in brackets")
	}
	end := strings.IndexByte(rest, ')')
	if end < 0 {
		return bad("Repetition without ')'")
	}
	params, body := rest[1:end], trimLeft(rest[end+1:])
	if strings.IndexByte(params, '$') >= 0 {
		params, _, _ = s.substitute(params, pos)
	}
	l, err := (*loop)(nil), error(nil)
	if list {
		l, err = newList(params)
	} else {
		l, err = newSequence(params, hex)
	}
	if err != nil {
		return bad(err.Error())
	}
	l.body = body
	s.push(&frame{loop: l, pos: pos})
	return true
}

func newSequence(params string, hex bool) (*loop, error) {
	fields := strings.Split(params, ",")
	for i := range fields {
		fields[i] = strings.Trim(fields[i], " \t")
	}
	if len(fields) < 2 || len(fields) > 4 {
		return nil, fmt.Errorf("~SEQ takes a name and one to three numbers")
	}
	if fields[0] == "" {
		return nil, fmt.Errorf("~SEQ without a name")
	}
	var numbers []int64
	for _, f := range fields[1:] {
		n := ParseInt(f, 0, -1<<31, 1<<31-1)
		if n.Problem != "" || f == "" {
			return nil, fmt.Errorf("~SEQ with invalid number '%s'", f)
		}
		if hex && n.Value < 0 {
			return nil, fmt.Errorf("~SEQx with negative number '%s'", f)
		}
		numbers = append(numbers, n.Value)
	}
	l := &loop{names: fields[:1], sequence: true, hex: hex, at: 1, last: numbers[len(numbers)-1]}
	switch len(numbers) {
	case 1:
		if l.last < 0 {
			l.at = -1
		}
	default:
		l.at = numbers[0]
	}
	if l.step = 1; l.last < l.at {
		l.step = -1
	}
	if len(numbers) == 3 {
		if numbers[1] == 0 || (numbers[1] > 0 && l.last < l.at) || (numbers[1] < 0 && l.last > l.at) {
			return nil, fmt.Errorf("~SEQ never gets from %d to %d in steps of %d", l.at, l.last, numbers[1])
		}
		l.step = numbers[1]
	}
	return l, nil
}

func newList(params string) (*loop, error) {
	items, err := splitList(params)
	if err != nil {
		return nil, err
	}
	if len(items) < 2 {
		return nil, fmt.Errorf("~LST without values")
	}
	l := &loop{names: items[0].values}
	for _, n := range l.names {
		if n == "" {
			return nil, fmt.Errorf("~LST without a name")
		}
	}
	for _, item := range items[1:] {
		row := item.values
		if len(row) > len(l.names) {
			return nil, fmt.Errorf("~LST has more values than names in '%s'", strings.Join(row, ","))
		}
		for len(row) < len(l.names) {
			row = append(row, "")
		}
		l.rows = append(l.rows, row)
	}
	return l, nil
}

type listItem struct{ values []string }

// splitList splits at the commas outside {}; a {} item holds several values.
func splitList(params string) ([]listItem, error) {
	var items []listItem
	rest := strings.Trim(params, " \t")
	for {
		var item listItem
		if strings.HasPrefix(rest, "{") {
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return nil, fmt.Errorf("~LST without '}'")
			}
			for v := range strings.SplitSeq(rest[1:end], ",") {
				item.values = append(item.values, strings.Trim(v, " \t"))
			}
			rest = trimLeft(rest[end+1:])
			if rest != "" && rest[0] != ',' {
				return nil, fmt.Errorf("~LST with '%s' after '}'", rest)
			}
		} else {
			end := strings.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			item.values = []string{strings.Trim(rest[:end], " \t")}
			rest = rest[end:]
		}
		items = append(items, item)
		if rest == "" {
			return items, nil
		}
		rest = trimLeft(rest[1:])
	}
}
