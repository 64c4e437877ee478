/** A function that tries to connect wherever it is told to, and says what came of it. */

export type Attempt =
  | { tcp: string; port: number; say?: string }
  | { udp: string; port: number }
  | { url: string; trust?: string }
  | { lookUp: string; family?: 4 | 6 }
  | { resolve: string; type: 'A' | 'AAAA' }
  | { abstract: string }
  | { listen: number };

/** For each attempt what it brought: `connected`, an answer's text, or the code of the error. */
export const PROBE_SOURCE = `
import net from 'node:net'; import dgram from 'node:dgram'; import dns from 'node:dns/promises';
import fs from 'node:fs'; import https from 'node:https'; import http from 'node:http'; import os from 'node:os';
const DEADLINE_MS = 4000;
const late = new Promise(() => {});
function tcp(options, say) {
  return new Promise((resolve) => {
    const socket = net.connect({ ...options, timeout: DEADLINE_MS });
    const end = (what) => { socket.destroy(); resolve(what); };
    socket.on('connect', () => (say ? socket.write(say) : end('connected')));
    socket.on('data', (data) => end(String(data)));
    socket.on('timeout', () => end('TIMEOUT'));
    socket.on('error', (error) => end(error.code ?? error.errors?.[0]?.code ?? String(error)));
  });
}
function udp(address, port) {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
    let timer;
    const end = (what) => { clearTimeout(timer); clearInterval(again); resolve(what); };
    const again = setInterval(() => socket.send('hello', port, address, () => {}), 100);
    timer = setTimeout(() => end('SILENCE'), 600);
    socket.on('error', (error) => end(error.code));
    socket.on('message', () => end('answered'));
  });
}
function get(url, trust) {
  const client = url.startsWith('https') ? https : http;
  const ca = trust && fs.readFileSync(trust);
  return new Promise((resolve) => {
    const request = client.get(url, { timeout: DEADLINE_MS, agent: false, ...(ca && { ca }) }, async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve(text);
    });
    request.on('timeout', () => request.destroy(Object.assign(new Error(), { code: 'TIMEOUT' })));
    request.on('error', (error) => resolve(error.code ?? error.errors?.[0]?.code ?? String(error)));
  });
}
const codeOf = (promise) => promise.then((value) => JSON.stringify(value), (error) => error.code);
const servers = [];
async function attempt(it) {
  if (it.tcp) return tcp({ host: it.tcp, port: it.port }, it.say);
  if (it.abstract) return tcp({ path: '\\0' + it.abstract });
  if (it.udp) return udp(it.udp, it.port);
  if (it.url) return get(it.url, it.trust);
  if (it.lookUp) return codeOf(dns.lookup(it.lookUp, { family: it.family ?? 0, all: true }).then((all) => all.map((a) => a.address)));
  if (it.resolve) return codeOf(dns.resolve(it.resolve, it.type));
  if (it.listen !== undefined) {
    const server = net.createServer((socket) => socket.end('mine')).listen(it.listen, '0.0.0.0');
    servers.push(server);
    return new Promise((resolve) => { server.on('listening', () => resolve('listening')); server.on('error', (e) => resolve(e.code)); });
  }
}
export async function POST(request) {
  const attempts = await request.json();
  const addresses = Object.values(os.networkInterfaces()).flat().filter((i) => !i.internal).map((i) => i.address);
  return Response.json({ addresses, results: await Promise.all(attempts.map(attempt)) });
}
`;
