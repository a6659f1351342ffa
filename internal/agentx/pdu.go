package agentx

import "net/netip"

// Type is the type of a PDU (RFC 2741 section 6.1).
type Type uint8

// Types.
const (
	Open       Type = 1
	Close      Type = 2
	Register   Type = 3
	Unregister Type = 4
	Get        Type = 5
	GetNext    Type = 6
	GetBulk    Type = 7
	TestSet    Type = 8
	CommitSet  Type = 9
	UndoSet    Type = 10
	CleanupSet Type = 11
	Notify     Type = 12
	Ping       Type = 13
	Response   Type = 18
)

// Error is the error of a response.
type Error uint16

// Errors: those of SNMP (RFC 3416), and those of AgentX.
const (
	NoError      Error = 0
	GenErr       Error = 5
	NoAccess     Error = 6
	WrongType    Error = 7
	WrongValue   Error = 10
	CommitFailed Error = 14
	UndoFailed   Error = 15
	NotWritable  Error = 17
	ParseError   Error = 266
	Denied       Error = 267
)

// Syntax is the type of a value (RFC 2741 section 5.4).
type Syntax uint16

// Types of values.
const (
	Integer        Syntax = 2
	OctetString    Syntax = 4
	Null           Syntax = 5
	ObjectID       Syntax = 6
	IPAddress      Syntax = 64
	Counter32      Syntax = 65
	Gauge32        Syntax = 66
	TimeTicks      Syntax = 67
	Opaque         Syntax = 68
	Counter64      Syntax = 70
	NoSuchObject   Syntax = 128
	NoSuchInstance Syntax = 129
	EndOfMIBView   Syntax = 130
)

// Value is a value with its type. Which part has it depends on that: Bytes for
// OctetString, IPAddress and Opaque, OID for ObjectID, none for Null and the
// exceptions, Number for all others. An Integer is the Number cut to 32 bits and
// taken with its sign.
type Value struct {
	Syntax Syntax
	Number uint64
	Bytes  []byte
	OID    OID
}

// Int makes an Integer.
func Int(n int) Value { return Value{Syntax: Integer, Number: uint64(uint32(n))} }

// Gauge makes a Gauge32.
func Gauge(n uint32) Value { return Value{Syntax: Gauge32, Number: uint64(n)} }

// Text makes an OctetString.
func Text(s string) Value { return Value{Syntax: OctetString, Bytes: []byte(s)} }

// Octets makes an OctetString.
func Octets(b []byte) Value { return Value{Syntax: OctetString, Bytes: b} }

// Count makes a Counter32, which begins again at its end.
func Count(n uint64) Value { return Value{Syntax: Counter32, Number: n & 0xffffffff} }

// BigCount makes a Counter64.
func BigCount(n uint64) Value { return Value{Syntax: Counter64, Number: n} }

// Ticks makes TimeTicks of hundredths of a second.
func Ticks(n uint64) Value { return Value{Syntax: TimeTicks, Number: n & 0xffffffff} }

// IPv4 makes an IPAddress; of an address that is none it is 0.0.0.0.
func IPv4(a netip.Addr) Value {
	if !a.Is4() {
		return Value{Syntax: IPAddress, Bytes: make([]byte, 4)}
	}
	return Value{Syntax: IPAddress, Bytes: a.AsSlice()}
}

// Varbind is an object with its value.
type Varbind struct {
	Name  OID
	Value Value
}

// Range is what a request asks for: from Start, which counts if Include is set, up to
// and without End.
type Range struct {
	Start, End OID
	Include    bool
}

// PDU is a message. Which of its fields count depends on the type.
type PDU struct {
	Type                         Type
	LittleEndian                 bool // the order of its bytes
	Session, Transaction, Packet uint32
	Context                      *string // nil: the default one

	Timeout     uint8 // Open, Register: seconds; 0: the master's
	ID          OID   // Open: of the sub-agent
	Description string
	Reason      uint8 // Close

	Priority uint8 // Register, Unregister
	Subtree  OID

	NonRepeaters, MaxRepetitions uint16 // GetBulk
	Ranges                       []Range

	UpTime   uint32 // Response, hundredths of a second
	Error    Error
	Index    uint16
	Varbinds []Varbind // Response, Notify, TestSet
}
