/** Asks the machine's own name servers. What they answer is believed to be from them, and nothing else. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import net, { isIPv6 } from 'node:net';
import { type DnsMessage, type DnsQuestion } from './dns-message.ts';
import { readDnsMessage } from './read-dns.ts';
import { encodeDnsQuery, OWN_UDP_BYTES } from './write-dns.ts';

export interface NameServer {
  address: string;
  port: number;
}

/** Null when no server gives an answer in time. */
export type Upstream = (question: DnsQuestion) => Promise<DnsMessage | null>;

/** As resolv.conf(5) has it: at most three servers count. */
const MAX_SERVERS = 3;
const DNS_PORT = 53;
const ROUNDS = 2;
const UDP_DEADLINE_MS = 1_500;
const TCP_DEADLINE_MS = 3_000;
/** Queries on their way, of all apps together: each has a socket. */
const MAX_QUERIES = 1_024;
/** Of a server that could also be somebody who guesses. */
const MAX_WRONG_ANSWERS = 32;

/** The `nameserver` lines of /etc/resolv.conf. */
export function nameServersOf(resolvConf: string): NameServer[] {
  const addresses = [...resolvConf.matchAll(/^\s*nameserver\s+([0-9a-fA-F.:%\w]+)/gm)];
  const servers = addresses.map(([, address = '']) => ({ address, port: DNS_PORT }));
  return servers.slice(0, MAX_SERVERS);
}

export function createUpstream(servers: () => readonly NameServer[]): Upstream {
  let queries = 0;

  async function ask(question: DnsQuestion): Promise<DnsMessage | null> {
    for (let round = 0; round < ROUNDS; round++) {
      for (const server of servers()) {
        const answer = await askByUdp(server, question);
        if (answer === null) continue;
        if (!answer.isTruncated) return answer;
        const whole = await askByTcp(server, question);
        if (whole !== null) return whole;
      }
    }
    return null;
  }

  return async (question) => {
    if (queries >= MAX_QUERIES) return null;
    queries += 1;
    try {
      return await ask(question);
    } finally {
      queries -= 1;
    }
  };
}

/**
 * Somebody's share: who asks for names whose servers are slow, or silent on purpose, takes the answers of nobody else.
 * How much may wait is for the asker's QuestionLimits to say.
 */
export function shareOf(upstream: Upstream, atATime: number): Upstream {
  let running = 0;
  const line: (() => void)[] = [];
  return async (question) => {
    // Whoever ends gives its place to the first of the line.
    if (running >= atATime) await new Promise<void>((resolve) => line.push(resolve));
    else running += 1;
    try {
      return await upstream(question);
    } finally {
      const next = line.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** A socket for each query has a port of the system's choice: an answer has to guess it and the id (RFC 5452). */
function askByUdp(server: NameServer, question: DnsQuestion): Promise<DnsMessage | null> {
  return new Promise((resolve) => {
    const id = randomInt(0x1_0000);
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    let wrong = 0;
    let isSettled = false;
    const settle = (answer: DnsMessage | null): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(null), UDP_DEADLINE_MS);
    socket.on('error', () => settle(null));
    socket.on('message', (message) => {
      const answer = answerTo(message, id, question);
      if (answer !== null) settle(answer);
      else if (++wrong >= MAX_WRONG_ANSWERS) settle(null);
    });
    // Connected, the socket takes packets of this server only.
    socket.on('connect', () => {
      if (isSettled) return;
      socket.send(encodeDnsQuery(id, question, OWN_UDP_BYTES), () => {});
    });
    // A callback here would be told of failures as well, in place of 'error'.
    socket.connect(server.port, server.address);
  });
}

function askByTcp(server: NameServer, question: DnsQuestion): Promise<DnsMessage | null> {
  return new Promise((resolve) => {
    const id = randomInt(0x1_0000);
    const socket = net.connect(server.port, server.address);
    const settle = (answer: DnsMessage | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => settle(null), TCP_DEADLINE_MS);
    socket.on('error', () => settle(null));
    socket.on('close', () => settle(null));
    socket.on('connect', () => {
      const query = encodeDnsQuery(id, question, OWN_UDP_BYTES);
      socket.write(Buffer.concat([Buffer.from([query.length >> 8, query.length & 0xff]), query]));
    });
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2) return;
      const length = received.readUInt16BE(0);
      if (received.length >= 2 + length) {
        settle(answerTo(received.subarray(2, 2 + length), id, question));
      }
    });
  });
}

/** The message, if it answers this question; null for anything else that arrives. */
function answerTo(message: Buffer, id: number, question: DnsQuestion): DnsMessage | null {
  try {
    const answer = readDnsMessage(message);
    const isAnswer =
      answer.isResponse &&
      answer.id === id &&
      answer.question.type === question.type &&
      answer.question.name.toLowerCase() === question.name.toLowerCase();
    return isAnswer ? answer : null;
  } catch {
    return null;
  }
}
