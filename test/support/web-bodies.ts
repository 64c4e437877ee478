/** What bodies are made of, and how they are read. */
import { Readable } from 'node:stream';

type Init = ConstructorParameters<typeof Response>[0];

export const BODIES: [what: string, make: () => Init][] = (
  [
    ['an empty text', () => ''],
    ['a text', () => 'text'],
    ['a text beyond Latin-1', () => 'łä€😀'],
    ['a text with a mark of its byte order', () => '\ufeffabc'],
    ['a text with half of a pair', () => 'a\ud800b'],
    ['JSON', () => '{"a":[1,2]}'],
    ['JSON of Latin-1', () => '"ä"'],
    ['a number', () => 1],
    ['false', () => false],
    ['undefined', () => undefined],
    ['null', () => null],
    ['an object', () => ({})],
    ['a list', () => [1, 2]],
    ['a Date', () => new URL('http://a/b')],
    ['an ArrayBuffer', () => new Uint8Array([1, 2, 255]).buffer],
    ['an empty ArrayBuffer', () => new ArrayBuffer(0)],
    ['a part of a buffer', () => new Uint8Array([1, 2, 3, 4]).subarray(1, 3)],
    ['a view of words', () => new Uint16Array([1, 256])],
    ['a DataView', () => new DataView(new Uint8Array([1, 2, 3]).buffer, 1)],
    ['a Buffer', () => Buffer.from('abc')],
    ['shared memory', () => new SharedArrayBuffer(2)],
    ['a view of shared memory', () => new Uint8Array(new SharedArrayBuffer(2))],
    ['bytes that are no text', () => new Uint8Array([0xff, 0xfe, 0x41])],
    ['a Blob', () => new Blob(['ab', new Uint8Array([99])])],
    ['a Blob with a type', () => new Blob(['{}'], { type: 'Application/JSON; charset=UTF-8' })],
    ['a File', () => new File(['x'], 'n', { type: 'a/b' })],
    [
      'URLSearchParams',
      () =>
        new URLSearchParams([
          ['a', '1 2'],
          ['b', 'ł'],
        ]),
    ],
    ['a stream', () => new Blob(['abc']).stream()],
    ['a stream without bytes', () => new ReadableStream({ start: (c) => c.close() })],
    ['a stream of Node', () => Readable.from([Buffer.from('a'), Buffer.from('b')])],
    [
      'a generator',
      async function* () {
        yield new Uint8Array([97]);
        yield Buffer.from('b');
      },
    ],
    [
      'a generator of texts',
      () =>
        (async function* () {
          yield 'a';
          yield '';
          yield 'ł';
        })(),
    ],
    [
      'an async iterable',
      () => ({
        async *[Symbol.asyncIterator]() {
          yield 'a';
        },
      }),
    ],
  ] as [string, () => unknown][]
).map(([what, make]) => [what, make as () => Init]);

type Message = Pick<
  Response,
  'text' | 'json' | 'arrayBuffer' | 'bytes' | 'blob' | 'body' | 'bodyUsed'
>;

/** Of any message: each gives something that can be compared. */
export const READS: ((message: Message) => Promise<unknown>)[] = [
  async (message) => [await message.text(), message.bodyUsed],
  async (message) => [await message.json(), message.bodyUsed],
  async (message) => [...new Uint8Array(await message.arrayBuffer())],
  async (message) => {
    const bytes = await message.bytes();
    return [...bytes, bytes.constructor.name, bytes.buffer.byteLength];
  },
  async (message) => {
    const blob = await message.blob();
    return [blob.size, blob.type, await blob.text()];
  },
  async (message) => {
    const all: number[] = [];
    for await (const chunk of message.body ?? []) all.push(...(chunk as Uint8Array));
    return [all, message.bodyUsed];
  },
  async (message) => {
    void message.body;
    return [message.bodyUsed, await message.text(), message.bodyUsed];
  },
];
