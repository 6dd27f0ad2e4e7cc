package gotemplate

import "text/template/parse"

// scope is the template in which an analysis is.
type scope struct {
	*analysis
	template string
}

func (a *analysis) list(s scope, list *parse.ListNode, dot places) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch node := node.(type) {
		case *parse.ActionNode:
			value := s.pipe(node.Pipe, dot)
			if len(node.Pipe.Decl) == 0 {
				s.use(value)
			}
		case *parse.IfNode:
			s.use(s.pipe(node.Pipe, dot))
			s.list(s, node.List, dot)
			s.list(s, node.ElseList, dot)
		case *parse.WithNode:
			value := s.pipe(node.Pipe, dot)
			s.use(value)
			s.list(s, node.List, value)
			s.list(s, node.ElseList, dot)
		case *parse.RangeNode:
			// Its elements lie within what is read.
			s.use(s.pipe(node.Pipe, dot))
			s.list(s, node.List, nil)
			s.list(s, node.ElseList, dot)
		case *parse.TemplateNode:
			s.assign(node.Name, "$", s.pipe(node.Pipe, dot))
		case *parse.TextNode, *parse.CommentNode, *parse.BreakNode, *parse.ContinueNode:
		default:
			s.whole = true
		}
	}
}

func (s scope) pipe(pipe *parse.PipeNode, dot places) places {
	if pipe == nil {
		return nil
	}
	var value places
	var piped parse.Node
	for i, command := range pipe.Cmds {
		value = s.command(command, dot, final{present: i > 0, value: value, node: piped})
		piped = constantOf(command)
	}
	for _, variable := range pipe.Decl {
		s.assign(s.template, variable.Ident[0], value)
	}
	return value
}

// constantOf is the constant that a command is, or nil.
func constantOf(command *parse.CommandNode) parse.Node {
	if len(command.Args) != 1 {
		return nil
	}
	return constant(command.Args[0])
}

func constant(node parse.Node) parse.Node {
	switch node := node.(type) {
	case *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode:
		return node
	}
	return nil
}

// final is what a pipeline hands to a command as its last argument.
type final struct {
	present bool
	value   places
	// The constant that it is, or nil.
	node parse.Node
}

// An argument: what it may be of the data, and its node, where that tells what it is.
type argument struct {
	value places
	node  parse.Node
}

func (s scope) command(command *parse.CommandNode, dot places, piped final) places {
	arguments := []argument{}
	for _, node := range command.Args[1:] {
		arguments = append(arguments, argument{s.value(node, dot), node})
	}
	if piped.present {
		arguments = append(arguments, argument{piped.value, piped.node})
	}
	if function, ok := command.Args[0].(*parse.IdentifierNode); ok {
		return s.call(function.Ident, arguments)
	}
	for _, argument := range arguments {
		// Given to what is not a function: an error. Or to a method of what a function returned.
		s.use(argument.value)
	}
	return s.value(command.Args[0], dot)
}

func (s scope) value(node parse.Node, dot places) places {
	switch node := node.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return s.fields(dot, node.Ident)
	case *parse.VariableNode:
		variable := s.variables[s.template][node.Ident[0]]
		if len(node.Ident) == 1 {
			return variable
		}
		return s.fields(variable, node.Ident[1:])
	case *parse.ChainNode:
		return s.fields(s.value(node.Node, dot), node.Field)
	case *parse.PipeNode:
		return s.pipe(node, dot)
	case *parse.IdentifierNode:
		return s.call(node.Ident, nil)
	case *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode:
		return nil
	}
	s.whole = true
	return nil
}

// call is a function's result. But for those that only look up keys, a function uses all that it is given.
func (s scope) call(function string, arguments []argument) places {
	switch function {
	case "index":
		return s.index(arguments)
	case "get":
		if keys, ok := texts(arguments, 1, 2); ok {
			return s.fields(arguments[0].value, keys)
		}
	case "hasKey", "pick":
		if keys, ok := texts(arguments, 1, len(arguments)); ok && len(arguments) > 1 {
			for _, key := range keys {
				s.use(s.fields(arguments[0].value, []string{key}))
			}
			// A result of pick holds nothing else.
			return nil
		}
	case "pluck":
		if keys, ok := texts(arguments, 0, 1); ok {
			for _, argument := range arguments[1:] {
				s.use(s.fields(argument.value, keys))
			}
			return nil
		}
	case "dig":
		last := len(arguments) - 1
		if keys, ok := texts(arguments, 0, last-1); ok && last > 1 {
			s.use(arguments[last-1].value)
			return s.fields(arguments[last].value, keys)
		}
	}
	for _, argument := range arguments {
		s.use(argument.value)
	}
	return nil
}

// index follows constant keys; from the first key that is something else, what is there is used.
func (s scope) index(arguments []argument) places {
	if len(arguments) == 0 {
		return nil
	}
	value := arguments[0].value
	rest := arguments[1:]
	for i, argument := range rest {
		key, ok := argument.node.(*parse.StringNode)
		if !ok {
			s.use(value)
			for _, argument := range rest[i:] {
				s.use(argument.value)
			}
			return nil
		}
		value = s.fields(value, []string{key.Text})
	}
	return value
}

// texts are the arguments from one on to before another, where each is a constant string.
func texts(arguments []argument, from, to int) ([]string, bool) {
	if from > to || to > len(arguments) {
		return nil, false
	}
	all := []string{}
	for _, argument := range arguments[from:to] {
		text, ok := argument.node.(*parse.StringNode)
		if !ok {
			return nil, false
		}
		all = append(all, text.Text)
	}
	return all, true
}
