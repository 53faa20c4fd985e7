{{/* The names and labels are fixed: a cluster has one installation, because the definition and the cluster roles are the cluster's. */}}
{{- define "clusterconnect.labels" -}}
app.kubernetes.io/name: clusterconnect
app.kubernetes.io/component: operator
{{- end }}

{{/* The chart's digest holds for mirrors too; it does not where somebody names another tag. */}}
{{- define "clusterconnect.image" -}}
{{- $image := .Values.image -}}
{{- $digest := $image.digest -}}
{{- if not (or $digest $image.tag) }}{{ $digest = index .Chart.Annotations "clusterconnect.dev/image-digest" }}{{ end -}}
{{ $image.repository | default (index .Chart.Annotations "clusterconnect.dev/image") }}:{{ $image.tag | default .Chart.AppVersion }}{{ with $digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "clusterconnect.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "clusterconnect.containerSecurity" -}}
{{ include "clusterconnect.podSecurity" . }}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
