import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { redisError, wasNotExecuted } from './errors.ts';

describe('redisError', () => {
  it.each([
    ["OOM command not allowed when used memory > 'maxmemory'.", 'resource-exhausted', true],
    ["READONLY You can't write against a read only replica.", 'unavailable', true],
    ['LOADING Redis is loading the dataset in memory', 'unavailable', true],
    ['MASTERDOWN Link with MASTER is down', 'unavailable', true],
    ['CLUSTERDOWN Hash slot not served', 'unavailable', true],
    ['MOVED 3999 127.0.0.1:6381', 'unavailable', true],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'unavailable', true],
    ['BUSY Redis is busy running a script.', 'unavailable', true],
    ['MISCONF Redis is configured to save RDB snapshots', 'unavailable', true],
    ['ERR max number of clients reached', 'unavailable', true],
    ['ERR value is not an integer or out of range', 'failed-precondition', false],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'failed-precondition', false],
    ["ERR invalid expire time in 'set' command", 'invalid-argument', false],
    ['ERR something else', 'internal', false],
    ['Connection is closed.', 'unavailable', true],
    ['Command timed out', 'unavailable', true],
    ['connect ECONNREFUSED 127.0.0.1:6379', 'unavailable', true],
  ])('%s', (text, code, retryable) => {
    expect(redisError(new Error(text))).toMatchObject({ code, retryable });
    expect(redisError(new Error(text), { starting: true })).toMatchObject({ code, retryable });
  });

  it.each([
    ['NOAUTH Authentication required.', /set "username" and "password"/],
    ['WRONGPASS invalid username-password pair or user is disabled.', /correct "username" and "password"/],
    ["NOPERM this user has no permissions to run the 'get' command", /rules of the README/],
    ['ERR DB index is out of range', /correct "database"/],
    ['ERR This instance has cluster support disabled', /instead of "cluster"/],
    ['ERR No such master with that name', /correct "master"/],
    ["ERR unknown command 'UNLINK'", /too old/],
  ])('%s: to be changed at the start, a matter of the server later', (text, advice) => {
    const atStart = redisError(new Error(text), { starting: true, place: 'Redis at a:1' });
    expect(atStart).toMatchObject({ code: 'invalid-configuration', retryable: false });
    expect(atStart.message).toMatch(/^Redis at a:1: /);
    expect(atStart.message).toMatch(advice);
    expect(redisError(new Error(text))).toMatchObject({ code: 'unavailable', retryable: true });
  });

  it('a failed certificate is to be changed at the start', () => {
    const failure = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(redisError(failure, { starting: true })).toMatchObject({ code: 'invalid-configuration' });
    expect(redisError(failure)).toMatchObject({ code: 'unavailable' });
  });

  it('keeps no argument of the command, which may be a password', () => {
    const failure = Object.assign(new Error('WRONGPASS no'), {
      command: { name: 'hello', args: ['3', 'AUTH', 'secret'] },
    });
    const error = redisError(failure, { starting: true });
    expect(Object.keys(error.cause as Error)).toEqual([]);
    expect(JSON.stringify([error, error.cause])).not.toContain('secret');
  });

  it('leaves a StoaError as it is', () => {
    const error = new StoaError('cancelled', 'no');
    expect(redisError(error)).toBe(error);
  });
});

describe('wasNotExecuted', () => {
  it('only when the server said so', () => {
    expect(wasNotExecuted(new Error('MOVED 1 a:1'))).toBe(true);
    expect(wasNotExecuted(new Error('LOADING Redis is loading'))).toBe(true);
    expect(wasNotExecuted(new Error('Connection is closed.'))).toBe(false);
    expect(wasNotExecuted(new Error('Command timed out'))).toBe(false);
    expect(wasNotExecuted('MOVED 1 a:1')).toBe(false);
  });
});
