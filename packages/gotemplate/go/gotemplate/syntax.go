package gotemplate

import (
	"math/bits"
	"slices"
	"sort"
	"strings"
	"text/template"
	"text/template/parse"
)

func parseSource(source string) (map[string]*parse.Tree, error) {
	return parse.Parse(rootName, source, "", "", Functions, builtinSet)
}

// The parser wants to know only the names of text/template's own functions.
var builtinSet = func() template.FuncMap {
	set := template.FuncMap{}
	for _, name := range builtins {
		set[name] = true
	}
	return set
}()

// syntaxError makes an error of what the parser returned, which knows only the line.
func syntaxError(err error, source string) *Error {
	result := &Error{Reason: reasonSyntax, Line: 1, Column: 1, Detail: err.Error(), Raw: err.Error()}
	rest, found := strings.CutPrefix(result.Detail, "template: "+rootName+":")
	if !found {
		return result
	}
	line, rest, found := cutNumber(rest)
	if !found {
		return result
	}
	result.Line, result.Detail = line, strings.TrimPrefix(rest, " ")
	if strings.Contains(result.Detail, "max expression depth exceeded") {
		result.Reason = reasonDepth
	}
	lines := newLines(source)
	if line <= len(lines.starts) {
		result.Column = lines.at(faultOnLine(source, lines, result)).column
	}
	return result
}

// How much may be parsed, in bytes, to find one of several actions on a line.
const maxSearch = 1 << 20

// faultOnLine is the offset, on the line that the parser named, of the action at fault: of its part on that line, where
// it began on an earlier one; of the end, where it is the end that comes too soon.
func faultOnLine(source string, lines lines, fault *Error) int {
	first, end := lines.bounds(fault.Line)
	if fault.Detail == unexpectedEnd {
		return end
	}
	candidates := slices.DeleteFunc(actions(source), func(action action) bool {
		return action.end <= lines.starts[fault.Line-1] || action.start >= max(end, first+1)
	})
	if len(candidates) == 0 {
		return first
	}
	index := 0
	if bits.Len(uint(len(candidates)))*len(source) <= maxSearch {
		// A source that ends before the action at fault is good, one that ends after it bad.
		index = sort.Search(len(candidates)-1, func(i int) bool { return faulty(source[:candidates[i].end]) })
	}
	return min(max(candidates[index].start, first), end)
}

const unexpectedEnd = "unexpected EOF"

// faulty reports whether a beginning of a source has a fault other than that it ends too soon.
func faulty(beginning string) bool {
	_, err := parseSource(beginning)
	return err != nil && !strings.HasSuffix(err.Error(), ": "+unexpectedEnd)
}
