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
type jsonWriter struct{ b bytes.Buffer }

func (j *jsonWriter) raw(s string) { j.b.WriteString(s) }

// item separates values of an array or an object where there is one before.
func (j *jsonWriter) item() {
	if b := j.b.Bytes(); len(b) > 0 && b[len(b)-1] != '{' && b[len(b)-1] != '[' {
		j.b.WriteByte(',')
	}
}

// key begins a member of an object; its name needs no escaping.
func (j *jsonWriter) key(name string) {
	j.item()
	j.b.WriteByte('"')
	j.raw(name)
	j.raw(`":`)
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
	j.b.WriteByte('"')
	for {
		before, after, more := strings.Cut(s, "/")
		j.raw(before)
		if !more {
			break
		}
		j.raw(`\/`)
		s = after
	}
	j.b.WriteByte('"')
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
	j.b.Write(strconv.AppendInt(j.b.AvailableBuffer(), n, 10))
}

func (j *jsonWriter) boolean(name string, b bool) {
	j.key(name)
	j.raw(strconv.FormatBool(b))
}

// flag is a truth value written as a number.
func (j *jsonWriter) flag(name string, b bool) {
	j.key(name)
	j.raw(pick(b, "1", "0"))
}

// dur is a duration in seconds with as few digits as it needs.
func (j *jsonWriter) dur(name string, d time.Duration) {
	j.key(name)
	j.b.Write(strconv.AppendFloat(j.b.AvailableBuffer(), d.Seconds(), 'f', -1, 64))
}

func (j *jsonWriter) object(name string, fill func()) {
	j.key(name)
	j.raw("{")
	fill()
	j.raw("}")
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
