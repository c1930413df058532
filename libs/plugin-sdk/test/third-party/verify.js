import { verifyDriver } from '@stoa/plugin-sdk/conformance';

/** Verifies the driver package named in the first argument with the configuration in the second; prints the outcome. */

const [name, config] = process.argv.slice(2);
const { default: factory } = await import(name);
const crash = { module: import.meta.resolve(name) };
const { passed, results } = await verifyDriver(factory, JSON.parse(config), {}, { crash });
const failed = results.filter((result) => !result.passed).map((result) => `${result.name}: ${result.error?.message}`);
process.stdout.write(JSON.stringify({ passed, count: results.length, failed }));
