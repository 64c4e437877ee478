import { describe, expect, it } from 'vitest';
import { describeProblem } from '../../../src/certs/orders/ca-problem.ts';

const TYPE = 'urn:ietf:params:acme:error:caa';

describe('what an authority says against an order', () => {
  it.each([
    [{ type: TYPE, detail: 'it is forbidden' }, 'caa: it is forbidden'],
    [{ type: TYPE, subproblems: [{ detail: 'by a.example' }] }, 'caa: by a.example'],
    [{ type: 5, detail: {} }, ''],
    [null, ''],
    ['<html>', ''],
  ])('is told in a line: %j', (document, text) => {
    expect(describeProblem(document).text).toBe(text);
  });

  it('holds nothing that a terminal obeys, and no flood', () => {
    const detail = `one\r\ntwo \u001b]0;title\u0007\u202ethree ${'x'.repeat(10_000)}`;
    const { text } = describeProblem({ type: `${TYPE}\u001b[2J`, detail });
    expect(text).toMatch(/^caa: one two three x+…$/);
    expect(text.length).toBeLessThan(600);
  });
});
