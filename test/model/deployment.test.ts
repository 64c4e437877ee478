import { readdir, readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEPLOYMENT_KINDS,
  DEPLOYMENT_STATES,
  nextDeploymentState,
  transitionOf,
  type DeploymentEvent,
  type DeploymentState,
} from '../../src/model/deployment.ts';
import { ROLES } from '../../src/model/role.ts';

const EVENTS: DeploymentEvent[] = [
  'build-started',
  'built',
  'released',
  'replaced',
  'drained',
  'failed',
];

function follow(events: DeploymentEvent[]): DeploymentState[] {
  const states: DeploymentState[] = ['queued'];
  for (const event of events) {
    const next = nextDeploymentState(states.at(-1) ?? 'queued', event);
    if (next !== null) states.push(next);
  }
  return states;
}

describe('the deployment state machine', () => {
  it('goes from queued to retired by the way that a push takes', () => {
    const states = follow(['build-started', 'built', 'released', 'replaced', 'drained']);
    expect(states).toEqual(['queued', 'building', 'warming', 'live', 'draining', 'retired']);
  });

  it('skips the build of a bundle that is stored', () => {
    expect(follow(['built', 'released'])).toEqual(['queued', 'warming', 'live']);
  });

  it('never fails what is live, and never leaves an end', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 30 }), (events) => {
        const states = follow(events);
        const liveAt = states.indexOf('live');
        if (liveAt >= 0) expect(states.slice(liveAt)).not.toContain('failed');
        const ends = states.filter((state) => state === 'retired' || state === 'failed');
        expect(ends.length).toBeLessThanOrEqual(1);
        expect(new Set(states).size).toBe(states.length);
      }),
    );
  });

  it.each(EVENTS)('leads from every state that allows %s to the same one', (event) => {
    const { from, to } = transitionOf(event);
    for (const state of DEPLOYMENT_STATES) {
      expect(nextDeploymentState(state, event)).toBe(from.includes(state) ? to : null);
    }
  });

  it('uses the same words as the database', async () => {
    const folder = new URL('../../migrations/', import.meta.url);
    const files = (await readdir(folder)).map((name) => readFile(new URL(name, folder), 'utf8'));
    const sql = (await Promise.all(files)).join('\n');
    const words = (list: readonly string[]): string => `(${list.map((w) => `'${w}'`).join(', ')})`;
    expect(sql).toContain(`kind IN ${words(DEPLOYMENT_KINDS)}`);
    expect(sql.replace(/\s+/g, ' ')).toContain(`state IN ${words(DEPLOYMENT_STATES)}`);
    expect(sql).toContain(`role IN ${words(ROLES)}`);
  });
});
