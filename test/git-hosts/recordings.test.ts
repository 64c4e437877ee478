/** What is made of the hosts' own words, as they were recorded. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHook } from '../../src/git-hosts/read-event.ts';
import {
  recordedCalls,
  recordedComment,
  recordedEvents,
  recordedStatus,
  type Payload,
} from '../support/recorded-github.ts';

const FIXTURES = resolve(import.meta.dirname, '../fixtures/git-hosts');

interface RecordedFields {
  fields: Record<string, string>;
  /** Newer than the recordings. */
  documentedOnly: string[];
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(join(FIXTURES, path), 'utf8'));

/** `a.b` → its type, of all that is no object. */
function fieldsOf(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const type = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
    return new Map([[path, type]]);
  }
  const inside = Object.entries(value).flatMap(([name, part]) => [
    ...fieldsOf(part, path === '' ? name : `${path}.${name}`),
  ]);
  return new Map(inside.length === 0 ? [[path, 'object']] : inside);
}

describe('the played hosts say what the real ones were recorded to say', () => {
  const github: Record<string, Payload[]> = {
    push: recordedEvents('push'),
    deleted: recordedEvents('push').filter(({ deleted }) => deleted === true),
    request: recordedEvents('pull_request').filter(({ action }) => action === 'synchronize'),
    status: [recordedStatus().response],
    comment: [recordedComment()],
    'bad-token': [recordedCalls('errors')[0]?.response ?? {}],
  };

  it.each(Object.keys(github))('GitHub: %s', (name) => {
    const recorded = (github[name] ?? []).map((one) => fieldsOf(one));
    expect(recorded.length).toBeGreaterThan(0);
    const strange = [...fieldsOf(readJson(`github/${name}.json`))].filter(
      ([path, type]) => !recorded.some((fields) => fields.get(path) === type),
    );
    // Newer than that recording.
    expect(strange).toEqual(name === 'bad-token' ? [['status', 'string']] : []);
  });

  const elsewhere = readJson('recorded-fields.json') as Record<string, RecordedFields>;
  it.each(Object.entries(elsewhere))('%s', (name, { fields, documentedOnly }) => {
    const strange = [...fieldsOf(readJson(`${name}.json`))].filter(
      ([path, type]) => !(fields[path] ?? '').split('|').includes(type),
    );
    expect(strange.map(([path]) => path)).toEqual(documentedOnly);
  });
});

describe('of what GitHub has sent', () => {
  const read = (event: string, payload: Payload): unknown => {
    const headers = { 'x-github-event': event, 'x-github-delivery': 'd-1' };
    return readHook('github', { headers, body: Buffer.from(JSON.stringify(payload)) })?.event;
  };

  it.each(recordedEvents('push').map((payload) => [String(payload['ref']), payload] as const))(
    'a push of %s is read',
    (ref, payload) => {
      expect(read('push', payload)).toEqual({ kind: 'ref', ref });
    },
  );

  it('each deleted branch and tag is read', () => {
    const deleted = recordedEvents('delete');
    expect(deleted.length).toBeGreaterThan(1);
    for (const payload of deleted) {
      const folder = payload['ref_type'] === 'tag' ? 'tags' : 'heads';
      const ref = `refs/${folder}/${String(payload['ref'])}`;
      expect(read('delete', payload)).toEqual({ kind: 'ref', ref });
    }
  });

  it('pull requests are read that were opened, reopened or pushed to, and no others', () => {
    const heard = recordedEvents('pull_request').filter(
      (payload) => read('pull_request', payload) !== null,
    );
    expect(new Set(heard.map(({ action }) => action))).toEqual(
      new Set(['opened', 'reopened', 'synchronize']),
    );
    for (const payload of heard) {
      const { number, head } = payload['pull_request'] as { number: number; head: Payload };
      const event = { kind: 'request', request: number, ref: `refs/heads/${String(head['ref'])}` };
      expect(read('pull_request', payload)).toEqual(event);
    }
  });

  it.each(['ping', 'create', 'status', 'issue_comment'])('%s asks for nothing', (event) => {
    const payloads = recordedEvents(event);
    expect(payloads.length).toBeGreaterThan(0);
    expect(payloads.map((payload) => read(event, payload))).toEqual(payloads.map(() => null));
  });
});
