import { expect, it } from 'vitest';
import { certificateIndex } from '../../src/certs/certificate-index.ts';
import type { CertificateProblem } from '../../src/certs/certificate-problem.ts';
import { atRisk, certificateStatus, isClockBehind } from '../../src/certs/certificate-status.ts';
import {
  afterFailure,
  afterSuccess,
  currentCertificate,
  dueAt,
  type Schedule,
  SUCCEEDED,
} from '../../src/certs/schedule.ts';
import type { CertificateRow } from '../../src/store/certificates.ts';

const DAY = 86_400_000;
const NOW = 1_000 * DAY;

function row(over: Partial<CertificateRow> & { from?: number; to?: number }): CertificateRow {
  const { from = -30, to = 60, ...rest } = over;
  return {
    id: 'one',
    names: ['a.example'],
    appId: null,
    source: 'acme',
    chain: 'PEM',
    notBefore: new Date(NOW + from * DAY),
    notAfter: new Date(NOW + to * DAY),
    directory: 'https://ca',
    ...rest,
  };
}

function problem(over: Partial<CertificateProblem> = {}): CertificateProblem {
  return { code: 'unreachable', message: '', hint: '', directory: 'https://ca', at: NOW, ...over };
}

const SCHEDULE = {
  name: 'a.example',
  names: ['a.example'],
  appId: null,
  directory: null,
  orderUrl: null,
  masterKeyId: null,
  sealedKey: null,
  renewAt: null,
  renewAtOf: null,
  renewCheckAt: null,
  ...SUCCEEDED,
};

it('takes a certificate for current only if it has all names', () => {
  const wanted = { names: ['a.example', 'www.a.example'] };
  expect(currentCertificate([row({})], wanted)).toBeNull();
  const both = row({ id: 'both', names: ['www.a.example', 'a.example'] });
  expect(currentCertificate([row({}), both], wanted)).toBe(both);
  expect(currentCertificate([row({ source: 'upload' })], { names: ['a.example'] })).toBeNull();
});

it('is due at once, by the plan of renewal, or when a failure allows', () => {
  expect(dueAt(null, null, NOW)).toBe(0);
  expect(dueAt(SCHEDULE, row({}), NOW)).toBe(NOW + 30 * DAY);
  const hastened = { ...SCHEDULE, renewAt: new Date(NOW + DAY), renewAtOf: 'one' };
  expect(dueAt(hastened, row({}), NOW)).toBe(NOW + DAY);
  expect(dueAt({ ...hastened, renewAtOf: 'other' }, row({}), NOW)).toBe(NOW + 30 * DAY);
  const failed = {
    ...SCHEDULE,
    ...afterFailure(SUCCEEDED, problem(), { retryAt: null, random: 0 }),
  };
  expect(dueAt(failed, null, NOW)).toBe(NOW + 60_000);
});

it('rests after a success, whatever the certificate says, but not for names that are new', () => {
  const life = (ms: number) => afterSuccess({ notBefore: NOW, notAfter: NOW + ms }, NOW).notBefore;
  expect(life(90 * DAY)).toEqual(new Date(NOW + DAY));
  expect(life(60 * 60_000)).toEqual(new Date(NOW + 10 * 60_000));
  expect(life(60_000)).toEqual(new Date(NOW + 15_000));
  expect(life(-DAY)).toEqual(new Date(NOW + 15_000));
  const rested = { ...SCHEDULE, ...afterSuccess({ notBefore: NOW, notAfter: NOW }, NOW) };
  const over = row({ from: 0, to: 0 });
  expect(dueAt(rested, over, NOW)).toBe(NOW + 15_000);
  // What an authority wants renewed at once, it gets once.
  const hastened = { ...rested, renewAt: new Date(NOW - DAY), renewAtOf: 'one' };
  expect(dueAt(hastened, row({}), NOW)).toBe(NOW + 15_000);
  expect(dueAt(rested, null, NOW)).toBe(0);
});

it('forgets waits that were noted by a clock far ahead', () => {
  const at = NOW + 365 * DAY;
  const outcome = afterFailure(SUCCEEDED, problem({ code: 'clock-wrong', at }), {
    retryAt: null,
    random: 0,
  });
  expect(dueAt({ ...SCHEDULE, ...outcome }, null, NOW)).toBe(0);
});

it('leaves the authority alone that asks for it, and no other', () => {
  const retryAt = NOW + 90 * DAY;
  const limited = afterFailure(SUCCEEDED, problem({ code: 'rate-limited' }), {
    retryAt,
    random: 0,
  });
  expect(limited).toMatchObject({
    failures: 1,
    caFailures: 1,
    waits: { 'https://ca': retryAt },
    notBefore: new Date(NOW + 60_000),
  });
  const budget = afterFailure(SUCCEEDED, problem({ code: 'budget-used' }), { retryAt, random: 0 });
  expect(budget).toMatchObject({ caFailures: 0, waits: {}, notBefore: new Date(retryAt) });
});

it('alarms of what has less than a third of its life and fails, not of what only fails', () => {
  const failed = { ...SCHEDULE, lastProblem: problem() };
  const wanted = { names: ['a.example'], appId: null };
  const stateOf = (current: CertificateRow | null, schedule: Schedule = failed) =>
    certificateStatus(wanted, { current, schedule }, NOW).state;
  expect(stateOf(null, SCHEDULE)).toBe('pending');
  expect(stateOf(null)).toBe('failing');
  expect(stateOf(row({}))).toBe('failing');
  expect(stateOf(row({}), SCHEDULE)).toBe('valid');
  expect(stateOf(row({ to: 5 }))).toBe('at-risk');
  expect(stateOf(row({ to: 5 }), SCHEDULE)).toBe('valid');
  expect(stateOf(row({ to: -1 }), SCHEDULE)).toBe('expired');
  const statuses = [row({}), row({ to: 5 }), row({ to: -1 })].map((current) =>
    certificateStatus(wanted, { current, schedule: failed }, NOW),
  );
  expect(atRisk(statuses)).toHaveLength(2);
});

it('sees a clock that is behind by certificates of the future', () => {
  expect(isClockBehind([row({})], NOW)).toBe(false);
  expect(isClockBehind([row({})], NOW - 365 * DAY)).toBe(true);
});

it('serves the best certificate of each name', () => {
  const rows = [
    row({ id: 'renewed', from: 0, to: 90 }),
    row({ id: 'old' }),
    row({ id: 'future', from: 10, to: 200 }),
    row({ id: 'brought', source: 'upload', to: 5, names: ['b.example'] }),
    row({ id: 'ordered', names: ['b.example', 'c.example'] }),
    row({ id: 'expired', names: ['d.example'], from: -90, to: -1 }),
    row({ id: 'longer', names: ['d.example'], from: -90, to: -0.5, source: 'local' }),
  ];
  const index = certificateIndex(rows, [], { generation: 7, now: NOW });
  expect(index.certificates.map(({ id, names }) => `${id}: ${names.join()}`)).toEqual([
    'renewed: a.example',
    'brought: b.example',
    'ordered: c.example',
    'longer: d.example',
  ]);
});
