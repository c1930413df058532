/**
 * Configuration of one node on the embedded stores. Mail ports (smtp, submission, lmtp, imap, imaps) stay the same over a
 * restart, as they would. `services`: gRPC ports of services that run as processes of their own.
 */
export function singleNodeToml(
  ports: readonly number[],
  services: ReadonlyMap<string, number> | undefined,
  more: string,
): string {
  const [smtp, submission, lmtp, imap, imaps] = ports;
  const addresses = Array.from(services ?? [], ([name, port]) => `${name} = ["127.0.0.1:${port}"]`).join('\n');
  const cluster =
    services === undefined
      ? ''
      : `[cluster.tls]\nca = "pki/ca.pem"\ncert = "pki/node.pem"\nkey = "pki/node-key.pem"\n[cluster.services]\n${addresses}\n`;
  return `
[node]
hostname = "mx.example.test"
data-directory = "data"
drain-timeout = "5s"
[telemetry]
export-interval = "100ms"
[http]
listen = "127.0.0.1:0"
${cluster}
[tls]
certificates = [{ cert = "cert.pem", key = "key.pem" }]
[[smtp.listeners]]
name = "smtp"
kind = "smtp"
listen = "127.0.0.1:${smtp}"
[[smtp.listeners]]
name = "submission"
kind = "submission"
listen = "127.0.0.1:${submission}"
[[smtp.listeners]]
name = "lmtp"
kind = "lmtp"
listen = "127.0.0.1:${lmtp}"
[[imap.listeners]]
name = "imap"
listen = "127.0.0.1:${imap}"
tls = "starttls"
[[imap.listeners]]
name = "imaps"
listen = "127.0.0.1:${imaps}"
tls = "implicit"
${more}
`;
}
