package trace

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// fields writes or reads the fields of one line. Each kind of line describes
// its fields once, for both directions, by calling the methods below with a
// pointer to each value: writing appends what is not zero, reading fills in
// what is there.
type fields struct {
	reading bool
	out     []byte
	in      []field
	err     error // the first error of reading
}

type field struct {
	key, value string
	flag       bool // a key alone: true
	used       bool
}

// split takes "key=value key2=\"quoted value\" flag" apart.
func split(s string) ([]field, error) {
	var list []field
	for {
		s = strings.TrimLeft(s, " ")
		if s == "" {
			return list, nil
		}
		end := strings.IndexAny(s, " =")
		if end == 0 {
			return nil, fmt.Errorf("field without name at %q", s)
		}
		if end < 0 || s[end] == ' ' {
			if end < 0 {
				end = len(s)
			}
			list = append(list, field{key: s[:end], flag: true})
			s = s[end:]
			continue
		}
		f := field{key: s[:end]}
		s = s[end+1:]
		if strings.HasPrefix(s, `"`) {
			quoted, err := strconv.QuotedPrefix(s)
			if err != nil {
				return nil, fmt.Errorf("field %s: quotation mark without end at %q", f.key, s)
			}
			if f.value, err = strconv.Unquote(quoted); err != nil {
				return nil, fmt.Errorf("field %s: %w", f.key, err)
			}
			s = s[len(quoted):]
			if s != "" && s[0] != ' ' {
				return nil, fmt.Errorf("field %s: no space after the value at %q", f.key, s)
			}
		} else {
			f.value, s, _ = strings.Cut(s, " ")
		}
		list = append(list, f)
	}
}

// take finds the field to be read, and gives each only once.
func (f *fields) take(key string) (string, bool) {
	for i := range f.in {
		d := &f.in[i]
		if d.key == key && !d.used && !d.flag {
			d.used = true
			return d.value, true
		}
	}
	return "", false
}

// done tells whether every field was read, and well.
func (f *fields) done() error {
	if f.err != nil {
		return f.err
	}
	for _, d := range f.in {
		if !d.used {
			return fmt.Errorf("field %s: unknown here, or given twice", d.key)
		}
	}
	return nil
}

func (f *fields) fail(key string, err error) {
	if f.err == nil {
		f.err = fmt.Errorf("field %s: %w", key, err)
	}
}

// put appends a field; values that could be misread are quoted.
func (f *fields) put(key, value string) {
	f.out = append(f.out, ' ')
	f.out = append(f.out, key...)
	f.out = append(f.out, '=')
	if plain(value) {
		f.out = append(f.out, value...)
		return
	}
	f.out = strconv.AppendQuote(f.out, value)
}

func plain(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.:/%+*@,", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

func (f *fields) text(key string, v *string) {
	if !f.reading {
		if *v != "" {
			f.put(key, *v)
		}
		return
	}
	if s, ok := f.take(key); ok {
		*v = s
	}
}

func (f *fields) flag(key string, v *bool) {
	if !f.reading {
		if *v {
			f.out = append(append(f.out, ' '), key...)
		}
		return
	}
	for i := range f.in {
		d := &f.in[i]
		if d.key == key && d.flag && !d.used {
			d.used, *v = true, true
			return
		}
	}
}

func (f *fields) number(key string, v *int) {
	if !f.reading {
		if *v != 0 {
			f.put(key, strconv.Itoa(*v))
		}
		return
	}
	if s, ok := f.take(key); ok {
		n, err := strconv.Atoi(s)
		if err != nil {
			f.fail(key, err)
		}
		*v = n
	}
}

func (f *fields) small(key string, v *uint8) {
	n := int(*v)
	f.number(key, &n)
	if n < 0 || n > 255 {
		f.fail(key, fmt.Errorf("%d is not between 0 and 255", n))
	}
	*v = uint8(n)
}

func (f *fields) duration(key string, v *time.Duration) {
	if !f.reading {
		if *v != 0 {
			f.put(key, v.String())
		}
		return
	}
	if s, ok := f.take(key); ok {
		d, err := time.ParseDuration(s)
		if err != nil {
			f.fail(key, err)
		}
		*v = d
	}
}

func (f *fields) addr(key string, v *netip.Addr) {
	if !f.reading {
		if v.IsValid() {
			f.put(key, v.String())
		}
		return
	}
	if s, ok := f.take(key); ok {
		a, err := netip.ParseAddr(s)
		if err != nil {
			f.fail(key, err)
		}
		*v = a
	}
}

// name writes or reads a value that goes by a name; always says it even when
// it is zero.
func name[T interface {
	~uint8
	fmt.Stringer
}](f *fields, key string, v *T, last T, always bool,
) {
	if !f.reading {
		if *v != 0 || always {
			f.put(key, T.String(*v))
		}
		return
	}
	s, ok := f.take(key)
	if !ok {
		return
	}
	for i := range int(last) + 1 {
		if T(i).String() == s {
			*v = T(i)
			return
		}
	}
	f.fail(key, fmt.Errorf("no such value: %s", s))
}
