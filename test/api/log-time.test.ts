import { expect, it } from 'vitest';
import { readLogTime } from '../../src/api/logs/log-time.ts';

const NOW = Date.parse('2026-01-31T12:00:00Z');

it.each([
  ['90s', '2026-01-31T11:58:30.000Z'],
  ['10m', '2026-01-31T11:50:00.000Z'],
  ['2h', '2026-01-31T10:00:00.000Z'],
  ['7d', '2026-01-24T12:00:00.000Z'],
  ['2026-01-30', '2026-01-30T00:00:00.000Z'],
  ['2026-01-30T10:00:00Z', '2026-01-30T10:00:00.000Z'],
  ['2026-01-30T10:00', '2026-01-30T10:00:00.000Z'],
  ['2026-01-30T10:00:00.5+01:00', '2026-01-30T09:00:00.500Z'],
])('takes %s', (text, time) => {
  expect(readLogTime(text, NOW).toISOString()).toBe(time);
});

it.each(['', 'yesterday', '10', '10w', '-5m', '2026', '2026-13-40', '9999999d', 'Infinityd'])(
  'refuses "%s", and says what would do',
  (text) => {
    expect(() => readLogTime(text, NOW)).toThrow(/is no time/);
  },
);
