import { installMissing, TOOLS } from './tools.ts';

/** Runs once before the scenarios. */
export default function setup(): void {
  const missing = installMissing((line) => process.stderr.write(`${line}\n`));
  if (missing.length === 0) return;
  const names = missing.map((name) => `${TOOLS[name].program} (package ${TOOLS[name].packageName})`).join(', ');
  if (process.env['CI'] !== undefined) throw new Error(`CI must have every client; missing: ${names}`);
  process.stderr.write(`scenarios with these are skipped, they are not installed: ${names}\n`);
}
