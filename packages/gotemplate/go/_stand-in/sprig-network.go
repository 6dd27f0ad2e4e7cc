// Stands in for sprig's file of this name in the WebAssembly build.
package sprig

// The table of functions names it; templates cannot call it.
var getHostByName interface{}
