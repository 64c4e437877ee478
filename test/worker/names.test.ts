import { expect, it } from 'vitest';
import { createAppShares } from '../../src/egress/app-shares.ts';
import { DNS_TYPE, encodeName } from '../../src/egress/dns-message.ts';
import type { Upstream } from '../../src/egress/upstream.ts';
import { run, startOuterEnd } from '../support/egress-channel.ts';

const RULES = ['127.0.0.1:*'];
const NAMES = { 'db.example': '127.0.0.1' };

it('node:dns is answered by the platform, in all its forms', async () => {
  const outer = await startOuterEnd(NAMES, RULES);
  const answer = await run(
    outer,
    `const { default: dns, resolve4, Resolver } = await import('node:dns');
     const promises = await import('node:dns/promises');
     const call = (work) => new Promise((resolve) => work((error, found) => resolve(error?.code ?? found)));
     const own = new promises.Resolver();
     own.setServers(['8.8.8.8', '[2001:4860:4860::8888]:53']);
     dns.setServers(['8.8.8.8']);
     return [
       await call((done) => resolve4('db.example', done)),
       await call((done) => dns.resolve('db.example', done)),
       await call((done) => new Resolver().resolve4('db.example', done)),
       await promises.resolve('db.example', 'A'),
       await own.resolve4('db.example', { ttl: true }),
       await promises.resolveMx('db.example').catch(({ code }) => code),
       await promises.resolveSrv('printer.local').catch(({ code }) => code),
       await promises.resolveAny('db.example').catch(({ code }) => code),
       await promises.reverse('10.0.0.1').catch(({ code }) => code),
       await call((done) => { try { dns.setServers(['nonsense']); } catch (error) { done(error); } }),
       new Resolver() instanceof Resolver,
     ];`,
  );
  expect(answer).toEqual([
    ['127.0.0.1'],
    ['127.0.0.1'],
    ['127.0.0.1'],
    ['127.0.0.1'],
    [{ address: '127.0.0.1', ttl: 1 }],
    'ENODATA',
    'ENOTFOUND',
    'EREFUSED',
    'ENOTFOUND',
    'ERR_INVALID_IP_ADDRESS',
    true,
  ]);
});

/** As a service has it that is found by its name alone, with almost as much text as a message takes. */
const services: Upstream = async (question) => {
  const srv = Buffer.concat([Buffer.from([0, 1, 0, 2, 0x69, 0x89]), encodeName('db1.example.com')]);
  const text = Array.from({ length: 250 }, () => Buffer.from(`\xff${'x'.repeat(255)}`, 'latin1'));
  const data = question.type === DNS_TYPE.SRV ? srv : Buffer.concat(text);
  const head = { id: 1, isResponse: true, isTruncated: false, code: 0, udpBytes: null };
  return { ...head, question, answers: [{ ...question, ttl: 60, data }], authority: [] };
};

it('services are found by their names, and long answers arrive', async () => {
  const shares = createAppShares({ upstream: services, nowMs: () => performance.now() });
  const outer = await startOuterEnd({}, RULES, { shares });
  const answer = await run(
    outer,
    `const { resolveSrv, resolveTxt } = await import('node:dns/promises');
     const [text] = await resolveTxt('db.example.com');
     return [await resolveSrv('_mongodb._tcp.db.example.com'), text.length, text[249].length];`,
  );
  const service = { type: 'SRV', name: 'db1.example.com', port: 27_017, priority: 1, weight: 2 };
  expect(answer).toEqual([[service], 250, 255]);
});

it('what is asked too fast fails at once', async () => {
  const shares = createAppShares({ upstream: services, nowMs: () => 0 });
  const outer = await startOuterEnd({}, RULES, { shares });
  const answer = await run(
    outer,
    `const { resolveSrv } = await import('node:dns/promises');
     const asked = Array.from({ length: 300 }, (_, i) => resolveSrv('s' + i + '.example.com').then(() => 'found', ({ code }) => code));
     const all = await Promise.all(asked);
     return [...new Set(all)].sort();`,
  );
  expect(answer).toEqual(['ESERVFAIL', 'found']);
});
