import { expect, it } from 'vitest';
import { formatLogEntry } from '../../../../src/cli/commands/logs/format-log.ts';
import type { LogEntry } from '../../../../src/protocol/control-client.generated.ts';

const view = (given: Partial<LogEntry>): LogEntry => ({
  id: '1',
  at: '2026-01-31T12:00:00.000Z',
  level: 'info',
  kind: 'line',
  function: 'main',
  version: 1,
  deployment: 'dep-aaaaaaaaaaaa',
  requestId: '1a2b3c4d-0000-4000-8000-000000000000',
  text: 'hello',
  fields: null,
  ...given,
});

const HEAD = '2026-01-31T12:00:00.000Z info  main 1a2b3c4d';
const plain = (given: Partial<LogEntry>): string =>
  formatLogEntry(view(given), { hasColors: false });

it('shows time, level, function, request and text', () => {
  expect(plain({})).toBe(`${HEAD} hello`);
  expect(plain({ requestId: null, level: 'error' })).toBe(
    '2026-01-31T12:00:00.000Z error main -        hello',
  );
});

it('lets no text pass for another entry, and has the terminal obey none', () => {
  const forged = `one\n${HEAD} forged\r\u001b[2J\u001b]0;title\u0007\u009b31m\u202etwo\u0000`;
  expect(plain({ text: forged })).toBe(`${HEAD} one\n    ${HEAD} forgedtwo`);
  expect(plain({ function: '\u001b[31mmain', text: 'x' })).toBe(`${HEAD} x`);
  expect(plain({ text: '<script>alert(1)</script>' })).toBe(`${HEAD} <script>alert(1)</script>`);
});

it('shows the message of a structured line, and then what else it says', () => {
  const fields = {
    level: 30,
    time: 1,
    pid: 7,
    hostname: 'h',
    msg: 'paid',
    order: { id: 3 },
    by: 'a\nb',
  };
  expect(plain({ text: JSON.stringify(fields), fields })).toBe(
    `${HEAD} paid order={"id":3} by="a\\nb"`,
  );
  expect(plain({ text: '{"a":1}', fields: { a: 1 } })).toBe(`${HEAD} {"a":1}`);
  expect(plain({ kind: 'report', text: 'REPORT', fields: { message: 'no' } })).toBe(
    `${HEAD} REPORT`,
  );
});

it('colours the level, and nothing else, where there are colours', () => {
  const coloured = formatLogEntry(view({ level: 'error' }), { hasColors: true });
  expect(coloured).toContain('\u001b[31merror\u001b[39m');
  expect(coloured.split('\u001b').length).toBe(3);
});
