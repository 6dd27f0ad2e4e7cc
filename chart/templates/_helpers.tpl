{{/* The name of what comes with the manager; the manager itself goes by it. */}}
{{- define "pcmc.name" -}}
podconfigmap-controller
{{- end }}

{{/* The name of what comes with the node agent. Other labels than the manager's, whose Services would select the agents' Pods. */}}
{{- define "pcmc.agent.name" -}}
podconfigmap-controller-agent
{{- end }}

{{/*
Labels of an object. Takes `root`, and optionally `name` (of what it belongs to), `component`, and `extra`, a map.
*/}}
{{- define "pcmc.labels" -}}
{{- $labels := dict "app.kubernetes.io/name" (default (include "pcmc.name" .root) .name) }}
{{- with .component }}
{{- $_ := set $labels "app.kubernetes.io/component" . }}
{{- end }}
{{- if .root.Values.standardLabels }}
{{- $_ := set $labels "app.kubernetes.io/instance" .root.Release.Name }}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .root.Release.Service }}
{{- $_ := set $labels "app.kubernetes.io/version" (.root.Chart.AppVersion | replace "+" "_") }}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") }}
{{- end }}
{{- toYaml (merge $labels (default dict .extra) .root.Values.extraLabels) }}
{{- end }}

{{/* Labels of a Pod: `root`, `name`, and `extra`. What changes with the version is not among them. */}}
{{- define "pcmc.podLabels" -}}
{{- toYaml (merge (dict "app.kubernetes.io/name" .name) (default dict .extra) .root.Values.extraLabels) }}
{{- end }}

