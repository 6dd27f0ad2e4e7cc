//go:build wasip1

// The WebAssembly reactor. All calls come one after another, from one thread.
//
// A call leaves its answer in memory: its length is the result, negative where the answer is an error in JSON, and
// `answer` says where it begins. It stands until the next call.
package main

import (
	"encoding/json"
	"runtime/debug"
	"unsafe"

	"github.com/podconfigmap-controller/gotemplate/gotemplate"
)

var (
	input  []byte
	result []byte
	data   any
	// By the number that the caller gave; nil where it does not parse.
	programs = map[int32][]*gotemplate.Template{}
)

func main() {}

//go:wasmimport pcmc mark
func mark(line, column int32)

// configure sets how many bytes the heap should stay within, and how many the stack may have.
//
//go:wasmexport configure
func configure(softLimit int64, maxStack, gcPercent int32) {
	debug.SetMemoryLimit(softLimit)
	debug.SetMaxStack(int(maxStack))
	debug.SetGCPercent(int(gcPercent))
	gotemplate.OnMark = func(line, column int) { mark(int32(line), int32(column)) }
}

// reserve makes room for the input of the next call.
//
//go:wasmexport reserve
func reserve(size int32) unsafe.Pointer {
	if int(size) > cap(input) {
		input = make([]byte, size)
	}
	return unsafe.Pointer(unsafe.SliceData(input[:cap(input)]))
}

//go:wasmexport answer
func answer() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(result)) }

// compile parses a template and appends it to a program. The answer is what it reads.
//
//go:wasmexport compile
func compile(program, size, zeroMissing int32) int32 {
	template, failure := gotemplate.Compile(string(input[:size]), gotemplate.Options{ZeroMissing: zeroMissing != 0})
	programs[program] = append(programs[program], template)
	release()
	if failure != nil {
		return -encode(failure)
	}
	return encode(template.Reads)
}

// skip appends nothing to a program, in the place of a template that is known to be bad.
//
//go:wasmexport skip
func skip(program int32) { programs[program] = append(programs[program], nil) }

// forget drops a program.
//
//go:wasmexport forget
func forget(program int32) { delete(programs, program) }

// load parses the data of the renders that follow.
//
//go:wasmexport load
func load(size int32) int32 {
	value, failure := gotemplate.Decode(input[:size])
	data = value
	release()
	if failure != nil {
		return -encode(failure)
	}
	return 0
}

// render executes a template of a program. The answer is its output.
//
//go:wasmexport render
func render(program, index, maxOutput int32) int32 {
	output, failure := programs[program][index].Render(data, int(maxOutput))
	if failure != nil {
		return -encode(failure)
	}
	result = output
	return int32(len(output))
}

// unload lets go of the data and the last answer.
//
//go:wasmexport unload
func unload() { data, result = nil, nil }

// names answers with the functions that a template can call, and those that it cannot.
//
//go:wasmexport names
func names() int32 {
	return encode(map[string]any{"functions": gotemplate.FunctionNames(), "excluded": gotemplate.Excluded()})
}

func encode(value any) int32 {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	result = text
	return int32(len(text))
}

// A large input is not kept.
func release() {
	if cap(input) > 64<<10 {
		input = nil
	}
}
