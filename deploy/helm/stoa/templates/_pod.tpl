{{/*
The pod of a service: dict root, component (smtp, imap, store-router, coordinator, roles), values (its section), nodeId ("" for
the name of the pod), dataVolume (false: an empty folder), ports (a list of name and port beside those of every pod).
*/}}
{{- define "stoa.pod" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
metadata:
  labels:
    {{- include "stoa.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- with .values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Pods are replaced when the configuration changes.
    checksum/config: {{ include "stoa.toml" $root | sha256sum }}
    {{- with .values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "stoa.serviceAccount" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # The wait before the stop, the longest drain, and time to close what is left.
  terminationGracePeriodSeconds: {{ add (int $values.preStopSeconds) (int $values.drainSeconds) 15 }}
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with .values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- if $values.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- range $values.topologySpread.topologyKeys }}
    - maxSkew: {{ $values.topologySpread.maxSkew }}
      topologyKey: {{ . }}
      whenUnsatisfiable: {{ $values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "stoa.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.component }}
    {{- end }}
  {{- end }}
  {{- with .values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: stoa
      image: {{ include "stoa.image" $root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: [start, --config, /etc/stoa/stoa.toml, --services, {{ .component }}]
      env:
        {{- if .nodeId }}
        - name: STOA_NODE__ID
          value: {{ .nodeId | quote }}
        {{- else }}
        - name: STOA_NODE__ID
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- end }}
        {{- with .values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: cluster
          containerPort: 2070
        - name: http
          containerPort: 2080
        {{- range .ports }}
        - name: {{ .name }}
          containerPort: {{ .port }}
        {{- end }}
      # Until the process answers for five minutes nothing else is asked of it; then whether it lives, and whether it can work.
      startupProbe:
        httpGet: { path: /health/live, port: http }
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet: { path: /health/live, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: { path: /health/ready, port: http }
        periodSeconds: 5
        timeoutSeconds: 4
        failureThreshold: 2
      {{- if gt (int $values.preStopSeconds) 0 }}
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ $values.preStopSeconds | quote }}]
      {{- end }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - { name: config, mountPath: /etc/stoa, readOnly: true }
        - { name: cluster-tls, mountPath: /run/secrets/cluster-tls, readOnly: true }
        - { name: data, mountPath: /var/lib/stoa }
        - { name: tmp, mountPath: /tmp }
        {{- if $values.clusterSecret.existingSecret }}
        - { name: cluster-secret, mountPath: /run/secrets/cluster-secret, readOnly: true }
        {{- end }}
        {{- if and (eq .component "store-router") $values.stores.existingSecret }}
        - { name: stores, mountPath: /run/secrets/stores, readOnly: true }
        {{- end }}
        {{- if and (eq .component "coordinator") $values.bus.existingSecret }}
        - { name: bus, mountPath: /run/secrets/bus, readOnly: true }
        {{- end }}
        {{- range $values.mailTls.existingSecrets }}
        - { name: {{ printf "mail-tls-%s" . | replace "." "-" | trunc 63 | trimSuffix "-" }}, mountPath: /run/secrets/mail-tls/{{ . }}, readOnly: true }
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "stoa.fullname" $root }}
    - name: cluster-tls
      secret:
        secretName: {{ $values.clusterTls.existingSecret }}
        defaultMode: 0440
    {{- with $values.clusterSecret.existingSecret }}
    - name: cluster-secret
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    - name: tmp
      emptyDir: {}
    {{- if not .dataVolume }}
    - name: data
      emptyDir: {}
    {{- end }}
    {{- if and (eq .component "store-router") $values.stores.existingSecret }}
    - name: stores
      secret:
        secretName: {{ $values.stores.existingSecret }}
        defaultMode: 0440
    {{- end }}
    {{- if and (eq .component "coordinator") $values.bus.existingSecret }}
    - name: bus
      secret:
        secretName: {{ $values.bus.existingSecret }}
        defaultMode: 0440
    {{- end }}
    {{- range $values.mailTls.existingSecrets }}
    - name: {{ printf "mail-tls-%s" . | replace "." "-" | trunc 63 | trimSuffix "-" }}
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
{{- end -}}
