import { describe, expect, it } from 'vitest';
import { createPreWarm } from '../../../src/router/tls/pre-warm.ts';
import { servedDeployment, servedFunction } from '../../support/function-code.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const DEPLOYMENT = servedDeployment({
  bundle: 'none',
  functions: NAMES.map((name) => servedFunction({ name })),
});

function preWarm(sleeping: string[]) {
  const woken: string[] = [];
  let nowMs = 0;
  const heardOf = createPreWarm({
    deploymentOf: (host) => (host === 'known.test' ? DEPLOYMENT : null),
    warm: (_deployment, name) => {
      if (!sleeping.includes(name)) return false;
      woken.push(name);
      return true;
    },
    clock: { now: () => 0, monotonicMs: () => nowMs, after: () => () => {} },
  });
  return { heardOf, woken, pass: (ms: number) => void (nowMs += ms) };
}

describe('a host that a client begins to connect to', () => {
  it('has its sleeping functions woken, a few of them', () => {
    const { heardOf, woken } = preWarm(['b', 'c', 'd']);
    heardOf('known.test');
    expect(woken).toEqual(['b', 'c']);
  });

  it('has no others woken for a while, however often it is connected to', () => {
    const { heardOf, woken, pass } = preWarm(['a']);
    for (let times = 0; times < 100; times++) heardOf('known.test');
    expect(woken).toEqual(['a']);
    pass(10_000);
    heardOf('known.test');
    expect(woken).toEqual(['a', 'a']);
  });

  it('is looked at again at once where nothing had to be woken', () => {
    const sleeping: string[] = [];
    const { heardOf, woken } = preWarm(sleeping);
    heardOf('known.test');
    sleeping.push('a');
    heardOf('known.test');
    expect(woken).toEqual(['a']);
  });

  it("wakes nothing when it is nobody's", () => {
    const { heardOf, woken } = preWarm(NAMES);
    for (let at = 0; at < 10_000; at++) heardOf(`scan-${at}.test`);
    expect(woken).toEqual([]);
  });
});
