import { expect } from 'vitest';
import type { ConsistencyReport } from '../../src/consistency/index.ts';
import { ask } from './ask.ts';
import { eventually } from './eventually.ts';
import type { Platform } from './platform.ts';

/** What `fn doctor --deep` would print. */
export async function checkConsistency(
  platform: Pick<Platform, 'port' | 'adminToken'>,
): Promise<ConsistencyReport['findings']> {
  const headers = { authorization: `Bearer ${platform.adminToken}` };
  const { status, body } = await ask(platform, '', { path: '/consistency', headers });
  if (status !== 200) throw new Error(`the check was answered ${status}: ${body}`);
  return (JSON.parse(body) as ConsistencyReport).findings;
}

/** Resolves when all agrees; fails with the findings that are left. */
export async function becomesConsistent(
  platform: Pick<Platform, 'port' | 'adminToken'>,
  deadlineMs: number,
): Promise<void> {
  await eventually(async () => expect(await checkConsistency(platform)).toEqual([]), deadlineMs);
}
