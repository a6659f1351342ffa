package trace

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// writeEvent writes the fields of an event and returns its word.
func (f *fields) writeEvent(ev fsm.Event) string {
	switch e := ev.(type) {
	case fsm.Start:
		f.start(&e)
		return "start"
	case fsm.Stop:
		f.stop(&e)
		return "stop"
	case fsm.Tick:
		return "tick"
	case fsm.Delayed:
		f.duration("left", &e.Left)
		return "delayed"
	case fsm.Slept:
		f.duration("for", &e.For)
		return "slept"
	case fsm.Overrun:
		return "overrun"
	case *fsm.AdvertReceived:
		f.advert(e)
		return "advert"
	case fsm.AdvertRejected:
		f.reject(&e)
		return "reject"
	case fsm.LinkChanged:
		f.link(&e)
		return "link"
	case fsm.SourceChanged:
		f.addr("addr", &e.Addr)
		return "source"
	case fsm.TrackChanged:
		f.track(&e)
		return "track"
	case fsm.PeerSilent:
		f.silent(&e)
		return "silent"
	case fsm.AddressLost:
		f.lost(&e)
		return "lost"
	case fsm.Reconfigured:
		f.reconfigured(&e)
		return "reconfigure"
	}
	panic(fmt.Sprintf("trace: unknown event %T", ev))
}

func (f *fields) readEvent(word string) fsm.Event {
	switch word {
	case "start":
		var e fsm.Start
		f.start(&e)
		return e
	case "stop":
		var e fsm.Stop
		f.stop(&e)
		return e
	case "tick":
		return fsm.Tick{}
	case "delayed":
		var e fsm.Delayed
		f.duration("left", &e.Left)
		return e
	case "slept":
		var e fsm.Slept
		f.duration("for", &e.For)
		return e
	case "overrun":
		return fsm.Overrun{}
	case "advert":
		var e fsm.AdvertReceived
		f.advert(&e)
		return &e
	case "reject":
		var e fsm.AdvertRejected
		f.reject(&e)
		return e
	case "link":
		var e fsm.LinkChanged
		f.link(&e)
		return e
	case "source":
		var e fsm.SourceChanged
		f.addr("addr", &e.Addr)
		return e
	case "track":
		var e fsm.TrackChanged
		f.track(&e)
		return e
	case "silent":
		var e fsm.PeerSilent
		f.silent(&e)
		return e
	case "lost":
		var e fsm.AddressLost
		f.lost(&e)
		return e
	case "reconfigure":
		var e fsm.Reconfigured
		f.reconfigured(&e)
		return e
	}
	f.fail(word, errWord)
	return fsm.Tick{}
}

// writeAction writes the fields of an action and returns its word.
func (f *fields) writeAction(ac fsm.Action) string {
	switch a := ac.(type) {
	case *fsm.SendAdvert:
		f.send(a)
		return "send"
	case fsm.AddAddresses:
		return "add-addresses"
	case fsm.RemoveAddresses:
		return "remove-addresses"
	case fsm.Announce:
		f.announce(&a)
		return "announce"
	case fsm.AnnounceSource:
		f.addr("addr", &a.Addr)
		return "announce-source"
	case fsm.StateChanged:
		f.state(&a)
		return "state"
	case fsm.GroupChanged:
		f.group(&a)
		return "group"
	case fsm.PriorityChanged:
		f.priority(&a)
		return "priority"
	case fsm.LowerPriorityHeard:
		f.addr("from", &a.From)
		return "lower-priority"
	case fsm.Log:
		f.log(&a)
		return "log"
	}
	panic(fmt.Sprintf("trace: unknown action %T", ac))
}

func (f *fields) readAction(word string) fsm.Action {
	switch word {
	case "send":
		var a fsm.SendAdvert
		f.send(&a)
		return &a
	case "add-addresses":
		return fsm.AddAddresses{}
	case "remove-addresses":
		return fsm.RemoveAddresses{}
	case "announce":
		var a fsm.Announce
		f.announce(&a)
		return a
	case "announce-source":
		var a fsm.AnnounceSource
		f.addr("addr", &a.Addr)
		return a
	case "state":
		var a fsm.StateChanged
		f.state(&a)
		return a
	case "group":
		var a fsm.GroupChanged
		f.group(&a)
		return a
	case "priority":
		var a fsm.PriorityChanged
		f.priority(&a)
		return a
	case "lower-priority":
		var a fsm.LowerPriorityHeard
		f.addr("from", &a.From)
		return a
	case "log":
		var a fsm.Log
		f.log(&a)
		return a
	}
	f.fail(word, errWord)
	return fsm.AddAddresses{}
}

