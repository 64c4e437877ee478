import { describe, expect, it } from 'vitest';
import type { DnsMessage, DnsQuestion } from '../../src/egress/dns-message.ts';
import { shareOf, type Upstream } from '../../src/egress/upstream.ts';

describe('a sandbox whose names are answered late', () => {
  const silent: { name: string; answer: (message: DnsMessage | null) => void }[] = [];
  const upstream: Upstream = ({ name }: DnsQuestion) =>
    new Promise((resolve) => void silent.push({ name, answer: resolve }));

  it('has few questions on their way at a time, and each is answered in its turn', async () => {
    const share = shareOf(upstream, 8);
    const questions = Array.from({ length: 64 }, (_, index) =>
      share({ name: `${index}`, type: 1 }),
    );
    expect(silent.length).toBe(8);
    for (const question of questions) {
      silent.shift()?.answer(null);
      expect(await question).toBe(null);
      expect(silent.length).toBeLessThanOrEqual(8);
    }
    const again = share({ name: 'again', type: 1 });
    expect(silent.map(({ name }) => name)).toEqual(['again']);
    silent.shift()?.answer(null);
    await again;
  });

  it('does not use a place up when the question fails', async () => {
    const share = shareOf(() => Promise.reject(new Error('broken')), 8);
    const questions = Array.from({ length: 20 }, () => share({ name: 'x', type: 1 }));
    const ends = await Promise.allSettled(questions);
    expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
  });
});
