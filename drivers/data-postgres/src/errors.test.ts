import { hasCode, StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { breaksConnection, fromPostgres, isLostStatement, isStandby, isTransient, sqlState } from './errors.ts';

const answered = (code: string) => Object.assign(new Error('said the server'), { code, severity: 'ERROR' });
const network = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

describe('fromPostgres', () => {
  it.each([
    ['08006', 'unavailable', true],
    ['22001', 'invalid-argument', false],
    ['25006', 'unavailable', true],
    ['25P03', 'deadline-exceeded', true],
    ['28P01', 'unavailable', true],
    ['40001', 'unavailable', false],
    ['40P01', 'unavailable', false],
    ['53100', 'storage-full', false],
    ['53200', 'resource-exhausted', false],
    ['53300', 'unavailable', false],
    ['54000', 'limit-exceeded', false],
    ['55P03', 'deadline-exceeded', false],
    ['57014', 'deadline-exceeded', false],
    ['57P01', 'unavailable', true],
    ['57P02', 'unavailable', true],
    ['57P03', 'unavailable', true],
    ['58030', 'unavailable', true],
    ['XX001', 'data-loss', true],
    ['42P01', 'internal', false],
  ])('%s is %s', (state, code, breaks) => {
    const error = fromPostgres(answered(state));
    expect(error).toMatchObject({ code, cause: { code: state } });
    expect(error.message).toContain('said the server');
    expect(breaksConnection(answered(state))).toBe(breaks);
  });

  it.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'])('%s is a lost connection', (code) => {
    expect(sqlState(network(code))).toBeUndefined();
    expect(fromPostgres(network(code))).toMatchObject({ code: 'unavailable', retryable: true });
    expect(breaksConnection(network(code))).toBe(true);
  });

  it('leaves a StoaError as it is, and names each address that was tried', () => {
    const error = new StoaError('conflict', 'no');
    expect(fromPostgres(error)).toBe(error);
    const several = new AggregateError([network('ECONNREFUSED'), network('EHOSTUNREACH')]);
    expect(fromPostgres(several).message).toMatch(/ECONNREFUSED.*EHOSTUNREACH/);
    expect(hasCode(fromPostgres('odd'), 'unavailable')).toBe(true);
  });
});

describe('what to do next', () => {
  it('is known by the state', () => {
    expect([isTransient(answered('40P01')), isTransient(answered('23505')), isTransient(network('EPIPE'))]).toEqual([
      true,
      false,
      false,
    ]);
    expect([isStandby(answered('25006')), isStandby(answered('25001'))]).toEqual([true, false]);
    expect([isLostStatement(answered('26000')), isLostStatement(answered('42P05'))]).toEqual([true, true]);
  });
});
