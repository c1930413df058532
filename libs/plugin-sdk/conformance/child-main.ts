import { writeSync } from 'node:fs';
import type { DriverContext, DriverFactory } from '../src/index.ts';
import type { ChildTask } from './child.ts';
import { SuiteHost } from './host.ts';
import { workloads } from './workloads.ts';

/** The process that a suite starts, and may kill: opens the driver and runs a workload. */

const task = JSON.parse(process.argv[2] ?? '') as ChildTask;
const { default: factory } = (await import(task.module)) as { default: DriverFactory };
const result = await factory.configSchema['~standard'].validate(task.config);
if (result.issues) throw new Error(JSON.stringify(result.issues));

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const context: DriverContext = { logger: silent, dataDirectory: task.dataDirectory, nodeId: `child-${process.pid}` };
const host = task.host && new SuiteHost(task.host, context);
const driver = await factory.create(result.value, host?.context ?? context);

// Synchronous: what is acknowledged has been said before anything else happens.
await workloads[task.workload](driver as never, task.prefix, (line) => writeSync(1, `${line}\n`));
await driver.close();
await host?.close();
