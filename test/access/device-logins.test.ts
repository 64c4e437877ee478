import { expect, it } from 'vitest';
import { HERE, openAccess } from '../support/open-access.ts';

const ALL = { after: null, limit: 100 };
const ASKED = {
  name: 'laptop',
  kind: 'personal',
  role: 'deployer',
  apps: ['mine'],
  grants: undefined,
  actions: undefined,
  expiresInSeconds: undefined,
} as const;

const requestOf = (over: object = {}) => ({ ...ASKED, apps: [...ASKED.apps], ...over });

it('lets a machine in as somebody approved it, once, and shows them who asked', async () => {
  const { access, admin, clock, db } = await openAccess();
  const { deviceLogins } = access;
  const { deviceCode, userCode, ...rest } = await deviceLogins.begin({
    hostName: 'evil\u001b[2J\nhost',
    from: HERE,
  });
  expect(rest).toEqual({ expiresInS: 600, intervalS: 5 });
  expect(userCode).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
  const poll = () => deviceLogins.poll({ deviceCode, from: HERE });
  expect(await poll()).toEqual({ state: 'pending', intervalS: 5 });
  expect(await poll()).toEqual({ state: 'slow-down', intervalS: 10 });
  clock.shift(9_000);
  expect(await poll()).toEqual({ state: 'slow-down', intervalS: 15 });
  clock.shift(16_000);
  expect(await poll()).toEqual({ state: 'pending', intervalS: 15 });

  const typed = ` ${userCode.toLowerCase().replace('-', ' ')} `;
  expect(await deviceLogins.find(admin, typed)).toMatchObject({
    userCode,
    hostName: 'evilhost',
    address: HERE,
  });
  const made = await access.tokens.list(admin, ALL);
  await deviceLogins.approve(admin, typed, requestOf());
  // Nothing is made before the machine fetches it, and nothing that is stored lets anybody in.
  expect(await access.tokens.list(admin, ALL)).toHaveLength(made.length);
  const again = deviceLogins.approve(admin, typed, requestOf({ role: 'admin' }));
  await expect(again).rejects.toMatchObject({ code: 'not-found' });
  const approved = await poll();
  if (approved.state !== 'approved') throw new Error(approved.state);
  expect(approved.created.row).toMatchObject({
    name: 'laptop',
    createdBy: admin.tokenId,
    grants: [{ appId: 'app-1', role: 'deployer' }],
  });
  expect((await access.authenticate(approved.created.token, HERE)).tokenName).toBe('laptop');
  expect(await poll()).toEqual({ state: 'expired' });
  const { rows } = await db.query('SELECT * FROM device_logins');
  expect(rows).toEqual([]);
});

it('gives no more than who approved may give, when it is fetched', async () => {
  const { access, admin } = await openAccess();
  const { deviceLogins, tokens } = access;
  const owner = await tokens.create(admin, requestOf({ role: 'admin' }));
  const actor = await access.authenticate(owner.token, HERE);
  const { deviceCode, userCode } = await deviceLogins.begin({ hostName: 'laptop', from: HERE });
  const refusals = [
    [requestOf({ apps: undefined }), 'forbidden'],
    [requestOf({ apps: ['theirs'] }), 'not-found'],
    [requestOf({ role: undefined }), 'bad-request'],
  ] as const;
  for (const [request, code] of refusals) {
    await expect(deviceLogins.approve(actor, userCode, request)).rejects.toMatchObject({ code });
  }
  const { token } = await tokens.create(admin, requestOf());
  const deployer = await access.authenticate(token, HERE);
  for (const code of [userCode, 'BBBB-BBBB']) {
    const asked = deviceLogins.find(deployer, code);
    await expect(asked).rejects.toMatchObject({ code: 'forbidden' });
  }
  await deviceLogins.approve(actor, userCode, requestOf());
  await tokens.revoke(admin, owner.row.id, false);
  expect(await deviceLogins.poll({ deviceCode, from: HERE })).toEqual({ state: 'denied' });
});

it('forgets who was turned away, and who nobody let in within ten minutes', async () => {
  const { access, admin, clock } = await openAccess();
  const { deviceLogins } = access;
  const first = await deviceLogins.begin({ hostName: 'one', from: HERE });
  await deviceLogins.deny(admin, first.userCode);
  const poll = (deviceCode: string) => deviceLogins.poll({ deviceCode, from: HERE });
  expect(await poll(first.deviceCode)).toEqual({ state: 'denied' });
  const second = await deviceLogins.begin({ hostName: 'two', from: HERE });
  clock.shift(600_001);
  await expect(deviceLogins.find(admin, second.userCode)).rejects.toMatchObject({
    code: 'not-found',
  });
  expect(await poll(second.deviceCode)).toEqual({ state: 'expired' });
});

it('lets no address and no crowd fill the place of those who wait', async () => {
  const { access, clock } = await openAccess();
  const begin = (from: string) => access.deviceLogins.begin({ hostName: 'x', from });
  for (let count = 0; count < 5; count++) await begin(`2001:db8::${count}`);
  await expect(begin('2001:db8::ffff')).rejects.toMatchObject({ code: 'busy' });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 110 }, (_, number) => begin(`198.51.100.${number}`)),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(95);
  clock.shift(600_001);
  await begin(HERE);
});

it('holds off who makes codes up', async () => {
  const { access } = await openAccess();
  const outcomes = [];
  for (let number = 0; number < 70; number++) {
    const deviceCode = number.toString(32).padEnd(40, 'b');
    const polled = access.deviceLogins.poll({ deviceCode, from: HERE });
    outcomes.push(await polled.catch((error: { code: string }) => error.code));
  }
  expect(outcomes[0]).toEqual({ state: 'expired' });
  expect(outcomes.at(-1)).toBe('too-many-requests');
});
