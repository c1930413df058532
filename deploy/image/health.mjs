// Exit code 0 when the health page of this container says "live" or "ready": node health.mjs live|ready
const [page = 'live'] = process.argv.slice(2);
const listen = process.env['STOA_HTTP__LISTEN'] ?? '0.0.0.0:2080';
const port = listen.replaceAll('"', '').split(':').at(-1);
try {
  const response = await fetch(`http://127.0.0.1:${port}/health/${page}`, { signal: AbortSignal.timeout(3_500) });
  process.stdout.write(await response.text());
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  process.stdout.write(`the health page does not answer: ${error.message}\n`);
  process.exitCode = 1;
}
