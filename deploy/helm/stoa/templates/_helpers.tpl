{{- define "stoa.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "stoa.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "stoa.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "stoa.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "stoa.selector" -}}
app.kubernetes.io/name: {{ include "stoa.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "stoa.labels" -}}
{{ include "stoa.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: stoa
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "stoa.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "stoa.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "stoa.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Name of a headless service within the cluster: dict root, component. */}}
{{- define "stoa.host" -}}
{{- printf "%s-%s.%s.svc.%s" (include "stoa.fullname" .root) .component .root.Release.Namespace .root.Values.clusterDomain -}}
{{- end -}}

{{/* Addresses of the pods of a StatefulSet, as a JSON list: dict root, component, replicas. */}}
{{- define "stoa.podAddresses" -}}
{{- $addresses := list -}}
{{- range $i := until (int .replicas) -}}
{{- $addresses = append $addresses (printf "%s-%s-%d.%s:2070" (include "stoa.fullname" $.root) $.component $i (include "stoa.host" $)) -}}
{{- end -}}
{{- toJson $addresses -}}
{{- end -}}

{{- define "stoa.storeRouterAddresses" -}}
{{- if .Values.storeRouter.persistence.enabled -}}
{{- include "stoa.podAddresses" (dict "root" . "component" "store-router" "replicas" .Values.storeRouter.replicas) -}}
{{- else -}}
{{- toJson (list (printf "%s:2070" (include "stoa.host" (dict "root" . "component" "store-router")))) -}}
{{- end -}}
{{- end -}}

{{/* Names that the cluster's certificate must have, one a line. */}}
{{- define "stoa.certificateNames" -}}
{{- range $component := list "coordinator" "store-router" "roles" -}}
{{- $host := include "stoa.host" (dict "root" $ "component" $component) -}}
{{ $host }}
{{ printf "*.%s" $host }}
{{ end -}}
localhost
{{- end -}}

{{/* stoa.toml, but what each pod has from its environment. */}}
{{- define "stoa.toml" -}}
{{- $tls := dict "ca" "/run/secrets/cluster-tls/ca.crt" "cert" "/run/secrets/cluster-tls/tls.crt" "key" "/run/secrets/cluster-tls/tls.key" -}}
{{- $coordinators := include "stoa.podAddresses" (dict "root" . "component" "coordinator" "replicas" .Values.coordinator.replicas) | fromJsonArray -}}
{{- $services := dict "coordinator" $coordinators "store-router" (include "stoa.storeRouterAddresses" . | fromJsonArray) "roles" (list (printf "%s:2070" (include "stoa.host" (dict "root" . "component" "roles")))) -}}
{{- $certificates := list -}}
{{- range $name := .Values.mailTls.existingSecrets -}}
{{- $certificates = append $certificates (dict "cert" (printf "/run/secrets/mail-tls/%s/tls.crt" $name) "key" (printf "/run/secrets/mail-tls/%s/tls.key" $name)) -}}
{{- end -}}
{{- $smtp := list -}}
{{- range .Values.smtp.listeners -}}
{{- $smtp = append $smtp (dict "name" .name "kind" .kind "listen" (printf "0.0.0.0:%d" (int .port)) "tls" .tls) -}}
{{- end -}}
{{- $imap := list -}}
{{- range .Values.imap.listeners -}}
{{- $imap = append $imap (dict "name" .name "listen" (printf "0.0.0.0:%d" (int .port)) "tls" .tls) -}}
{{- end -}}
{{- $node := dict "cluster-id" (include "stoa.fullname" .) "hostname" (required "hostname is needed: the name that the MX record of your domain has" .Values.hostname) "drain-timeout" (printf "%ds" (int .Values.drainSeconds)) -}}
{{- $cluster := dict "listen" "0.0.0.0:2070" "tls" $tls "services" $services -}}
{{- if .Values.clusterSecret.existingSecret -}}
{{- $cluster = set $cluster "secret-file" "/run/secrets/cluster-secret/secret" -}}
{{- end -}}
{{- $base := dict "node" $node
  "cluster" $cluster
  "tls" (dict "certificates" $certificates)
  "data" .Values.stores.data "blob" .Values.stores.blob "memory" .Values.stores.memory "search" .Values.stores.search
  "bus" .Values.bus.driver
  "smtp" (dict "listeners" $smtp) "imap" (dict "listeners" $imap) -}}
{{- toToml (mergeOverwrite (deepCopy $base) (deepCopy .Values.config)) -}}
{{- end -}}