{{/* `root`, `registry`, `repository`, `tag`, `digest`. */}}
{{- define "pcmc.imageOf" -}}
{{- $name := .repository }}
{{- with .registry }}
{{- $name = printf "%s/%s" (trimSuffix "/" .) $name }}
{{- end }}
{{- if .digest -}}
{{ printf "%s@%s" $name .digest }}
{{- else -}}
{{ printf "%s:%s" $name (default .root.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}

{{/* The manager's image. */}}
{{- define "pcmc.image" -}}
{{- include "pcmc.imageOf" (merge (dict "root" .) .Values.image) }}
{{- end }}

{{/* The agent's image. */}}
{{- define "pcmc.agent.image" -}}
{{- $image := .Values.agent.image }}
{{- include "pcmc.imageOf" (dict "root" . "repository" $image.repository "digest" $image.digest
  "registry" (default .Values.image.registry $image.registry) "tag" (default .Values.image.tag $image.tag)) }}
{{- end }}

{{- define "pcmc.agent.pullPolicy" -}}
{{ default .Values.image.pullPolicy .Values.agent.image.pullPolicy }}
{{- end }}

{{/* Of the manager. */}}
{{- define "pcmc.serviceAccountName" -}}
{{ default (include "pcmc.name" .) .Values.serviceAccount.name }}
{{- end }}

{{/* Namespace of the Lease. */}}
{{- define "pcmc.lockNamespace" -}}
{{ default .Release.Namespace .Values.settings.leaderElectionLockNamespace }}
{{- end }}

{{/* Where cert-manager's certificate is mounted. */}}
{{- define "pcmc.certDir" -}}
/etc/podconfigmap-controller/webhook
{{- end }}

{{/* The Secret of cert-manager's certificate; another than the one that the manager makes. */}}
{{- define "pcmc.certSecret" -}}
podconfigmap-controller-webhook-tls
{{- end }}

{{/* The Secret of the chart's own CA, its Certificate and the Issuer that signs by it. */}}
{{- define "pcmc.caSecret" -}}
podconfigmap-controller-webhook-ca
{{- end }}

{{/* Not empty where webhooks are served: by the controllers that have some. */}}
{{- define "pcmc.hasWebhooks" -}}
{{- if and .Values.webhooks.enabled (or (has "podconfigmap" .Values.controllers) (has "watcher" .Values.controllers)) -}}
true
{{- end }}
{{- end }}

{{/* Not empty where the manager makes the webhooks' certificate, and writes its CA into their configurations. */}}
{{- define "pcmc.makesCertificate" -}}
{{- if and (include "pcmc.hasWebhooks" .) (not .Values.webhooks.certManager.enabled) (not .Values.settings.webhookCertDir) -}}
true
{{- end }}
{{- end }}

{{/* Not empty where agents run, be it in the manager's process. */}}
{{- define "pcmc.hasAgents" -}}
{{- if or .Values.agent.enabled (eq .Values.role "all") -}}
true
{{- end }}
{{- end }}

{{/*
Not empty where the cluster can limit what agents write. `helm template` knows no kinds of a cluster, only its version, or one that is
given.
*/}}
{{- define "pcmc.hasAdmissionPolicy" -}}
{{- $served := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy" }}
{{- if or $served (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) -}}
true
{{- end }}
{{- end }}

{{/* The port of an address such as `:8080` or `[::1]:8080`; empty for `0`, which serves nothing. */}}
{{- define "pcmc.portOf" -}}
{{- if ne (toString .) "0" -}}
{{ regexFind "[0-9]+$" (toString .) }}
{{- end }}
{{- end }}

{{/* The host of an address, without brackets; empty for all hosts, and for `0`. */}}
{{- define "pcmc.hostOf" -}}
{{- $host := toString . | regexFind "^.*:" | trimSuffix ":" | trimPrefix "[" | trimSuffix "]" }}
{{- if not (regexMatch "^([0:]*|0\\.0\\.0\\.0)$" $host) -}}
{{ $host }}
{{- end }}
{{- end }}

{{/* A list of any values as YAML in one line. */}}
{{- define "pcmc.flow" -}}
[{{ range $i, $word := . }}{{ if $i }}, {{ end }}{{ $word | quote }}{{ end }}]
{{- end }}

{{/*
Not empty where the release has a DaemonSet of agents that were not told to detach; `pcmc uninstall` has them run `uninstall`. Takes
`root` and `name`. One of kubectl's stays in any case.
*/}}
{{- define "pcmc.enforces" -}}
{{- $found := lookup "apps/v1" "DaemonSet" .root.Release.Namespace .name }}
{{- if eq (dig "metadata" "annotations" "meta.helm.sh/release-name" "" $found) .root.Release.Name }}
{{- $words := list }}
{{- range dig "spec" "template" "spec" "containers" (list) $found }}
{{- $words = concat $words (default (list) .args) }}
{{- end }}
{{- if not (has "uninstall" $words) -}}
true
{{- end }}
{{- end }}
{{- end }}

{{/* What cannot be said in the schema. */}}
{{- define "pcmc.check" -}}
{{- if and (eq .Values.role "all") .Values.agent.enabled }}
{{- fail "agent.enabled: must not be true with role all, which runs the agent in the manager's process" }}
{{- end }}
{{- if and (eq (toString .Values.settings.leaderElectionEnabled) "false") (or (gt (int .Values.replicas) 1) (eq .Values.role "all")) }}
{{- fail "settings.leaderElectionEnabled: must not be false with more than one replica, of which each would write" }}
{{- end }}
{{- if and .Values.webhooks.certManager.enabled .Values.settings.webhookCertDir }}
{{- fail "settings.webhookCertDir: must not be given together with webhooks.certManager.enabled, which decides it" }}
{{- end }}
{{- if and .Values.podDisruptionBudget.enabled (eq (toString .Values.podDisruptionBudget.minAvailable) "") (eq (toString .Values.podDisruptionBudget.maxUnavailable) "") }}
{{- fail "podDisruptionBudget: one of minAvailable and maxUnavailable must be given: a budget without either lets nobody drain a node" }}
{{- end }}
{{- if and .Values.podDisruptionBudget.enabled (ne (toString .Values.podDisruptionBudget.minAvailable) "") (ne (toString .Values.podDisruptionBudget.maxUnavailable) "") }}
{{- fail "podDisruptionBudget: one of minAvailable and maxUnavailable must be empty" }}
{{- end }}
{{- if and .Values.podDisruptionBudget.enabled (eq .Values.role "manager") (gt (int .Values.replicas) 1) }}
{{- if has (toString .Values.podDisruptionBudget.maxUnavailable) (list "0" "0%" "00%") }}
{{- fail "podDisruptionBudget.maxUnavailable: must not be 0, which lets nobody drain a node" }}
{{- end }}
{{- $least := toString .Values.podDisruptionBudget.minAvailable }}
{{- if hasSuffix "%" $least }}
{{- /* Rounded up, as the API server does it. */}}
{{- $least = div (add (mul (trimSuffix "%" $least | int) .Values.replicas) 99) 100 }}
{{- end }}
{{- if ge (int $least) (int .Values.replicas) }}
{{- fail (printf "podDisruptionBudget.minAvailable: must be less than replicas (%d): a budget that keeps all lets nobody drain a node" (int .Values.replicas)) }}
{{- end }}
{{- end }}
{{- if and (include "pcmc.hasAgents" .) (eq .Values.agent.admissionPolicy "required") (not (include "pcmc.hasAdmissionPolicy" .)) }}
{{- fail "agent.admissionPolicy: the cluster has no ValidatingAdmissionPolicy (Kubernetes 1.30); auto installs the agent without it" }}
{{- end }}
{{- if and (eq .Values.role "manager") (regexMatch "^(127\\.[0-9.]*|localhost|[0:]*:0*1)$" (include "pcmc.hostOf" .Values.settings.metricsAddr | lower)) }}
{{- fail "settings.metricsAddr: must not be a loopback address, where kubelets do not reach /healthz and would kill each Pod; all hosts are :PORT" }}
{{- end }}
{{- $monitored := or .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
{{- $prefix := eq .Values.role "all" | ternary "agent." "" }}
{{- $addr := eq .Values.role "all" | ternary .Values.agent.settings.metricsAddr .Values.settings.metricsAddr }}
{{- if and (include "pcmc.hasWebhooks" .) (eq (include "pcmc.portOf" $addr) (include "pcmc.portOf" .Values.settings.webhookAddr)) }}
{{- fail (printf "settings.webhookAddr: must have another port than %ssettings.metricsAddr, both are of one Pod" $prefix) }}
{{- end }}
{{- if and $monitored (not (include "pcmc.portOf" $addr)) }}
{{- fail (printf "%ssettings.metricsAddr: must not be 0 with metrics.serviceMonitor or metrics.podMonitor" $prefix) }}
{{- end }}
{{- if and (include "pcmc.hasAgents" .) .Values.agent.detachOnUninstall (not (include "pcmc.portOf" .Values.agent.settings.metricsAddr)) }}
{{- fail "agent.settings.metricsAddr: must not be 0 with agent.detachOnUninstall, which learns from /readyz that a node is clean" }}
{{- end }}
{{- if and .Release.IsUpgrade (not (include "pcmc.hasAgents" .)) }}
{{- range list (include "pcmc.agent.name" .) (include "pcmc.name" .) }}
{{- if include "pcmc.enforces" (dict "root" $ "name" .) }}
{{- fail (printf "agent.enabled: what the agents of the DaemonSet %s have put into their nodes' kernels would stay there: run `pcmc uninstall --agents-only` first, see docs/how-to/upgrade.md#agents-off-or-off-some-nodes" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.service.enabled) }}
{{- fail "metrics.serviceMonitor.enabled: takes metrics.service.enabled; metrics.podMonitor does without" }}
{{- end }}
{{- end }}
