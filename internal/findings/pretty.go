package findings

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// Terminal attributes.
const (
	plain  = "\x1b[0m"
	bold   = "\x1b[1m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	blue   = "\x1b[1;34m"
)

// page is the pretty format being written.
type page struct {
	bytes.Buffer
	color bool
	width int
}

// minWidth leaves room for the line number and a few words.
const minWidth = 40

// pretty writes for each finding its place in the form that editors follow,
// what is wrong, the line with the word underlined, and what is known of it.
func (r *Report) pretty(w io.Writer, s Style) error {
	p := &page{color: s.Color, width: s.Width}
	if p.width == 0 {
		p.width = 80
	}
	p.width = max(minWidth, p.width)
	for i := range r.Findings {
		p.finding(&r.Findings[i])
		p.WriteByte('\n')
	}
	p.summary(r)
	_, err := w.Write(p.Bytes())
	return err
}

// paint adds a colour, if there are any.
func (p *page) paint(attribute, s string) string {
	if !p.color || s == "" {
		return s
	}
	return attribute + s + plain
}

func (s Severity) attribute() string { return [...]string{blue, yellow, red}[min(s, Error)] }

// indent is that of all lines of a finding but the first.
const indent = "        "

func (p *page) finding(f *Finding) {
	place := ""
	if f.Path != "" {
		place = clean(f.Path) + ":"
		if f.Pos.Line > 0 {
			place += fmt.Sprintf("%d:", f.Pos.Line)
			if f.Column > 0 {
				place += fmt.Sprintf("%d:", f.Column)
			}
		}
	}
	grade := f.Severity.String() + ":"
	text := strings.TrimSpace(place+" "+grade) + " " + strings.TrimPrefix(clean(f.message()), "note: ") + " [" + f.Code.String() + "]"
	for i, line := range fill(text, p.width, p.width-len(indent)) {
		if i == 0 {
			if rest, ok := strings.CutPrefix(line, place); ok && place != "" {
				line = p.paint(bold, place) + rest
			}
			line = strings.Replace(line, grade, p.paint(f.Severity.attribute(), grade), 1)
		} else {
			line = indent + line
		}
		p.WriteString(line + "\n")
	}
	p.excerpt(f)
	for _, note := range []string{f.Hint, f.Action, consequence(f.Effect)} {
		if note = strings.TrimSpace(clean(note)); note == "" {
			continue
		}
		lead := indent + "= "
		for _, line := range fill(note, p.width-len(lead), p.width-len(lead)) {
			p.WriteString(lead + line + "\n")
			lead = indent + "  "
		}
	}
}

// consequence says what an effect means for the daemon.
func consequence(e syntax.Effect) string {
	switch e {
	case syntax.Refuse, syntax.RefuseInclude:
		return "The daemon does not run with this configuration."
	case syntax.Stop:
		return "The daemon does not run with this configuration, and keepalived reads no further."
	}
	return ""
}

// gap stands for a part of a line that is left out.
const gap = "..."

func (p *page) excerpt(f *Finding) {
	if f.line == nil || len(bytes.TrimSpace(f.line)) == 0 {
		return
	}
	number := fmt.Sprintf("%5d", f.Pos.Line)
	room := p.width - len(number) - len(" | ")
	text, lead, mark := cut(cells(hide(f.line)), f.from, f.to, room)
	p.WriteString(p.paint(blue, number+" |") + " " + text + "\n")
	if mark > 0 {
		p.WriteString(p.paint(blue, strings.Repeat(" ", len(number))+" |") + " " +
			strings.Repeat(" ", lead) + p.paint(f.Severity.attribute(), strings.Repeat("^", mark)) + "\n")
	}
}

// cut draws the part of a line around the bytes from..to in at most room
// columns. The underline begins after lead columns and is mark columns long;
// 0: there is nothing to underline.
func cut(line []cell, from, to, room int) (text string, lead, mark int) {
	first := 0
	for first < len(line)-1 && line[first].at < from {
		first++
	}
	start, end := window(line, first, room)
	var b strings.Builder
	col := 0
	if start > 0 {
		b.WriteString(gap)
		col = len(gap)
	}
	for _, c := range line[start:end] {
		switch {
		case c.at < from:
			lead = col + c.width
		case c.at < to:
			mark += c.width
		}
		b.WriteString(c.text)
		col += c.width
	}
	if from == to {
		return finish(&b, end < len(line)), 0, 0
	}
	if start > 0 && lead < len(gap) {
		lead = len(gap)
	}
	return finish(&b, end < len(line)), lead, max(1, mark)
}

func finish(b *strings.Builder, more bool) string {
	if more {
		b.WriteString(gap)
		return b.String()
	}
	return strings.TrimRight(b.String(), " ")
}

// window chooses the cells to show: all of them where they fit, otherwise as
// many as fit around the first that matters, a third of them before it.
func window(line []cell, first, room int) (start, end int) {
	total := 0
	for _, c := range line {
		total += c.width
	}
	if total <= room {
		return 0, len(line)
	}
	room -= 2 * len(gap)
	before := 0
	for start = first; start > 0 && before+line[start-1].width <= room/3; start-- {
		before += line[start-1].width
	}
	used := before
	for end = first; end < len(line) && used+line[end].width <= room; end++ {
		used += line[end].width
	}
	for start > 0 && used+line[start-1].width <= room {
		start--
		used += line[start].width
	}
	return start, end
}

func (p *page) summary(r *Report) {
	counts := []string{}
	for s := Error; ; s-- {
		if n := r.Count(s); n == 1 {
			counts = append(counts, "1 "+s.String())
		} else if n > 1 {
			counts = append(counts, fmt.Sprintf("%d %ss", n, s))
		}
		if s == Note {
			break
		}
	}
	text := "nothing to report"
	if len(counts) > 0 {
		text = strings.Join(counts, ", ")
	}
	switch {
	case r.Refused:
		text += "; the daemon does not run with this configuration"
	case r.Status != 0:
		text += "; the daemon runs without the faulty parts"
	}
	if r.Main != "" {
		text = clean(r.Main) + ": " + text
	}
	for _, line := range fill(fmt.Sprintf("%s (status %d)", text, r.Status), p.width, p.width) {
		p.WriteString(line + "\n")
	}
}
