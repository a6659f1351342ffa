package notify

import "slices"

// Busy tells whether a script runs or an event waits.
func (n *Notifier) Busy() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.busy > 0
}

// PipeLeft is what a Pipe leaves to that of the program that goes on.
type PipeLeft struct {
	Path  string     `json:"path"`
	Made  bool       `json:"made,omitempty"` // here: it is removed at the end
	Lost  uint64     `json:"lost,omitempty"`
	Lines []PipeText `json:"lines,omitempty"`
}

// PipeText is a line that did not fit yet.
type PipeText struct {
	Text   string `json:"text"`
	Remark bool   `json:"remark,omitempty"`
}

// Suspend asks the script to end, and returns a channel that is closed when it
// has. Lines wait until then.
func (p *Pipe) Suspend() <-chan struct{} {
	if !p.reader.runs() {
		done := make(chan struct{})
		close(done)
		return done
	}
	p.stopReader()
	return p.reader.done
}

// Resume starts the script again.
func (p *Pipe) Resume() { p.read() }

// Leave returns what is to be left, and the descriptor: as long as somebody has
// that open the kernel keeps what nobody has read.
func (p *Pipe) Leave() (left PipeLeft, fd int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left = PipeLeft{Path: p.cfg.Path, Made: p.made, Lost: p.lost}
	for _, l := range p.lines {
		left.Lines = append(left.Lines, PipeText{string(l.text), l.remark})
	}
	fd = -1
	_ = onFD(p.file, func(n int) error { fd = n; return nil })
	return left, fd
}

// Inherit takes what another Pipe of the same path has left.
func (p *Pipe) Inherit(left PipeLeft) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if left.Path != p.cfg.Path {
		return
	}
	p.made = p.made || left.Made
	p.lost += left.Lost
	p.told = p.lost
	var lines []pipeLine
	for _, l := range left.Lines {
		lines = append(lines, pipeLine{text: []byte(l.Text), remark: l.Remark})
	}
	p.lines = slices.Concat(lines, p.lines)
	if len(p.lines) > 0 {
		p.kick()
	}
}
