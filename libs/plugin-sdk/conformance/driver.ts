import assert from 'node:assert/strict';
import { DRIVER_BRAND, type DriverKind } from '../src/index.ts';
import type { Subject, TestApi } from './suite.ts';

/** What holds for every kind of driver. */
export function driverTests<K extends DriverKind>(test: TestApi['test'], subject: Subject<K>, kind: K): void {
  test('the factory has brand, name, kind, range of the SDK, schema and capabilities', async () => {
    const { factory } = subject;
    assert.equal(factory[DRIVER_BRAND], true, "brand: [Symbol.for('stoa.driver')]: true");
    assert.match(factory.name, /^[a-z][a-z0-9-]*$/, 'name');
    assert.equal(factory.kind, kind, 'kind');
    assert.match(factory.sdk, /^[\^~<>=v\d][\d\s.x*^~<>=|-]*$/, 'sdk: a semantic version range');
    const schema = factory.configSchema['~standard'];
    assert.equal(schema.version, 1, "configSchema['~standard'].version");
    assert.equal(typeof schema.validate, 'function', "configSchema['~standard'].validate");
    assert.ok(['process', 'host', 'network'].includes(factory.capabilities.shared), 'capabilities.shared');
  });

  test('the schema takes the configuration and refuses what is none', async () => {
    const { validate } = subject.factory.configSchema['~standard'];
    const good = await validate(await subject.rawConfig());
    assert.equal(good.issues, undefined);
    const bad = await validate('no configuration');
    assert.ok(bad.issues !== undefined && bad.issues.length > 0, 'a string is taken as configuration');
    for (const issue of bad.issues) assert.ok(issue.message.length > 0, 'an issue without a message');
  });

  test('check resolves while the driver is open', async () => {
    await subject.use(async (driver) => {
      await driver.check();
      await Promise.all([driver.check(), driver.check()]);
    });
  });

  test('close may be called twice, also at the same time, and leaves another instance alone', async () => {
    const host = await subject.openHost();
    const first = await subject.open(host?.context);
    if (subject.capabilities.shared !== 'process') {
      await subject.use(async (second) => {
        await Promise.all([first.close(), first.close()]);
        await second.check();
      });
    }
    await Promise.all([first.close(), first.close()]);
    await first.close();
    await host?.close();
  });
}
