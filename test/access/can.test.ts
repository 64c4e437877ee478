import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { appsFor, can, RULES, type Action } from '../../src/access/can.ts';
import type { Grant, TokenKind } from '../../src/model/grant.ts';
import { ROLES, type Role } from '../../src/model/role.ts';

const PAGE = readFileSync(new URL('../../docs/access.md', import.meta.url), 'utf8');
const ACTIONS = Object.keys(RULES) as Action[];

interface Described {
  does: string;
  isPlatform: boolean;
  who: Record<Role | 'ci' | 'service', boolean>;
}

/** The table of docs/access.md, which people read and the code is held to. */
function readTable(): Map<string, Described> {
  const rows = PAGE.matchAll(/^\| `([a-z.-]+)` (.+?)( ★)? \|(.*)\|$/gm);
  return new Map(
    [...rows].map(([, action = '', does = '', star, cells = '']) => {
      const [viewer, deployer, admin, ci, service] = cells.split('|').map((cell) => cell.trim());
      const is = (cell: string | undefined): boolean => cell === 'yes';
      const who = {
        viewer: is(viewer),
        deployer: is(deployer),
        admin: is(admin),
        ci: is(ci),
        service: is(service),
      };
      return [action, { does, isPlatform: star !== undefined, who }];
    }),
  );
}

const TABLE = readTable();

function describe(action: Action): Described {
  const described = TABLE.get(action);
  if (described === undefined) throw new Error(`docs/access.md has no row for ${action}`);
  return described;
}

function holder(grant: Grant, kind: TokenKind = 'personal') {
  return { kind, grants: [grant] };
}

it('docs/access.md names every action, and no other, in the words of its refusals', () => {
  expect([...TABLE.keys()]).toEqual(ACTIONS);
  for (const action of ACTIONS) expect(describe(action).does).toBe(RULES[action].does);
});

it.each(ROLES)('lets a token with the role %s do what the page says and nothing else', (role) => {
  for (const action of ACTIONS) {
    const expected = describe(action).who[role];
    expect(can(holder({ appId: null, role }), action, 'app-1'), action).toBe(expected);
    expect(can(holder({ appId: null, role }), action, null), action).toBe(expected);
  }
});

it.each(ROLES)('confines the role %s for an app to that app', (role) => {
  const confined = holder({ appId: 'app-1', role });
  for (const action of ACTIONS) {
    const { who, isPlatform } = describe(action);
    expect(can(confined, action, 'app-1'), action).toBe(who[role] && !isPlatform);
    expect(can(confined, action, 'app-2'), action).toBe(false);
    expect(can(confined, action, null), action).toBe(false);
  }
});

it.each(ROLES)('lets a CI token with the role %s do what is for CI and no more', (role) => {
  for (const action of ACTIONS) {
    const { who } = describe(action);
    const expected = who[role] && who.ci;
    expect(can(holder({ appId: 'app-1', role }, 'ci'), action, 'app-1'), action).toBe(expected);
  }
});

it('lets a service token do what it was given, and of that only what such a token may have', () => {
  const all = holder({ appId: 'app-1', actions: ACTIONS }, 'service');
  const one = holder({ appId: 'app-1', actions: ['log.read'] }, 'service');
  for (const action of ACTIONS) {
    expect(can(all, action, 'app-1'), action).toBe(describe(action).who.service);
    expect(can(all, action, 'app-2'), action).toBe(false);
    expect(can(all, action, null), action).toBe(false);
    expect(can(one, action, 'app-1'), action).toBe(action === 'log.read');
  }
});

it('takes the strongest of what an app and the platform are granted', () => {
  const mixed = {
    kind: 'personal' as const,
    grants: [
      { appId: null, role: 'viewer' as const },
      { appId: 'app-1', role: 'admin' as const },
    ],
  };
  expect(can(mixed, 'token.create', 'app-1')).toBe(true);
  expect(can(mixed, 'app.push', 'app-2')).toBe(false);
  expect(can(mixed, 'app.read', 'app-2')).toBe(true);
  expect(appsFor(mixed, 'app.read')).toBeNull();
  expect(appsFor(mixed, 'app.push')).toEqual(['app-1']);
});

it('lets a token whose apps are gone do nothing', () => {
  const empty = { kind: 'personal' as const, grants: [] };
  for (const action of ACTIONS) expect(can(empty, action, 'app-1')).toBe(false);
  expect(appsFor(empty, 'app.read')).toEqual([]);
});
