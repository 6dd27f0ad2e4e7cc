package gotemplate

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf8"
)

// OnMark is told before each action where it is, for whoever ends the execution from outside.
var OnMark = func(line, column int) {}

// Render executes a template. The result is good until the next call.
func (t *Template) Render(data any, maxOutput int) (output []byte, failure *Error) {
	OnMark(start.line, start.column)
	out := &writer{template: t, limit: maxOutput, watched: maxOutput, at: start}
	defer func() {
		if fault := recover(); fault != nil {
			output, failure = nil, panicError(fault, out.at)
		}
	}()
	out.buffer.Grow(256)
	if err := t.execute(out, data); err != nil {
		return nil, executionError(err, t.source, out.at)
	}
	if offset := invalidAt(out.buffer.Bytes()); offset >= 0 {
		at := t.writerOf(offset, data)
		return nil, &Error{Reason: reasonEncoding, Line: at.line, Column: at.column, Detail: "the output is not valid UTF-8"}
	}
	return out.buffer.Bytes(), nil
}

func (t *Template) execute(out *writer, data any) error {
	if t.mutates {
		data = copyOf(data)
	}
	return t.template.Execute(out, data)
}

// invalidAt is the offset of the first byte that is not UTF-8, or -1.
func invalidAt(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for offset := 0; ; {
		char, size := utf8.DecodeRune(text[offset:])
		if char == utf8.RuneError && size == 1 {
			return offset
		}
		offset += size
	}
}

// writerOf executes a template once more, to find the action that wrote the byte at an offset of its output.
func (t *Template) writerOf(offset int, data any) position {
	out := &writer{template: t, limit: math.MaxInt, watched: offset, at: start}
	if err := t.execute(out, data); err != nil {
		return start
	}
	return out.watchedAt
}

func panicError(fault any, at position) *Error {
	return &Error{Reason: reasonPanic, Line: at.line, Column: at.column, Detail: fmt.Sprint(fault), Raw: fmt.Sprint(fault)}
}

// writer takes the output, and the marks in it.
type writer struct {
	buffer   bytes.Buffer
	template *Template
	limit    int
	at       position
	// Where execution was when it wrote the byte at this offset.
	watched   int
	watchedAt position
}

type outputError struct{ limit int }

func (e outputError) Error() string {
	return fmt.Sprintf("the output is larger than %d bytes", e.limit)
}

func (w *writer) Write(text []byte) (int, error) {
	if number, ok := markNumber(text); ok {
		w.at = w.template.marks[number]
		OnMark(w.at.line, w.at.column)
		return 0, nil
	}
	if w.buffer.Len()+len(text) > w.limit {
		return 0, outputError{w.limit}
	}
	if before := w.buffer.Len(); before <= w.watched && w.watched < before+len(text) {
		w.watchedAt = w.at
	}
	return w.buffer.Write(text)
}

// copyOf copies maps and lists, all the way down.
func copyOf(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for key, element := range value {
			copied[key] = copyOf(element)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, element := range value {
			copied[i] = copyOf(element)
		}
		return copied
	}
	return value
}
