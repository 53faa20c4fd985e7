{{- define "relay.name" -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "relay.selector" -}}
app.kubernetes.io/name: clusterconnect-relay
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "relay.labels" -}}
{{ include "relay.selector" . }}
app.kubernetes.io/component: relay
{{- end }}

{{/* The chart's digest holds for mirrors too; it does not where somebody names another tag. */}}
{{- define "relay.image" -}}
{{- $image := .Values.image -}}
{{- $digest := $image.digest -}}
{{- if not (or $digest $image.tag) }}{{ $digest = index .Chart.Annotations "clusterconnect.dev/image-digest" }}{{ end -}}
{{ $image.repository | default (index .Chart.Annotations "clusterconnect.dev/image") }}:{{ $image.tag | default .Chart.AppVersion }}{{ with $digest }}@{{ . }}{{ end }}
{{- end }}

{{/* The host of publicUrl, without a port. */}}
{{- define "relay.host" -}}
{{ regexReplaceAll ":[0-9]+$" (trimPrefix "https://" .Values.config.publicUrl) "" }}
{{- end }}

{{- define "relay.config" -}}
{{- $tls := .Values.tls -}}
{{- if not (or $tls.secretName $tls.terminatedElsewhere .Values.ingress.enabled .Values.gateway.enabled) -}}
{{- fail "nothing ends the TLS of publicUrl: set tls.secretName, enable ingress or gateway, or say tls.terminatedElsewhere: true" -}}
{{- end -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "listen" "0.0.0.0:8443" -}}
{{- $_ := set $config "healthListen" "0.0.0.0:9090" -}}
{{- $_ := set $config "database" "/var/lib/clusterconnect/relay.db" -}}
{{- if $tls.secretName -}}
{{- $_ := set $config "tls" (dict "certFile" "/etc/clusterconnect-tls/tls.crt" "keyFile" "/etc/clusterconnect-tls/tls.key") -}}
{{- else -}}
{{- $_ := set $config "tlsTerminatedElsewhere" true -}}
{{- end -}}
{{- if .Values.downloads.claimName -}}
{{- $_ := set $config "downloadDirectory" "/srv/downloads" -}}
{{- end -}}
{{ toYaml $config }}
{{- end }}
