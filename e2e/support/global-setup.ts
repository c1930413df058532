import { spawnSync } from 'node:child_process';
import { installMissing, TOOLS, type ToolName, toolPath } from './tools.ts';

/** Runs once before the scenarios; what it returns runs after them. */
export default function setup(): () => void {
  const missing = installMissing((line) => process.stderr.write(`${line}\n`));
  if (missing.length > 0) {
    const names = missing.map((name) => `${TOOLS[name].program} (package ${TOOLS[name].packageName})`).join(', ');
    if (process.env['CI'] !== undefined) throw new Error(`CI must have every client; missing: ${names}`);
    process.stderr.write(`scenarios with these are skipped, they are not installed: ${names}\n`);
  }
  return () => {
    const names = Object.keys(TOOLS) as ToolName[];
    const there = names.filter((name) => !missing.includes(name)).map(describe);
    process.stderr.write(
      `real clients and servers on this machine: ${[...there, 'imapflow', 'nodemailer'].join('; ')}\n`,
    );
  };
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own notation
const versionField = '${Version}';

/** A program with the version that its package has. */
function describe(name: ToolName): string {
  const { program, packageName } = TOOLS[name];
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', versionField, packageName], { encoding: 'utf8' });
  return `${program} (${(stdout ?? '') === '' ? toolPath(name) : `${packageName} ${stdout}`})`;
}
