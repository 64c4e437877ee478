import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { expect, it } from 'vitest';
import { listen, run, startOuterEnd } from '../../support/egress-channel.ts';

/** Runs a program in a process that the function starts; what it prints, or how it failed. */
const CHILD = `
const { execFile, execFileSync } = await import('node:child_process');
const shell = (text, env) => new Promise((resolve) => execFile('/bin/sh', ['-c', text], { env: env ?? process.env },
  (error, out, err) => resolve(error === null ? out : [error.code, out])));
const node = (text) => new Promise((resolve) => execFile(process.execPath, ['--input-type=module', '-e', text],
  (error, out, err) => resolve(error === null ? out : err)));
`;

/** Sends bytes to the proxy, and answers what came back until it closed. */
const RAW = `
const port = Number((await shell('echo $HTTP_PROXY')).match(/(\\d+)\\n/)[1]);
const raw = (bytes) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
  const chunks = [];
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => {});
  socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
});
`;

const hello = () =>
  listen(
    http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => response.end(`${request.method} ${request.url} ${body}`));
    }),
  );

const RULES = ['127.0.0.1:*', 'web.example:*'];
const NAMES = { 'web.example': '127.0.0.1' };

it('processes that a function starts reach what it reaches, in whatever language', async () => {
  const port = await hello();
  const outer = await startOuterEnd(NAMES, RULES);
  const url = `http://web.example:${port}/path?q`;
  const answer = await run(
    outer,
    `${CHILD} return Promise.all([
      shell('curl -s ${url} -d body'),
      shell('curl -s -p ${url} -d body'),
      shell('curl -s -x socks5h://\${HTTP_PROXY#http://} ${url} -d body'),
      node("console.log(await (await fetch('${url}', { method: 'POST', body: 'body' })).text())"),
      node("import http from 'node:http'; http.get('${url}', (r) => r.pipe(process.stdout))"),
    ]);`,
  );
  const posted = 'POST /path?q body';
  expect(answer).toEqual([posted, posted, posted, `${posted}\n`, 'GET /path?q ']);
});

it('the proxy refuses what the function may not reach, and says why', async () => {
  const closed = await listen(net.createServer());
  const outer = await startOuterEnd(NAMES, RULES);
  const answer = await run(
    outer,
    `${CHILD} return Promise.all([
      shell('curl -s http://10.0.0.1/'),
      shell('curl -s http://nobody.example/'),
      shell('curl -s -x $HTTP_PROXY --noproxy "" http://127.0.0.1:${closed}/'),
      shell('curl -s -x socks5h://\${HTTP_PROXY#http://} http://10.0.0.1/'),
      shell('curl -s -o /dev/null -w "%{http_connect}" -p http://10.0.0.1/'),
    ]);`,
  );
  expect(answer).toEqual([
    'connect EACCES 10.0.0.1:80: functions of this server may not connect there\n',
    'getaddrinfo ENOTFOUND nobody.example\n',
    "127.0.0.1 is the sandbox's own: connect to it without a proxy\n",
    [97, ''],
    [56, '403'],
  ]);
});

it('the function’s own environment has no proxy, nor a process that names one or is waited for', async () => {
  const outer = await startOuterEnd(NAMES, RULES);
  const answer = await run(
    outer,
    `${CHILD} const show = 'echo "$HTTP_PROXY|$http_proxy|$NODE_USE_ENV_PROXY"';
    return [
      Object.keys(process.env).filter((name) => /^(https?|all|no)_proxy$|^NODE_USE_ENV/i.test(name)),
      (await shell(show)).replaceAll(/\\d{2,}/g, 'N'),
      await shell(show, { http_proxy: 'http://mine:3128' }),
      execFileSync('/bin/sh', ['-c', show]).toString(),
    ];`,
  );
  const proxy = 'http://N.0.0.1:N';
  expect(answer).toEqual([[], `${proxy}|${proxy}|1\n`, '|http://mine:3128|\n', '||\n']);
});

it('bytes go through as they are, in both directions, whoever ends first', async () => {
  const port = await listen(
    net.createServer({ allowHalfOpen: true }, (socket) => {
      let bytes = 0;
      socket.on('data', (chunk) => (bytes += chunk.length));
      socket.on('end', () => socket.end(`${bytes} ${'y'.repeat(1_000_000)}`));
    }),
  );
  const outer = await startOuterEnd(NAMES, RULES);
  const answer = await run(
    outer,
    `${CHILD} ${RAW}
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write('CONNECT web.example:${port} HTTP/1.1\\r\\n\\r\\n' + 'x'.repeat(1_000_000));
    socket.end('z');
    let text = '';
    for await (const chunk of socket) text += chunk;
    const [head, body] = text.split('\\r\\n\\r\\n');
    return [head, body.slice(0, 8), body.length];`,
  );
  expect(answer).toEqual(['HTTP/1.1 200 Connection established', '1000001 ', 1_000_008]);
});

it.each([
  ['an endless head', `'GET http://web.example/ HTTP/1.1\\r\\nX: ' + 'x'.repeat(100_000)`, ''],
  ['a client that is no client', `'hello\\r\\n\\r\\n'`, 'HTTP/1.1 400 Bad Request'],
  [
    'SOCKS4',
    `Buffer.from([4, 1, 0, 80, 127, 0, 0, 1, 13, 10, 13, 10])`,
    'HTTP/1.1 400 Bad Request',
  ],
  ['SOCKS5 with a password', `Buffer.from([5, 1, 2])`, '\x05\xff'],
  [
    'SOCKS5 that wants to listen',
    `Buffer.from([5, 1, 0, 5, 2, 0, 1, 1, 1, 1, 1, 0, 80])`,
    '\x05\x00\x05\x07',
  ],
])('the proxy outlives %s', async (_, bytes, start) => {
  const port = await hello();
  const outer = await startOuterEnd(NAMES, RULES);
  const answer = (await run(
    outer,
    `${CHILD} ${RAW} return [await raw(${bytes}), await shell('curl -s http://web.example:${port}/')];`,
  )) as string[];
  expect(answer[0]?.slice(0, start.length || undefined)).toBe(start);
  expect(answer[1]).toBe('GET / ');
});

it('more connections than a sandbox may have are closed at once, and room comes back', async () => {
  const port = await hello();
  const outer = await startOuterEnd(NAMES, RULES);
  const answer = await run(
    outer,
    `${CHILD} ${RAW}
    const sockets = Array.from({ length: 300 }, () => net.connect(port, '127.0.0.1').on('error', () => {}));
    const closed = new Promise((resolve) => {
      let count = 0;
      for (const socket of sockets) socket.resume().on('close', () => ++count === 44 && resolve());
    });
    await closed;
    const open = sockets.filter(({ destroyed }) => !destroyed);
    const gone = Promise.all(open.map((socket) => new Promise((done) => socket.on('close', done))));
    for (const socket of open) socket.destroy();
    await gone;
    return [open.length, await shell('curl -s --retry 5 --retry-all-errors http://web.example:${port}/')];`,
  );
  expect(answer).toEqual([256, 'GET / ']);
});

it('a connection is given up when its client is', async () => {
  const server = net.createServer();
  const port = await listen(server);
  const outer = await startOuterEnd(NAMES, RULES);
  const arrived = once(server, 'connection') as Promise<[net.Socket]>;
  const running = run(
    outer,
    `${CHILD} await shell('timeout 3 curl -s http://web.example:${port}/'); return 'over';`,
  );
  const [socket] = await arrived;
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'close');
  expect(await running).toBe('over');
});
