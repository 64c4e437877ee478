import { expect, test } from 'vitest';
import { domainsOf, egressOf, readManifest } from '../../src/builder/manifest.ts';
import { MAXIMA } from '../build/build-harness.ts';

function problems(source: string): string[] {
  const reading = readManifest(source, MAXIMA);
  if (reading.kind === 'read') return [];
  return reading.problems.map(({ message, at, hint }) => {
    return `${at?.line}:${at?.column} ${message}${hint === undefined ? '' : ` (${hint})`}`;
  });
}

test.each([
  ['{ "memory": 12 }', '1:13 "memory" must be a whole number from 64 to 10240 (MB)'],
  ['{ "memory": "128" }', '1:13 "memory" must be a whole number from 64 to 10240 (MB)'],
  ['{ "memory": 128.5 }', '1:13 "memory" must be a whole number from 64 to 10240 (MB)'],
  ['{ "timeout": 9999 }', '1:14 "timeout" must be a number from 0.1 to 900 (seconds)'],
  ['{ "concurrency": 0 }', '1:18 "concurrency" must be a whole number from 1 to 1000 (requests)'],
  [
    '{ "runtime": "nodjs26" }',
    '1:14 "runtime" must be "nodejs26" or "typescript", not "nodjs26": did you mean "nodejs26"?',
  ],
  ['{ "entry": 1 }', '1:12 "entry" must be text in quotes'],
  ['{ "entry": "" }', '1:12 "entry" must not be empty'],
  ['{ "handler": "a b" }', '1:14 "handler" must be the name of an export, for example "handler"'],
  ['{ "event": "aws" }', '1:12 "event" must be "lambda", not "aws"'],
  ['{ "memroy": 128 }', '1:3 "memroy" is no field of fn.json: did you mean "memory"?'],
  ['{ "maxDuration": 10 }', '1:3 "maxDuration" is no field of fn.json: did you mean "timeout"?'],
  ['{ "functions": [] }', '1:16 "functions" must be an object: { … }'],
  [
    '{ "functions": { "Hello": {} } }',
    '1:18 the name "functions.Hello" must be lower-case letters, digits and "-", at most 40, a letter first',
  ],
  [
    '{\n  "functions": {\n    "hello": { "memory": 1 }\n  }\n}',
    '3:26 "functions.hello.memory" must be a whole number from 64 to 10240 (MB)',
  ],
  [
    '{ "functions": { "hello": { "entri": "a.ts" } } }',
    '1:29 "functions.hello.entri" is no field of fn.json: did you mean "entry"?',
  ],
  ['{ "methods": ["get"] }', /^1:15 "methods\[0\]" must be "GET", .* did you mean "GET"\?$/],
  ['{ "methods": [] }', '1:14 "methods" must not be empty'],
  ['{ "path": "hello" }', '1:11 "path" must begin with "/"'],
  ['{ "public": true }', '1:13 "public" must be text in quotes or false'],
  [
    '{ "triggers": [{ "type": "htp" }] }',
    '1:16 "triggers[0]" must have as "type" "http", "cron", "event", "queue" or "websocket", not "htp": did you mean "http"?',
  ],
  [
    '{ "triggers": [{ "config": {} }] }',
    '1:16 "triggers[0]" needs "type": "http", "cron", "event", "queue" or "websocket"',
  ],
  [
    '{ "triggers": [{ "type": "cron", "config": {} }] }',
    '1:44 "triggers[0].config" needs "schedule"',
  ],
  [
    '{ "triggers": [{ "type": "cron", "config": { "schedule": "daily" } }] }',
    '1:58 "triggers[0].config.schedule" must have 5 or 6 cron fields, for example "0 9 * * *"',
  ],
  ['{ "env": { "A-B": "x" } }', '1:12 the name "env.A-B" is no name that can be used here'],
  ['{ "env": { "A": 1 } }', '1:17 "env.A" must be text in quotes'],
  ['{ "build": { "command": ["a"] } }', '1:25 "build.command" must be text in quotes'],
  ['{ "rateLimit": { "maxRequests": 5 } }', '1:16 "rateLimit" needs "windowMs"'],
  ['[]', '1:1 fn.json must be an object: { … }'],
  ['{ "a": }', '1:8 Unexpected "}"'],
  ['', '1:1 Unexpected end of file'],
  ['{ "memory": 128, "memory": 256 }', '1:18 "memory" is there twice'],
])('%s is refused', (source, expected) => {
  const [first] = problems(source);
  if (typeof expected === 'string') expect(first).toBe(expected);
  else expect(first).toMatch(expected);
});

test('an unknown field that is like no other names those that there are', () => {
  expect(problems('{ "build": { "zzzzzz": 1 } }')).toEqual([
    '1:14 "build.zzzzzz" is no field of fn.json (there are: command, env, external, install)',
  ]);
});

test('all that is wrong is told at once, with the lines around it', () => {
  const reading = readManifest('{\n  "memory": 1,\n  "timeout": "x",\n}\n', MAXIMA);
  if (reading.kind !== 'failed') throw new Error('it was read');
  expect(reading.problems.map(({ at }) => at?.line)).toEqual([2, 3]);
  expect(reading.problems[0]?.frame).toEqual([
    '  1 | {',
    '> 2 |   "memory": 1,',
    '    |             ^',
    '  3 |   "timeout": "x",',
    '  4 | }',
  ]);
});

test('what functions may reach is read in one spelling, with its place', () => {
  const text = '{\n  "egress": ["DB.internal:5432",\n    "10.1.2.3/8:*"]\n}';
  const reading = readManifest(text, MAXIMA);
  if (reading.kind !== 'read') throw new Error(JSON.stringify(reading.problems));
  expect(reading.warnings).toEqual([]);
  expect(egressOf(reading.manifest)).toEqual([
    { rule: 'db.internal:5432', line: 2, column: 14 },
    { rule: '10.0.0.0/8:*', line: 3, column: 5 },
  ]);
});

test('what is no place to reach is refused with its line', () => {
  const reading = readManifest(
    '{\n  "egress": ["db.internal:5432",\n    "db.internal"]\n}',
    MAXIMA,
  );
  if (reading.kind !== 'failed') throw new Error('it was read');
  expect(reading.problems).toMatchObject([
    { message: expect.stringContaining('"egress[1]" must be "host:port"'), at: { line: 3 } },
  ]);
});

test('domains are read in one spelling, each once; what is none is refused with its line', () => {
  const reading = readManifest('{ "domains": ["Bücher.Example", "a.de.", "A.de"] }', MAXIMA);
  if (reading.kind !== 'read') throw new Error(JSON.stringify(reading.problems));
  expect(domainsOf(reading.manifest)).toEqual(['xn--bcher-kva.example', 'a.de']);
  const refused = readManifest('{\n  "domains": ["a.de",\n    "https://a.de"]\n}', MAXIMA);
  if (refused.kind !== 'failed') throw new Error('it was read');
  expect(refused.problems).toMatchObject([
    { message: expect.stringContaining('"domains[1]": "https://a.de" is a URL'), at: { line: 3 } },
  ]);
});

test('what does not act yet is taken, and named', () => {
  const reading = readManifest(
    '{ "rateLimit": { "maxRequests": 1, "windowMs": 1 }, "functions": { "a": { "triggers": [{ "type": "queue" }] } } }',
    MAXIMA,
  );
  if (reading.kind !== 'read') throw new Error(JSON.stringify(reading.problems));
  expect(reading.warnings.map(({ message }) => message)).toEqual([
    '"rateLimit" has no effect in this version',
    'a trigger of type "queue" has no effect in this version',
  ]);
});