func (f *fields) start(e *fsm.Start) { f.duration("delay", &e.Delay) }

func (f *fields) stop(e *fsm.Stop) {
	f.flag("keep", &e.Keep)
	name(f, "as", &e.As, fsm.Deleted, true)
}

func (f *fields) advert(e *fsm.AdvertReceived) {
	a := &e.Advert
	f.addr("from", &a.Src)
	f.small("version", &a.Version)
	f.small("vrid", &a.VRID)
	priority := int(a.Priority)
	f.always("priority", &priority)
	a.Priority = f.byteOf("priority", priority)
	f.duration("interval", &a.Interval)
	f.number("count", &e.Count)
	f.notes(&a.Notes)
	f.number("ahead", &a.Ahead)
	f.number("window", &a.Window)
	f.addr("missing", &e.Missing)
}

// always is number for a value that means something when it is 0.
func (f *fields) always(key string, v *int) {
	if !f.reading && *v == 0 {
		f.put(key, "0")
		return
	}
	f.number(key, v)
}

func (f *fields) byteOf(key string, n int) uint8 {
	if n < 0 || n > 255 {
		f.fail(key, fmt.Errorf("%d is not between 0 and 255", n))
	}
	return uint8(n)
}

// noteNames are the bits of advert.Note from the lowest.
var noteNames = [...]string{"count", "addresses", "interval", "old-checksum", "clock", "foreign", "stranger"}

func (f *fields) notes(n *advert.Note) {
	if !f.reading {
		var list []string
		for i := range 8 {
			if *n&(1<<i) == 0 {
				continue
			}
			if i < len(noteNames) {
				list = append(list, noteNames[i])
			} else {
				list = append(list, strconv.Itoa(i))
			}
		}
		if len(list) > 0 {
			f.put("notes", strings.Join(list, ","))
		}
		return
	}
	s, ok := f.take("notes")
	if !ok {
		return
	}
next:
	for word := range strings.SplitSeq(s, ",") {
		for i := range 8 {
			if i < len(noteNames) && noteNames[i] == word || i >= len(noteNames) && strconv.Itoa(i) == word {
				*n |= 1 << i
				continue next
			}
		}
		f.fail("notes", fmt.Errorf("no such note: %q", word))
	}
}

func (f *fields) reject(e *fsm.AdvertRejected) {
	f.addr("from", &e.From)
	name(f, "reason", &e.Reject.Reason, advert.Reason(advert.Reasons-1), true)
	f.number("got", &e.Reject.Got)
	f.number("want", &e.Reject.Want)
	f.number("max", &e.Reject.Max)
}

func (f *fields) link(e *fsm.LinkChanged) {
	f.text("name", &e.Name)
	state := "down"
	if e.Up {
		state = "up"
	}
	f.text("state", &state)
	if state != "up" && state != "down" {
		f.fail("state", fmt.Errorf("%q is neither up nor down", state))
	}
	e.Up = state == "up"
}

func (f *fields) track(e *fsm.TrackChanged) {
	f.always("index", &e.Index)
	name(f, "verdict", &e.Verdict, fsm.Bad, true)
	f.number("value", &e.Value)
	f.text("why", &e.Why)
}

func (f *fields) silent(e *fsm.PeerSilent) {
	f.addr("addr", &e.Addr)
	f.text("why", &e.Why)
}

func (f *fields) lost(e *fsm.AddressLost) {
	name(f, "what", &e.What, fsm.HeldRule, false)
	f.text("addr", &e.Addr)
	f.text("link", &e.Link)
	f.text("why", &e.Why)
	f.number("more", &e.More)
	f.flag("unset", &e.Unset)
}

func (f *fields) reconfigured(e *fsm.Reconfigured) {
	f.flag("addresses-added", &e.AddressesAdded)
	if f.reading {
		e.Spec = &fsm.Spec{}
	}
	f.spec(e.Spec)
}

func (f *fields) send(a *fsm.SendAdvert) {
	priority := int(a.Priority)
	f.always("priority", &priority)
	a.Priority = f.byteOf("priority", priority)
	f.addr("source", &a.Source)
}

