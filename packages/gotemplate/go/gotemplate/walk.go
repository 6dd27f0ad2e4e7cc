package gotemplate

import (
	"reflect"
	"text/template/parse"
)

// walk visits a node and all below it.
func walk(node parse.Node, visit func(parse.Node)) {
	if node == nil || reflect.ValueOf(node).IsNil() {
		return
	}
	visit(node)
	for _, child := range children(node) {
		walk(child, visit)
	}
}

func children(node parse.Node) []parse.Node {
	switch node := node.(type) {
	case *parse.ListNode:
		return node.Nodes
	case *parse.ActionNode:
		return []parse.Node{node.Pipe}
	case *parse.TemplateNode:
		return []parse.Node{node.Pipe}
	case *parse.IfNode:
		return branches(&node.BranchNode)
	case *parse.RangeNode:
		return branches(&node.BranchNode)
	case *parse.WithNode:
		return branches(&node.BranchNode)
	case *parse.PipeNode:
		all := []parse.Node{}
		for _, command := range node.Cmds {
			all = append(all, command)
		}
		return all
	case *parse.CommandNode:
		return node.Args
	case *parse.ChainNode:
		return []parse.Node{node.Node}
	}
	return nil
}

func branches(node *parse.BranchNode) []parse.Node {
	return []parse.Node{node.Pipe, node.List, node.ElseList}
}
