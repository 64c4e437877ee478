import { expect, it } from 'vitest';
import { can, type Action } from '../../src/access/index.ts';
import { ROLES, type Role } from '../../src/model/role.ts';

const ALLOWED: Record<Role, Action[]> = {
  read: ['app.read', 'environment.list'],
  deploy: [
    'app.read',
    'app.push',
    'app.create',
    'app.rollback',
    'environment.list',
    'environment.read',
    'environment.change',
  ],
  admin: [
    'app.read',
    'app.push',
    'app.create',
    'app.rollback',
    'environment.list',
    'environment.read',
    'environment.change',
    'master-key.rotate',
    'token.read',
    'token.create',
    'token.revoke',
  ],
};

it.each(ROLES)('lets a token with the role %s do this and nothing else', (role) => {
  const allowed = ALLOWED.admin.filter((action) => can({ role, appIds: null }, action, 'app-1'));
  expect(allowed).toEqual(ALLOWED[role]);
});

it.each(ROLES)('confines a token with the role %s to its apps', (role) => {
  const scope = { role, appIds: ['app-1'] };
  for (const action of ALLOWED[role]) {
    expect(can(scope, action, 'app-1')).toBe(true);
    expect(can(scope, action, 'app-2')).toBe(false);
    expect(can(scope, action, null)).toBe(false);
  }
});
