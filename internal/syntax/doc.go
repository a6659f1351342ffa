// Package syntax reads the keepalived configuration language up to, but not
// including, the meaning of its keywords: bytes become logical lines and
// words with positions, after comments, conditional lines, definitions,
// repetition and inclusion have been dealt with.
//
// It is pure. The file system and the environment are functions in [Options],
// so the same input always gives the same lines. Everything is pulled: a
// [Scanner] reads no further than the line asked for, which is what lets a
// keyword such as include_check act on the lines that follow it.
//
// Work and memory are bounded whatever the input: a logical line is at most
// [MaxLine] bytes, expansions stop at [MaxLines] lines, files that include
// themselves are refused.
//
// Problems never stop the reading; they go to [Options.Report] in the order
// of the text.
package syntax
