package config

import (
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var fileKeywords = &table[*TrackFile]{name: "track_file", rows: []keyword[*TrackFile]{
	{
		name: "file", args: "PATH", doc: "The file; it holds a number.", example: "file /run/maintenance",
		set: func(_ *loader, f *TrackFile, a *syntax.Args) {
			w, ok := a.Next()
			switch {
			case !ok:
				a.Report(syntax.General, "track file file name missing")
			case f.Path != "":
				a.Report(syntax.General, "File already set for track file %s - ignoring %s", f.Name, w)
			default:
				f.Path = w
			}
		},
	},
	{
		name: "weight", args: "-254..254 [reverse]", doc: "Factor that gives the change of priority, 1 by default; 0: a number other than 0 is a fault.", example: "weight -1",
		set: setFileWeight,
	},
	{
		name: "init_file", args: "[VALUE] [overwrite]", doc: "Make the file at start when it is missing.", example: "init_file 0 overwrite",
		set: setFileInit,
	},
}}

func setFileWeight(l *loader, f *TrackFile, a *syntax.Args) {
	if a.Left() == 0 {
		a.Report(syntax.General, "No weight specified for track file %s - ignoring", f.Name)
		return
	}
	if f.Weight != 1 {
		a.Report(syntax.General, "Weight already set for track file %s - ignoring %s", f.Name, a.Peek())
		return
	}
	v, ok := l.int(a, rule{low: -254, high: 254, bad: "Weight (%s) for track_file " + f.Name + " must be between [-254..254] inclusive. Ignoring..."})
	if !ok {
		f.Weight = 1
		return
	}
	f.Weight = int(v)
	switch w, more := a.Next(); {
	case !more:
	case w == "reverse":
		f.Reverse = true
	default:
		a.Report(syntax.General, "track_file %s unknown weight option %s", f.Name, w)
	}
}

func setFileInit(_ *loader, f *TrackFile, a *syntax.Args) {
	if f.Init == nil {
		f.Init = new(0)
	}
	for w, ok := a.Next(); ok; w, ok = a.Next() {
		if w == "overwrite" {
			f.Overwrite = true
			continue
		}
		n := syntax.ParseInt(w, 10, -1<<31, 1<<31-1)
		if n.Problem != "" || strings.IndexAny(w, "0123456789-") != 0 {
			a.Report(syntax.General, "Unknown track file init option %s", w)
			continue
		}
		if n.Value < -254 || n.Value > 254 {
			a.Report(syntax.General, "Track file %s init value %d is outside sensible range [-254, 254]", f.Name, n.Value)
		}
		*f.Init = int(n.Value)
	}
}

// readTrackFile reads a track_file.
func readTrackFile(l *loader, cfg *Config, a *syntax.Args) {
	if a.Keyword() == "vrrp_track_file" {
		a.Report(syntax.Log, "\"vrrp_track_file\" is deprecated, please use \"track_file\"")
	}
	name, ok := a.Need()
	if !ok {
		l.cur.SkipBlock()
		return
	}
	f := &TrackFile{Name: name, Pos: a.Line.Pos, Weight: 1}
	parseOne(l, fileKeywords, f)
	if f.Path == "" {
		l.here(syntax.General, "No file set for track_file %s - ignoring", name)
		return
	}
	if why := l.unwatchable(f); why != "" {
		l.report(Diagnostic{
			Code: syntax.General, Pos: l.cur.Pos(), Text: fmt.Sprintf("track_file %s: %s - ignoring", name, why),
		})
		return
	}
	cfg.TrackFiles = append(cfg.TrackFiles, f)
	if l.draft.trackFiles[name] == nil {
		l.draft.trackFiles[name] = f
	}
}

// unwatchable says why changes of a file cannot be seen; "": they can.
func (l *loader) unwatchable(f *TrackFile) string {
	dir := "/"
	if i := strings.LastIndexByte(f.Path, '/'); i > 0 {
		dir = f.Path[:i]
	} else if i < 0 {
		dir = "."
	}
	kind, err := l.opt.Host.FileSystem(dir)
	if err != nil {
		return fmt.Sprintf("directory of %s cannot be found (%v)", f.Path, err)
	}
	if base, readOnly := strings.CutSuffix(kind, ",ro"); readOnly {
		return fmt.Sprintf("%s is on a read-only file system", f.Path)
	} else if base != "other" {
		return fmt.Sprintf("%s is on a %s file system, which cannot be watched", f.Path, base)
	}
	if st, err := l.opt.Host.Lstat(f.Path); err == nil && f.Overwrite && st.Kind != RegularFile {
		return fmt.Sprintf("%s is not a regular file", f.Path)
	}
	return ""
}
