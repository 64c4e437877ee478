import { expect, it } from 'vitest';
import { redirectAnswer } from '../../src/router/answers.ts';

it.each([
  ['/', 'https://shop.com/'],
  ['/a/b?c=d%20e&c=é', 'https://shop.com/a/b?c=d%20e&c=é'],
  // No second host can be made of a path.
  ['//evil.com/x', 'https://shop.com//evil.com/x'],
  ['/@evil.com', 'https://shop.com/@evil.com'],
  ['*', 'https://shop.com/'],
])('a redirect keeps path and query: %s', (target, location) => {
  const { status, headers } = redirectAnswer('https://shop.com', target);
  expect(status).toBe(308);
  expect(headers).toMatchObject({ location });
  expect(new URL(location).host).toBe('shop.com');
});
