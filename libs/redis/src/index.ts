export type { Redis } from 'ioredis';
export { openClient, type RedisClient, type RedisCommands } from './client.ts';
export { type ConnectionConfig, checkConnection, connectionShape } from './config.ts';
export { redisError, wasNotExecuted } from './errors.ts';
export { RedisLink } from './link.ts';
export { MasterFinder } from './master.ts';
export { describePlace, type RedisSettings, readSettings } from './settings.ts';
export { slotOf } from './slot.ts';
export { checkAtStart } from './start.ts';
