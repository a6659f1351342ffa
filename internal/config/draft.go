package config

import (
	"net/netip"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// draft is what the checks need and the result does not hold.
type draft struct {
	instances    []*instanceDraft
	byName       map[string]*instanceDraft
	groups       []*groupDraft
	bfds         []*BFD                       // every one that was named, usable or not
	missingLink  bool                         // an interface that does not exist was named
	userFailed   bool                         // script_user names nobody
	listStart    int                          // length of a list before the block that adds to it
	rulePriority [2]uint32                    // rules that got a priority of their own, by family
	nftables     bool                         // nftables has been given
	lvsFIFO      FIFO                         // of lvs_notify_fifo
	garpInterval bool                         // the garp_group being read has an interval, be it 0
	names        map[string]map[string]uint64 // name tables read, by file

	// The elements of the lists above and of the result by their names, where
	// these are looked up.
	groupNames  map[string]bool
	scripts     map[string]*Script
	processes   map[string]*Process
	trackFiles  map[string]*TrackFile
	trackGroups map[string]bool
	bfdByName   map[string]*BFD
	bfdByPath   map[[2]netip.Addr]*BFD    // the usable ones by their addresses
	virtual     map[string]*instanceDraft // by the name of the VMAC or ipvlan interface
	tracked     map[trackedName]bool
}

// trackedName is a name in a list of tracked objects.
type trackedName struct {
	list *[]Track
	name string
}

func newDraft() draft {
	return draft{
		byName: map[string]*instanceDraft{}, groupNames: map[string]bool{}, scripts: map[string]*Script{},
		processes: map[string]*Process{}, trackFiles: map[string]*TrackFile{}, trackGroups: map[string]bool{},
		bfdByName: map[string]*BFD{}, bfdByPath: map[[2]netip.Addr]*BFD{}, virtual: map[string]*instanceDraft{},
		tracked: map[trackedName]bool{},
	}
}

// tape keeps the lines of the first reading for the second. It is made of
// pieces, so that growing copies nothing, and gives back what it has played.
type tape struct {
	pieces [][]syntax.Line
}

// pieceLines is how many lines a piece has.
const pieceLines = 1024

func (t *tape) add(line syntax.Line) {
	// A file has more lines than words that matter twice: they are split again.
	line.Words = nil
	last := len(t.pieces) - 1
	if last < 0 || len(t.pieces[last]) == pieceLines {
		t.pieces = append(t.pieces, make([]syntax.Line, 0, pieceLines))
		last++
	}
	t.pieces[last] = append(t.pieces[last], line)
}

// next plays the lines as the second reading sees them.
func (t *tape) next() (syntax.Line, bool) {
	for len(t.pieces) > 0 {
		line, ok := t.pieces[0][0].Split().Again()
		if t.pieces[0] = t.pieces[0][1:]; len(t.pieces[0]) == 0 {
			t.pieces = t.pieces[1:]
		}
		if ok {
			return line, true
		}
	}
	return syntax.Line{}, false
}
