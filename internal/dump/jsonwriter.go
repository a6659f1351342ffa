package dump

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// jsonWriter writes JSON with its keys in the order of the calls, and with the
// slash escaped: the file is compared and cut up by scripts that do not parse it.
type jsonWriter struct{ b []byte }

func (j *jsonWriter) raw(s string) { j.b = append(j.b, s...) }

// item separates values of an array or an object where there is one before.
func (j *jsonWriter) item() {
	if n := len(j.b); n > 0 && j.b[n-1] != '{' && j.b[n-1] != '[' {
		j.b = append(j.b, ',')
	}
}

// key begins a member of an object; its name needs no escaping.
func (j *jsonWriter) key(name string) {
	j.item()
	j.b = append(append(append(j.b, '"'), name...), `":`...)
}

// text writes a string. Nearly all of them need no escaping but of slashes, and a
// thousand instances have many.
func (j *jsonWriter) text(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			j.escaped(s)
			return
		}
	}
	j.b = append(j.b, '"')
	for i := range len(s) {
		if s[i] == '/' {
			j.b = append(j.b, '\\')
		}
		j.b = append(j.b, s[i])
	}
	j.b = append(j.b, '"')
}

func (j *jsonWriter) escaped(s string) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string into memory
	j.raw(strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "/", `\/`))
}

func (j *jsonWriter) str(name, s string) {
	j.key(name)
	j.text(s)
}

func (j *jsonWriter) num(name string, n int64) {
	j.key(name)
	j.b = strconv.AppendInt(j.b, n, 10)
}

func (j *jsonWriter) boolean(name string, b bool) {
	j.key(name)
	j.b = strconv.AppendBool(j.b, b)
}

// flag is a truth value written as a number.
func (j *jsonWriter) flag(name string, b bool) {
	j.key(name)
	j.raw(pick(b, "1", "0"))
}

// dur is a duration in seconds with as few digits as it needs.
func (j *jsonWriter) dur(name string, d time.Duration) {
	j.key(name)
	if d%time.Second == 0 {
		j.b = strconv.AppendInt(j.b, seconds(d), 10)
		return
	}
	j.b = strconv.AppendFloat(j.b, d.Seconds(), 'f', -1, 64)
}

// list is an array of strings, or nothing when it is empty.
func (j *jsonWriter) list(name string, n int, text func(int) string) {
	if n == 0 {
		return
	}
	j.key(name)
	j.raw("[")
	for i := range n {
		j.item()
		j.text(text(i))
	}
	j.raw("]")
}

func (j *jsonWriter) command(name string, c *Command) {
	if c != nil {
		j.str(name, c.String())
	}
}
