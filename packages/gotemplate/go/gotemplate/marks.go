package gotemplate

import (
	"text/template/parse"
	"unsafe"
)

// An action is marked by an empty text before it. Executing that writes nothing, but tells the writer which action comes
// next: the text is an empty slice at the action's number in this array. Actions past its end share the last number.
var marks [1 << 18]byte

// markActions puts a mark before every action, and returns where each is.
func markActions(trees map[string]*parse.Tree, source string) []position {
	offsets := []int{}
	for _, tree := range trees {
		walk(tree.Root, func(node parse.Node) {
			list, ok := node.(*parse.ListNode)
			if !ok {
				return
			}
			marked := make([]parse.Node, 0, 2*len(list.Nodes))
			for _, child := range list.Nodes {
				if offset, ok := actionOffset(child); ok && len(offsets) < len(marks) {
					number := len(offsets)
					offsets = append(offsets, offset)
					marked = append(marked, &parse.TextNode{NodeType: parse.NodeText, Text: marks[number:number]})
				}
				marked = append(marked, child)
			}
			list.Nodes = marked
		})
	}
	return newLines(source).all(offsets)
}

// actionOffset is where the content of an action is, and whether the node is an action that does something.
func actionOffset(node parse.Node) (offset int, ok bool) {
	switch node := node.(type) {
	case *parse.ActionNode, *parse.IfNode, *parse.RangeNode, *parse.WithNode, *parse.TemplateNode:
		return int(node.Position()), true
	}
	return 0, false
}

// markNumber is the number of the action that a text marks.
func markNumber(text []byte) (number int, ok bool) {
	if len(text) != 0 {
		return 0, false
	}
	at, first := uintptr(unsafe.Pointer(unsafe.SliceData(text))), uintptr(unsafe.Pointer(&marks))
	return int(at - first), at >= first && at < first+uintptr(len(marks))
}
