package gotemplate

import (
	"errors"
	"strconv"
	"strings"
	"text/template"
)

// Error is a template's fault.
type Error struct {
	Reason string `json:"reason"`
	// From 1. The column counts characters.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Without the position.
	Detail string `json:"detail"`
	// What Go said.
	Raw string `json:"-"`
}

func (e *Error) Error() string { return e.Raw }

// The name of the template itself; those that it defines have names of their own. Nobody calls one so.
const rootName = ""

const (
	reasonSyntax    = "syntax"
	reasonExecution = "execution"
	reasonMemory    = "memory"
	reasonSize      = "size"
	reasonEncoding  = "encoding"
	reasonDepth     = "depth"
	reasonPanic     = "panic"
)

// executionError makes an error of what Execute returned. `mark` is where execution was.
func executionError(err error, source string, mark position) *Error {
	result := &Error{Reason: reasonExecution, Line: mark.line, Column: mark.column, Detail: err.Error(), Raw: err.Error()}
	var limit LimitError
	var output outputError
	switch {
	case errors.As(err, &limit):
		result.Reason = reasonMemory
	case errors.As(err, &output):
		result.Reason = reasonSize
	}
	var execution template.ExecError
	if !errors.As(err, &execution) {
		return result
	}
	rest, found := strings.CutPrefix(result.Detail, "template: "+rootName+":")
	if !found {
		return result
	}
	line, rest, found := cutNumber(rest)
	if !found {
		return result
	}
	column, rest, found := cutNumber(rest)
	if !found {
		return result
	}
	result.Line, result.Column = line, characterColumn(source, line, column)
	result.Detail = strings.TrimPrefix(strings.TrimPrefix(rest, " "), `executing "`+rootName+`" `)
	if strings.HasSuffix(result.Detail, "exceeded maximum template depth (1000)") {
		result.Reason = reasonDepth
	}
	return result
}

// cutNumber takes `NUMBER:` from the beginning.
func cutNumber(text string) (number int, rest string, ok bool) {
	digits, rest, found := strings.Cut(text, ":")
	if !found {
		return 0, text, false
	}
	number, err := strconv.Atoi(digits)
	return number, rest, err == nil
}
