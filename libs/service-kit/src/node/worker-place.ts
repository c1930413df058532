import { join } from 'node:path';
import type { DriverKind } from '@stoa/plugin-sdk';
import type { Listen } from '../net/listen.ts';

/** What a process is told that is one of several workers of a node. */
export interface WorkerPlace {
  /** From 1. */
  readonly number: number;
  /** Folder of the sockets between the workers of this node and who started them. */
  readonly folder: string;
  /** Stores and buses that live in one process, which serves them to all workers: kind to the path of a socket. */
  readonly shared: Readonly<Partial<Record<DriverKind, string>>>;
}

/** A worker: its place, and what it is given by who started it. */
export interface WorkerContext extends WorkerPlace {
  /** In place of listening by itself. */
  readonly listen: Listen;
}

/** The id of a worker in the cluster, where each is a node of its own. */
export function workerId(nodeName: string, number: number): string {
  return `${nodeName}-${number}`;
}

/** Where a worker answers for its health, to who started it. */
export function workerHttpSocket(folder: string, number: number): string {
  return join(folder, `http-${number}.sock`);
}
