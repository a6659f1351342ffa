package agentx

import (
	"slices"
	"strconv"
	"strings"
)

// OID is an object identifier.
type OID []uint32

// maxOID is the longest identifier that there may be (RFC 2741 section 5.1).
const maxOID = 128

// ParseOID reads one in dotted form, with or without a dot in front; nil: it is
// none.
func ParseOID(s string) OID {
	var o OID
	for part := range strings.SplitSeq(strings.TrimPrefix(s, "."), ".") {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil
		}
		o = append(o, uint32(n))
	}
	return o
}

// Append returns a new identifier with numbers behind those of o.
func (o OID) Append(sub ...uint32) OID { return slices.Concat(o, sub) }

// HasPrefix tells whether o is p or stands below it.
func (o OID) HasPrefix(p OID) bool { return len(o) >= len(p) && slices.Equal(o[:len(p)], p) }

// Compare orders identifiers as a walk goes.
func (o OID) Compare(p OID) int { return slices.Compare(o, p) }

func (o OID) String() string {
	var b strings.Builder
	for _, n := range o {
		b.WriteByte('.')
		b.WriteString(strconv.FormatUint(uint64(n), 10))
	}
	return b.String()
}
