package gotemplate

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// position is a place in a source. Both count from 1, the column in characters.
type position struct{ line, column int }

var start = position{1, 1}

// lines finds positions in a source.
type lines struct {
	source string
	// Offset of the first byte of each line.
	starts []int
}

func newLines(source string) lines {
	starts := []int{0}
	for i := range len(source) {
		if source[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	return lines{source, starts}
}

func (l lines) at(offset int) position {
	line := sort.SearchInts(l.starts, offset+1)
	return position{line, 1 + utf8.RuneCountInString(l.source[l.starts[line-1]:offset])}
}

// all are the positions of offsets, in their order. It goes over the source once, however long its lines are.
func (l lines) all(offsets []int) []position {
	order := make([]int, len(offsets))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return offsets[a] - offsets[b] })
	positions := make([]position, len(offsets))
	at, last := start, 0
	for _, i := range order {
		between := l.source[last:offsets[i]]
		if newline := strings.LastIndexByte(between, '\n'); newline >= 0 {
			at = position{at.line + strings.Count(between, "\n"), 1}
			between = between[newline+1:]
		}
		at.column += utf8.RuneCountInString(between)
		positions[i], last = at, offsets[i]
	}
	return positions
}

// bounds is the offset of a line's first byte that is not blank, and of the line's end.
func (l lines) bounds(line int) (first, end int) {
	first, end = l.starts[line-1], len(l.source)
	if line < len(l.starts) {
		end = l.starts[line] - 1
	}
	for first < end && strings.IndexByte(" \t\r", l.source[first]) >= 0 {
		first++
	}
	return first, end
}

// characterColumn turns Go's column, in bytes from 0, into one in characters from 1.
func characterColumn(source string, line, bytes int) int {
	lines := newLines(source)
	if line < 1 || line > len(lines.starts) {
		return 1
	}
	from := lines.starts[line-1]
	return 1 + utf8.RuneCountInString(source[from:min(from+bytes, len(source))])
}

// An action, `{{...}}`: offsets of its first byte, and of the one after its last.
type action struct{ start, end int }

// actions finds the actions of a source as text/template's lexer does. One without an end reaches to the end.
func actions(source string) []action {
	found := []action{}
	for at := 0; ; {
		open := strings.Index(source[at:], "{{")
		if open < 0 {
			return found
		}
		begin := at + open
		at = actionEnd(source, begin)
		found = append(found, action{begin, at})
	}
}

func actionEnd(source string, begin int) int {
	at := begin + 2
	inside := strings.TrimLeft(strings.TrimPrefix(source[at:], "-"), " \t\r\n")
	if strings.HasPrefix(inside, "/*") {
		if end := strings.Index(source[at:], "*/"); end >= 0 {
			at += end + 2
		}
	}
	for at < len(source) {
		switch char := source[at]; {
		case strings.HasPrefix(source[at:], "}}"):
			return at + 2
		case char == '`':
			end := strings.IndexByte(source[at+1:], '`')
			if end < 0 {
				return len(source)
			}
			at += end + 2
		case char == '"' || char == '\'':
			at = quoteEnd(source, at)
		default:
			at++
		}
	}
	return len(source)
}

// quoteEnd is the offset after a quoted string or character, which ends at the end of the line at the latest.
func quoteEnd(source string, at int) int {
	quote := source[at]
	for at++; at < len(source); at++ {
		switch source[at] {
		case '\\':
			at++
		case '\n':
			return at
		case quote:
			return at + 1
		}
	}
	return len(source)
}