func (f *fields) announce(a *fsm.Announce) {
	f.number("rounds", &a.Rounds)
	name(f, "why", &a.Why, fsm.AnnounceExtra, true)
}

func (f *fields) state(a *fsm.StateChanged) {
	name(f, "from", &a.From, fsm.Deleted, true)
	name(f, "to", &a.To, fsm.Deleted, true)
	f.small("priority", &a.Priority)
	f.text("cause", &a.Cause)
	name(f, reasonField, &a.Reason, fsm.ReasonNoResponse, false)
}

func (f *fields) group(a *fsm.GroupChanged) {
	name(f, "from", &a.From, fsm.Deleted, true)
	name(f, "to", &a.To, fsm.Deleted, true)
}

func (f *fields) priority(a *fsm.PriorityChanged) {
	f.small("from", &a.From)
	f.small("to", &a.To)
	f.text("cause", &a.Cause)
}

func (f *fields) log(a *fsm.Log) {
	f.flag("detail", &a.Detail)
	f.text("text", &a.Text)
}

// spec is the configuration of an instance.
func (f *fields) spec(s *fsm.Spec) {
	f.text("name", &s.Name)
	f.small("version", &s.Version)
	f.small("vrid", &s.VRID)
	f.flag("ipv6", &s.IPv6)
	f.flag("unicast", &s.Unicast)
	f.number("addresses", &s.Addresses)
	f.small("priority", &s.Priority)
	f.flag("start-master", &s.StartMaster)
	f.duration("interval", &s.AdvertInterval)
	f.number("down-adverts", &s.DownTimerAdverts)
	f.flag("nopreempt", &s.NoPreempt)
	f.duration("preempt-delay", &s.PreemptDelay)
	f.flag("lower-prio-no-advert", &s.LowerPrioNoAdvert)
	f.flag("higher-prio-send-advert", &s.HigherPrioSendAdvert)
	f.flag("skip-address-check", &s.SkipAddressCheck)
	f.flag("dont-track-primary", &s.DontTrackPrimary)
	f.small("late-priority", &s.LatePriority)
	f.number("garp-repeat", &s.GARP.Repeat)
	f.duration("garp-delay", &s.GARP.Delay)
	f.duration("garp-refresh", &s.GARP.Refresh)
	f.number("garp-refresh-repeat", &s.GARP.RefreshRepeat)
	f.number("garp-lower-repeat", &s.GARP.LowerRepeat)
	f.duration("garp-lower-delay", &s.GARP.LowerDelay)
	f.duration("garp-extra", &s.GARP.Extra)
	f.trackers(&s.Trackers)
	f.text("config-fault", &s.ConfigFault)
	f.flag("strict-compat", &s.StrictCompat)
}

// trackers are fields of the form tracker=KIND:WEIGHT:SENSE:NAME.
func (f *fields) trackers(list *[]fsm.Tracker) {
	if !f.reading {
		for _, t := range *list {
			sense := "normal"
			if t.Reverse {
				sense = "reverse"
			}
			f.put("tracker", fmt.Sprintf("%s:%d:%s:%s", t.Kind, t.Weight, sense, t.Name))
		}
		return
	}
	for {
		s, ok := f.take("tracker")
		if !ok {
			return
		}
		t, err := parseTracker(s)
		if err != nil {
			f.fail("tracker", err)
			return
		}
		*list = append(*list, t)
	}
}

func parseTracker(s string) (fsm.Tracker, error) {
	kind, rest, _ := strings.Cut(s, ":")
	weight, rest, _ := strings.Cut(rest, ":")
	sense, label, ok := strings.Cut(rest, ":")
	t := fsm.Tracker{Name: label, Reverse: sense == "reverse"}
	var err error
	if t.Weight, err = strconv.Atoi(weight); err != nil || !ok || sense != "normal" && sense != "reverse" {
		return t, fmt.Errorf("%q: want KIND:WEIGHT:normal:NAME or KIND:WEIGHT:reverse:NAME", s)
	}
	for k := fsm.TrackInterface; k <= fsm.TrackStatic; k++ {
		if k.String() == kind {
			t.Kind = k
			return t, nil
		}
	}
	return t, fmt.Errorf("%q: no such kind of tracker", kind)
}
