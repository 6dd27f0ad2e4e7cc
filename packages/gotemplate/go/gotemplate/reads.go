package gotemplate

import (
	"maps"
	"slices"
	"strings"
	"text/template/parse"
)

// Reads is what a template reads of its data. Never less than that: the same output, or the same error, comes from data
// pruned to it.
type Reads struct {
	// Whether it reads everything; then there are no paths.
	Whole bool `json:"whole"`
	// Keys of nested maps; what is at and below each is read. Sorted, and none is the beginning of another.
	Paths [][]string `json:"paths"`
}

// A path names a place in the data: keys of nested maps, from the root, each after a separator. The separator is the
// smallest byte, so that what lies below a place comes right after it in sorted order; no key that holds it is followed.
type path string

const separator = "\x00"

func (p path) below(key string) path { return p + path(separator+key) }

// A places is what a value may be of the data. Empty: nothing of it, or what lies within a place that is read anyway.
type places map[path]bool

// Past these a template is not followed: it reads the whole.
const (
	maxPathLength = 32
	maxPlaces     = 2_000
)

// analysis follows values through templates. It ignores in which order, and whether, actions are executed: a variable is
// whatever is assigned to it anywhere, a template's dot whatever any call gives it. So it goes over the templates until
// nothing new comes up.
type analysis struct {
	trees map[string]*parse.Tree
	// By template, and by variable there.
	variables map[string]map[string]places
	// Read with all that is below.
	read places
	// Evaluated, but not used: only whether it is there can matter.
	touched places
	// Something new came up in this round.
	changed bool
	whole   bool
}

func findReads(trees map[string]*parse.Tree) Reads {
	a := &analysis{
		trees:     trees,
		variables: map[string]map[string]places{},
		read:      places{},
		touched:   places{},
	}
	a.assign(rootName, "$", places{"": true})
	for a.changed && !a.whole {
		a.changed = false
		for _, name := range a.reached() {
			a.list(scope{a, name}, trees[name].Root, a.variables[name]["$"])
		}
	}
	return a.result()
}

// reached are the templates that are called, as far as is known.
func (a *analysis) reached() []string {
	names := []string{}
	for name := range a.variables {
		if tree := a.trees[name]; tree != nil && tree.Root != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (a *analysis) result() Reads {
	if a.whole || a.read[""] {
		return Reads{Whole: true, Paths: [][]string{}}
	}
	// What is only touched stays because something below it does, if anything does.
	kept := []path{}
	for place := range a.read {
		kept = append(kept, place)
	}
	for _, place := range slices.Backward(slices.Sorted(maps.Keys(a.touched))) {
		covered := place == "" || slices.ContainsFunc(kept, func(other path) bool { return within(other, place) })
		if !covered {
			kept = append(kept, place)
		}
	}
	slices.Sort(kept)
	paths := [][]string{}
	var last path
	for _, place := range kept {
		if len(paths) > 0 && within(place, last) {
			continue
		}
		last = place
		paths = append(paths, strings.Split(string(place), separator)[1:])
	}
	return Reads{Paths: paths}
}

// within reports whether a place is another one, or below it.
func within(place, other path) bool {
	return place == other || strings.HasPrefix(string(place), string(other)+separator)
}

func (a *analysis) assign(template, variable string, value places) {
	variables := a.variables[template]
	if variables == nil {
		variables = map[string]places{}
		a.variables[template] = variables
		a.changed = true
	}
	if variables[variable] == nil {
		variables[variable] = places{}
	}
	a.add(variables[variable], value)
}

func (a *analysis) add(to, value places) {
	for place := range value {
		if !to[place] {
			to[place] = true
			a.changed = true
		}
	}
	if len(to) > maxPlaces {
		a.whole = true
	}
}

// use says that a value is used, as a whole. What comes of it is covered then, so nothing remains to follow.
func (a *analysis) use(values ...places) places {
	for _, value := range values {
		a.add(a.read, value)
	}
	return nil
}

// fields is what the keys lead to. Only whether they are there has been looked at.
func (a *analysis) fields(value places, keys []string) places {
	if slices.ContainsFunc(keys, func(key string) bool { return strings.Contains(key, separator) }) {
		a.whole = true
	}
	result := places{}
	for place := range value {
		for _, key := range keys {
			place = place.below(key)
		}
		if strings.Count(string(place), separator) > maxPathLength {
			a.whole = true
			return nil
		}
		result[place] = true
	}
	a.add(a.touched, result)
	return result
}
