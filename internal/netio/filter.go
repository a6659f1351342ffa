package netio

import (
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// acceptAll is the filter result "pass, and cut nothing off": the filter's
// result is a length, and no packet is longer than this.
const acceptAll = 1 << 18

// Lengths in bytes that the filter and the codec agree on.
const (
	headerLen = 8  // VRRP header (RFC 9568 section 5.1)
	ahLen     = 24 // authentication header with a 96-bit check value (RFC 2402)
)

// dropAll is the filter of sockets that are never read.
var dropAll = mustAssemble([]bpf.Instruction{bpf.RetConstant{Val: 0}})

func mustAssemble(prog []bpf.Instruction) []bpf.RawInstruction {
	raw, err := bpf.Assemble(prog)
	if err != nil {
		panic("netio: filter does not assemble: " + err.Error())
	}
	return raw
}

// vridSet is a set of VRIDs, one bit each.
type vridSet [8]uint32

func newVRIDSet(vrids []uint8) vridSet {
	var set vridSet
	for _, id := range vrids {
		set[id>>5] |= 1 << (id & 31)
	}
	return set
}

// allVRIDs is the set that makes the filter let unknown VRIDs pass.
func allVRIDs() vridSet {
	var set vridSet
	for i := range set {
		set[i] = ^uint32(0)
	}
	return set
}

// filterProgram returns the filter of a receive socket. It drops what no
// instance on the socket could count: whole VRRP headers for other VRIDs and,
// for AH, what the header protects if that is not VRRP. Anything else passes,
// however broken, since the daemon reports it: too short packets, wrong
// versions, wrong sums.
//
// A raw IPv4 socket shows the filter the packet from its IP header on, a raw
// IPv6 socket only what follows it. The protocol and the destination are not
// tested: the socket is bound to them.
func filterProgram(ipv6 bool, proto int, set vridSet) []bpf.Instruction {
	var prog []bpf.Instruction

	// X = offset of what follows the IP header, A = length from there on.
	if ipv6 {
		prog = append(prog,
			bpf.LoadConstant{Dst: bpf.RegX, Val: 0},
			bpf.LoadExtension{Num: bpf.ExtLen},
		)
	} else {
		prog = append(prog,
			bpf.LoadMemShift{Off: 0},
			bpf.LoadExtension{Num: bpf.ExtLen},
			// Shorter than its own header: the kernel lets none through, but
			// the subtraction would wrap.
			bpf.JumpIfX{Cond: bpf.JumpGreaterOrEqual, SkipTrue: 1},
			bpf.RetConstant{Val: acceptAll},
			bpf.ALUOpX{Op: bpf.ALUOpSub},
		)
	}

	vrrp := uint32(0) // offset of the VRRP header behind X
	if proto == advert.ProtoAH {
		vrrp = ahLen
	}
	prog = append(prog,
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: vrrp + headerLen, SkipTrue: 1},
		bpf.RetConstant{Val: acceptAll},
	)
	if proto == advert.ProtoAH {
		// Hosts that speak IPsec receive AH that has nothing to do with us.
		prog = append(prog,
			bpf.LoadIndirect{Off: 0, Size: 1}, // next header
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: advert.ProtoVRRP, SkipTrue: 1},
			bpf.RetConstant{Val: 0},
		)
	}
	prog = append(prog, bpf.LoadIndirect{Off: vrrp + 1, Size: 1})
	return append(prog, memberProgram(set)...)
}

// floodSample is which part of the packets that are plainly wrong still passes
// under a flood: enough to know what kind of flood it is, at next to no cost.
const floodSample = 64

// floodProgram is filterProgram for the time of a flood: of packets that cannot be
// right whatever the rest of them, it passes one in floodSample. These are too
// short ones, those of a version that no instance here speaks or of another type,
// and, over IPv4, multicast from beyond the link.
func floodProgram(ipv6 bool, proto int, set vridSet, versions []uint8, multicast bool) []bpf.Instruction {
	sample := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: floodSample - 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: 1},
		bpf.RetConstant{Val: acceptAll},
		bpf.RetConstant{Val: 0},
	}
	vrrp := uint32(0)
	if proto == advert.ProtoAH {
		vrrp = ahLen
	}
	var prog []bpf.Instruction
	if !ipv6 && multicast {
		prog = append(prog,
			bpf.LoadAbsolute{Off: 8, Size: 1},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: advert.TTL, SkipTrue: uint8(len(sample))})
		prog = append(prog, sample...)
	}
	if ipv6 {
		prog = append(prog, bpf.LoadConstant{Dst: bpf.RegX, Val: 0}, bpf.LoadExtension{Num: bpf.ExtLen})
	} else {
		prog = append(prog,
			bpf.LoadMemShift{Off: 0},
			bpf.LoadExtension{Num: bpf.ExtLen},
			bpf.ALUOpX{Op: bpf.ALUOpSub})
	}
	// Shorter than the headers; the subtraction may have wrapped.
	prog = append(prog,
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 1 << 16, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: vrrp + headerLen, SkipTrue: uint8(len(sample))})
	prog = append(prog, sample...)
	prog = append(prog, bpf.LoadIndirect{Off: vrrp, Size: 1})
	for i, v := range versions {
		const advertisement = 1
		prog = append(prog, bpf.JumpIf{
			Cond: bpf.JumpEqual, Val: uint32(v)<<4 | advertisement, SkipTrue: uint8(len(versions)-i-1) + uint8(len(sample)),
		})
	}
	prog = append(prog, sample...)
	return append(prog, filterProgram(ipv6, proto, set)...)
}

// memberProgram passes the packet if A is in the set. Its cost does not depend
// on the size of the set: the word of the VRID's bit is chosen by its upper
// bits and shifted by its lower ones.
func memberProgram(set vridSet) []bpf.Instruction {
	prog := []bpf.Instruction{
		bpf.StoreScratch{Src: bpf.RegA, N: 0},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 31},
		bpf.TAX{},
		bpf.LoadScratch{Dst: bpf.RegA, N: 0},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 5},
	}

	words := 0
	for _, word := range set {
		if word != 0 {
			words++
		}
	}
	for i, word := range set {
		if word == 0 {
			continue
		}
		words--
		prog = append(prog,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(i), SkipFalse: 2},
			bpf.LoadConstant{Dst: bpf.RegA, Val: word},
			bpf.Jump{Skip: uint32(3*words + 1)}, // over the other words and the drop
		)
	}
	prog = append(prog, bpf.RetConstant{Val: 0})

	return append(prog,
		bpf.ALUOpX{Op: bpf.ALUOpShiftRight},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 1, SkipFalse: 1},
		bpf.RetConstant{Val: acceptAll},
		bpf.RetConstant{Val: 0},
	)
}

// assembleFilter returns the filter in the form the kernel takes.
func assembleFilter(ipv6 bool, proto int, set vridSet) ([]bpf.RawInstruction, error) {
	raw, err := bpf.Assemble(filterProgram(ipv6, proto, set))
	if err != nil {
		return nil, fmt.Errorf("assemble the filter: %w", err)
	}
	return raw, nil
}
