package dump

import (
	"iter"
	"strconv"
)

// StatsText gives the bytes of the statistics file.
func StatsText(instances []Instance) []byte { return joined(StatsPieces(instances)) }

// StatsPieces gives the same bytes as [Data.Pieces] does.
func StatsPieces(instances []Instance) iter.Seq[[]byte] {
	return pieces(len(instances), true, func(p *printer, i int) { p.stats(&instances[i]) })
}

func (p *printer) stats(v *Instance) {
	s := &v.Stats
	count := func(indent int, name string, n uint64) {
		p.begin(indent, name)
		p.b = strconv.AppendUint(append(p.b, ": "...), n, 10)
		p.end()
	}
	p.put(0, "VRRP Instance: ", v.Name)
	p.put(2, "Advertisements:")
	count(4, "Received", s.AdvertsReceived)
	count(4, "Sent", s.AdvertsSent)
	count(2, "Became master", s.BecameMaster)
	count(2, "Released master", s.ReleasedMaster)
	p.put(2, "Packet Errors:")
	count(4, "Length", s.PacketLength)
	count(4, "TTL", s.TTL)
	count(4, "Invalid Type", s.InvalidType)
	count(4, "Advertisement Interval", s.AdvertInterval)
	count(4, "Address List", s.AddressList)
	p.put(2, "Authentication Errors:")
	count(4, "Invalid Type", s.AuthInvalidType)
	count(4, "Type Mismatch", s.AuthTypeMismatch)
	count(4, "Failure", s.AuthFailure)
	p.put(2, "Authentication Extension Errors:")
	count(4, "Missing", s.ExtMissing)
	count(4, "Malformed", s.ExtMalformed)
	count(4, "Unknown Key", s.ExtUnknownKey)
	count(4, "Invalid HMAC", s.ExtInvalidHMAC)
	count(4, "Stale", s.ExtStale)
	count(4, "Replay", s.ExtReplay)
	p.put(2, "Priority Zero:")
	count(4, "Received", s.ZeroReceived)
	count(4, "Sent", s.ZeroSent)
	if s.Restored > 0 {
		count(2, "Put back what others removed", s.Restored)
	}
	if s.SplitBrain > 0 {
		count(2, "Split brain suspected", s.SplitBrain)
	}
}
