package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var hmacKeywords = &table[*instanceDraft]{name: "auth_hmac", rows: []keyword[*instanceDraft]{
	{
		name: "key", args: "ID VALUE", since: "2.4.0", doc: "A key of 32 to 64 bytes: text, hex:DIGITS or file:PATH.", example: `key 1 "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"`,
		set: setHMACKey,
	},
	{
		name: "active_key", args: "ID", since: "2.4.0", doc: "The key to send with.", example: "active_key 1",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if a.Left() == 0 {
				a.Report(syntax.General, "(%s) active_key requires a key id", d.Name)
			} else if v, ok := l.uint(a, rule{low: 1, high: 255, strict: true, bad: "(" + d.Name + ") active_key '%s' must be in [1, 255]"}); ok {
				d.More.HMAC.ActiveKey = uint8(v)
			}
		},
	},
	{
		name: "time_window", args: "SECONDS", since: "2.4.0", doc: "How old an advert may be, 1 to 300.", example: "time_window 5",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if a.Left() == 0 {
				a.Report(syntax.General, "(%s) time_window requires a time", d.Name)
			} else if v, ok := l.uint(a, rule{low: 1, high: 300, strict: true, bad: "(" + d.Name + ") time_window '%s' must be in [1, 300]"}); ok {
				d.More.HMAC.TimeWindow = time.Duration(v) * time.Second
			}
		},
	},
	{
		name: "anti_replay", args: "time|monotonic", since: "2.4.0", doc: "What proves that an advert is new.", example: "anti_replay time",
		set: func(_ *loader, d *instanceDraft, a *syntax.Args) {
			switch w, _ := a.Next(); w {
			case "time":
				d.More.HMAC.Monotonic = false
			case "monotonic":
				d.More.HMAC.Monotonic = true
			default:
				a.Report(syntax.General, "(%s) unknown anti_replay '%s'", d.Name, w)
			}
		},
	},
	{
		name: "mode", args: "enforce|permissive|receive-only", since: "2.4.0", doc: "Whether adverts must carry the trailer.", example: "mode enforce",
		set: func(_ *loader, d *instanceDraft, a *syntax.Args) {
			switch w, _ := a.Next(); w {
			case "enforce":
				d.More.HMAC.Mode = HMACEnforce
			case "permissive":
				d.More.HMAC.Mode = HMACPermissive
			case "receive-only":
				d.More.HMAC.Mode = HMACReceiveOnly
			default:
				a.Report(syntax.General, "(%s) unknown auth_hmac mode '%s'", d.Name, w)
			}
		},
	},
}}

// Lengths of a key in bytes.
const (
	minHMACKey = 32
	maxHMACKey = 64
)

func (l *loader) readHMAC(d *instanceDraft) {
	if d.More.HMAC == nil {
		d.More.HMAC = &HMAC{}
	}
	parseOne(l, hmacKeywords, d)
}

func setHMACKey(l *loader, d *instanceDraft, a *syntax.Args) {
	if a.Left() < 2 {
		a.Report(syntax.General, "(%s) key requires an id and a value", d.Name)
		return
	}
	if strings.Trim(a.Peek(), "0123456789") != "" {
		// Probably the key itself: it must not get into a log.
		a.Report(syntax.General, "(%s) key id must be a number in [1, 255]", d.Name)
		return
	}
	id, ok := l.uint(a, rule{low: 1, high: 255, strict: true, bad: "(" + d.Name + ") key id '%s' must be in [1, 255]"})
	if !ok {
		return
	}
	w, _ := a.Next()
	value, ok := l.hmacValue(d, a, int(id), w)
	switch {
	case !ok:
		return
	case len(value) < minHMACKey || len(value) > maxHMACKey:
		a.Report(syntax.General, "(%s) auth_hmac key %d length %d not in range [%d, %d]", d.Name, id, len(value), minHMACKey, maxHMACKey)
		return
	case slices.ContainsFunc(d.More.HMAC.Keys, func(k HMACKey) bool { return k.ID == uint8(id) }):
		a.Report(syntax.General, "(%s) key %d already specified - ignoring", d.Name, id)
		return
	}
	d.More.HMAC.Keys = append(d.More.HMAC.Keys, HMACKey{ID: uint8(id), Value: value})
}

// hmacValue decodes the three notations of a key. What is in a file may be in
// one of the other two.
func (l *loader) hmacValue(d *instanceDraft, a *syntax.Args, id int, w string) (Secret, bool) {
	if path, ok := strings.CutPrefix(w, "file:"); ok {
		l.checkKeyFile(d, a, path)
		data, err := l.opt.Host.ReadFile(path)
		if err != nil && !errors.Is(err, syntax.ErrExecutable) {
			a.Report(syntax.General, "(%s) auth_hmac key %d file %s cannot be opened - %v", d.Name, id, path, err)
			return nil, false
		}
		w = strings.TrimRight(string(data), "\r\n")
	}
	digits, ok := strings.CutPrefix(w, "hex:")
	if !ok {
		return Secret(w), true
	}
	digits = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t:", r) {
			return -1
		}
		return r
	}, digits)
	if n := len(digits); n%2 == 1 { // as keepalived does: the last digit alone is a byte
		digits = digits[:n-1] + "0" + digits[n-1:]
	}
	value, err := hex.DecodeString(digits)
	if err != nil {
		a.Report(syntax.General, "(%s) auth_hmac key %d is not made of hexadecimal digits - ignoring", d.Name, id)
	}
	return value, err == nil
}

// checkKeyFile reports a key that others can read or write.
func (l *loader) checkKeyFile(d *instanceDraft, a *syntax.Args, path string) {
	st, err := l.opt.Host.Lstat(path)
	for n := 0; err == nil && st.Kind == Symlink && n < maxLinks; n++ {
		target, failed := l.opt.Host.Readlink(path)
		if failed != nil {
			return
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
		st, err = l.opt.Host.Lstat(path)
	}
	if err == nil && st.Kind == RegularFile && st.Mode&0o077 != 0 {
		a.Send(Diagnostic{
			Code:   syntax.Security,
			Text:   fmt.Sprintf("(%s) auth_hmac key file %s is accessible to others (mode %04o, owner %d)", d.Name, path, st.Mode, st.UID),
			Hint:   "Whoever knows the key can take the addresses.",
			Action: "chmod 600 " + path,
		})
	}
}
