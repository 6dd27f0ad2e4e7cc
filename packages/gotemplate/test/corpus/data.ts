/** Data that the templates of the corpus render: something of every kind. */
export const corpusData = `{
  "metadata": {"name": "web-0", "namespace": "shop", "uid": "5f2c",
    "labels": {"app": "web", "app.kubernetes.io/name": "Web Shop", "tier": "front"},
    "annotations": {"note": "line one\\nline two", "quote": "say \\"hi\\" & <go>"}},
  "spec": {"nodeName": "node-1", "replicas": 3, "containers": [
    {"name": "main", "image": "registry.local/web:1.2.3", "ports": [{"containerPort": 8080}, {"containerPort": 9090}]},
    {"name": "side", "image": "proxy", "ports": []}]},
  "status": {"phase": "Running", "podIP": "10.0.0.7", "ready": true},
  "max": 9223372036854775807, "min": -9223372036854775808, "over": 9223372036854775808, "exact": 9007199254740993,
  "zero": 0, "one": 1, "pi": 3.14159, "half": 0.5, "whole": 1.0, "tiny": 1e-7, "huge": 1e300, "big": 1e21, "negative": -7,
  "yes": true, "no": false, "null": null, "empty": "", "none": {}, "nothing": [],
  "text": "The quick brown fox", "unicode": "Grüße, 世界 👋", "spaces": "  padded \\t", "camel": "someCamelCase",
  "words": ["delta", "alpha", "charlie", "bravo", "alpha"], "numbers": [3, 1, 2, 10], "mixed": [1, "a", null, true, 1.5, {"k": "v"}],
  "nested": {"a": {"b": {"c": "deep"}}}, "yaml": "a: 1\\nb:\\n  - x\\n  - y: true\\n", "json": "{\\"k\\": [1, 2.5, \\"s\\"]}",
  "version": "1.20.3-beta.1+build5", "url": "https://user:pw@host.example:8443/a/b?x=1&y=2#frag", "epoch": 1700000000
}`;
