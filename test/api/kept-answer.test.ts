import { expect, it } from 'vitest';
import { openAnswer, sealAnswer } from '../../src/api/kept-answer.ts';

const ANSWER = { status: 201, headers: { location: '/x' }, body: '{"token":"fn_secret"}' };

it('is opened by the token that asked, and tells nothing to anybody else', () => {
  const sealed = sealAnswer(ANSWER, 'Bearer fn_a');
  expect(openAnswer(sealed, 'Bearer fn_a')).toEqual(ANSWER);
  expect(sealed.toString('latin1')).not.toContain('secret');
  expect(() => openAnswer(sealed, 'Bearer fn_b')).toThrow();
  expect(sealAnswer(ANSWER, 'Bearer fn_a').equals(sealed)).toBe(false);
});

it('is refused when somebody changed it', () => {
  const sealed = sealAnswer(ANSWER, 'x');
  for (const at of [0, 20, 30, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    expect(() => openAnswer(changed, 'x')).toThrow();
  }
});
