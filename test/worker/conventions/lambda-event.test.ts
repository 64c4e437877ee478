import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  createLambdaEvent,
  type LambdaEvent,
} from '../../../src/worker/conventions/lambda-event.ts';
import { parameterReader } from '../../../src/worker/conventions/path-parameters.ts';

interface Asked {
  target?: string;
  headers?: string[];
  body?: string | Buffer;
  path?: string;
  hasRawBody?: boolean;
}

function eventOf({
  target = '/',
  headers = [],
  body,
  path = '/*',
  hasRawBody = false,
}: Asked): LambdaEvent {
  return createLambdaEvent(
    {
      hasBody: body !== undefined,
      requestId: 'r',
      method: 'POST',
      target,
      scheme: 'http',
      peer: '127.0.0.1',
      sharedHeaders: headers,
      headers: [...headers, 'x-request-id', 'r'],
    },
    body === undefined ? null : Buffer.from(body as string),
    { parameters: parameterReader(path), hasRawBody },
  );
}

describe('the body of an event', () => {
  it.each([
    [
      'compressed',
      ['content-type', 'application/json', 'content-encoding', 'gzip'],
      gzipSync('{}'),
    ],
    ['text of another charset', ['content-type', 'text/plain'], Buffer.from([0x66, 0xfc, 0x72])],
    ['broken JSON', ['content-type', 'application/json'], Buffer.from([0x22, 0xff, 0x22])],
    ['of unknown type, and no text', [], Buffer.from([0xff, 0xfe])],
  ])('is base64 of the very bytes when it is %s', (_what, headers, bytes) => {
    const event = eventOf({ headers, body: bytes });
    expect(event['isBase64Encoded']).toBe(true);
    expect(Buffer.from(String(event['body']), 'base64')).toEqual(bytes);
  });

  it('is text when its encoding is none', () => {
    const headers = ['content-type', 'text/plain', 'content-encoding', 'identity'];
    expect(eventOf({ headers, body: 'grüße' })).toMatchObject({
      isBase64Encoded: false,
      body: 'grüße',
    });
  });

  it('keeps a field of its data that is named toString', () => {
    const text = '{"toString":"mine"}';
    const event = eventOf({ headers: ['content-type', 'application/json'], body: text });
    expect(event['body']).toEqual({ toString: 'mine' });
    expect(event['rawBody']).toBe(text);
  });
});

describe('the names in an event', () => {
  it.each(['constructor', 'hasownproperty', '__proto__', 'valueOf'])(
    'may be %s, in headers and in the query',
    (name) => {
      const event = eventOf({
        target: `/?${name}=1&${name}=2`,
        headers: [name, 'a', 'host', 'h', name, 'b'],
      });
      for (const [values, expected] of [
        [event['headers'], 'a,b'],
        [event['query'], '1,2'],
      ]) {
        expect(Object.getOwnPropertyDescriptor(values, name)?.value).toBe(expected);
        expect(Object.getPrototypeOf(values)).toBe(Object.prototype);
      }
    },
  );

  it('of several cookie headers are all among the cookies', () => {
    const event = eventOf({ headers: ['cookie', 'a=1; b=2', 'cookie', 'c=3'] });
    expect(event).toMatchObject({
      cookies: ['a=1', 'b=2', 'c=3'],
      headers: { cookie: 'a=1; b=2; c=3' },
    });
  });
});

describe('the headers of an event', () => {
  it('are its own, also when a handler changes those of another with the same headers', () => {
    const headers = ['host', 'h', 'cookie', 'a=1'];
    const first = eventOf({ headers });
    Object.assign(first['headers'] as object, { host: 'changed', added: 'x' });
    (first['cookies'] as string[]).push('b=2');
    expect(eventOf({ headers })).toMatchObject({ headers: { host: 'h' }, cookies: ['a=1'] });
    expect(eventOf({ headers })['headers']).toEqual({
      host: 'h',
      cookie: 'a=1',
      'x-request-id': 'r',
    });
    expect(eventOf({ headers: ['host', 'other'] })['headers']).toEqual({
      host: 'other',
      'x-request-id': 'r',
    });
  });
});

describe('what the function chose', () => {
  it('names the parameters of its path, decoded', () => {
    const event = eventOf({ target: '/users/a%2Fb/x/y?z=1', path: '/users/:id/*rest' });
    expect(event['pathParameters']).toEqual({ id: 'a/b', rest: 'x/y' });
  });

  it('has no pathParameters where its path names none', () => {
    expect(eventOf({ target: '/users', path: '/users' })).not.toHaveProperty('pathParameters');
  });

  it('keeps the body as the text that came', () => {
    const headers = ['content-type', 'application/json'];
    const event = eventOf({ headers, body: '{ "a": 1 }', hasRawBody: true });
    expect(event).toMatchObject({ body: '{ "a": 1 }', rawBody: '{ "a": 1 }' });
  });
});
