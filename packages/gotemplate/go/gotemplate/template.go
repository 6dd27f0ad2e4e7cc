// Package gotemplate compiles and runs text/template with sprig's functions, such that the same template gives the same
// output for the same data everywhere, and says where a fault is.
package gotemplate

import (
	"text/template"
	"text/template/parse"
	"unicode/utf8"
)

// Template is a template that parses.
type Template struct {
	source string
	// Ready to execute.
	template *template.Template
	// Where each marked action is.
	marks []position
	// Whether it can change its data.
	mutates bool
	// What it reads of its data.
	Reads Reads
}

// Options say how a template is compiled.
type Options struct {
	// Whether a key that the data lacks is the zero value instead of an error.
	ZeroMissing bool
}

// Compile parses a template.
func Compile(source string, options Options) (compiled *Template, failure *Error) {
	defer func() {
		if fault := recover(); fault != nil {
			compiled, failure = nil, panicError(fault, start)
		}
	}()
	if !utf8.ValidString(source) {
		return nil, &Error{Reason: reasonEncoding, Line: 1, Column: 1, Detail: "the template is not valid UTF-8"}
	}
	trees, err := parseSource(source)
	if err != nil {
		return nil, syntaxError(err, source)
	}
	used := calledFunctions(trees)
	result := &Template{source: source, mutates: mutates(used), Reads: findReads(trees)}
	result.marks = markActions(trees, source)

	// Of the functions, only those that it calls: copying all of them takes longer than all else.
	missingKey := "missingkey=error"
	if options.ZeroMissing {
		missingKey = "missingkey=zero"
	}
	result.template = template.New(rootName).Funcs(used).Option(missingKey)
	for name, tree := range trees {
		if _, err := result.template.AddParseTree(name, tree); err != nil {
			return nil, syntaxError(err, source)
		}
	}
	return result, nil
}

// Functions that change a map they are given.
var mutators = []string{"merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite", "set", "unset"}

func mutates(used template.FuncMap) bool {
	for _, name := range mutators {
		if _, called := used[name]; called {
			return true
		}
	}
	return false
}

func calledFunctions(trees map[string]*parse.Tree) template.FuncMap {
	called := template.FuncMap{}
	for _, tree := range trees {
		walk(tree.Root, func(node parse.Node) {
			identifier, ok := node.(*parse.IdentifierNode)
			if !ok {
				return
			}
			if function, ok := Functions[identifier.Ident]; ok {
				called[identifier.Ident] = function
			}
		})
	}
	return called
}
