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

func (j *jsonWriter) key(name string) {
	j.item()
	j.text(name)
	j.b.WriteByte(':')
}

func (j *jsonWriter) text(s string) {
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
	j.raw(strconv.FormatInt(n, 10))
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
	j.raw(shortest(d))
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
