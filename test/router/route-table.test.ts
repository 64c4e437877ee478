import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slugForRef } from '../../src/model/slug.ts';
import type { ServedDeployment } from '../../src/model/served.ts';
import { createRouteTable } from '../../src/router/route-table.ts';
import { servedDeployment } from '../support/function-code.ts';
import { PUBLIC_ACCESS } from '../support/public-access.ts';

const ADDRESS = {
  baseDomain: 'fn.example.com',
  controlHost: 'ctl.example.com',
  scheme: 'https',
  port: 443,
} as const;
const SHA_A = `abcdef1234${'0'.repeat(30)}`;
const SHA_B = `abcdef1299${'0'.repeat(30)}`;
const SHA_C = '7'.repeat(40);

function deployment(id: string): ServedDeployment {
  return servedDeployment({ id, bundle: 'b'.repeat(64) });
}

const table = createRouteTable(
  {
    generation: 3,
    apps: [
      {
        name: 'hello',
        access: PUBLIC_ACCESS,
        production: 'dep-p',
        slugs: { 'feature-x': 'dep-x', gone: 'dep-missing' },
        commits: { [SHA_A]: 'dep-a', [SHA_B]: 'dep-b', [SHA_C]: 'dep-c' },
        domains: [
          { name: 'shop.com', target: null, redirectTo: null },
          { name: 'www.shop.com', target: null, redirectTo: 'shop.com' },
          { name: '*.shop.com', target: 'feature-x', redirectTo: null },
          { name: 'gone.shop.com', target: 'abcdef1', redirectTo: null },
          { name: 'xn--bcher-kva.shop.com', target: 'feature-x', redirectTo: 'www.shop.com' },
        ],
      },
      {
        name: 'empty',
        access: PUBLIC_ACCESS,
        production: null,
        slugs: {},
        commits: {},
        domains: [
          { name: 'empty.shop.com', target: null, redirectTo: null },
          // The platform's own hosts come first, whatever a snapshot says.
          { name: 'ctl.example.com', target: null, redirectTo: null },
          { name: 'hello.fn.example.com', target: null, redirectTo: null },
        ],
      },
    ],
    deployments: ['dep-p', 'dep-x', 'dep-a', 'dep-b', 'dep-c'].map(deployment),
  },
  ADDRESS,
);

function describeRoute(host: string): string {
  const route = table.find(host);
  if (route.kind === 'redirect') return route.to;
  return route.kind === 'deployment' ? route.deployment.id : route.kind;
}

describe('route table', () => {
  it.each([
    ['hello.fn.example.com', 'dep-p'],
    ['feature-x--hello.fn.example.com', 'dep-x'],
    [`${SHA_A.slice(0, 12)}--hello.fn.example.com`, 'dep-a'],
    [`${SHA_B.slice(0, 9)}--hello.fn.example.com`, 'dep-b'],
    [`${SHA_C}--hello.fn.example.com`, 'dep-c'],
    ['7777777--hello.fn.example.com', 'dep-c'],
    ['abcdef1--hello.fn.example.com', 'ambiguous-commit'],
    ['777777--hello.fn.example.com', 'unknown-branch'],
    ['1234567--hello.fn.example.com', 'unknown-commit'],
    ['fffffff--hello.fn.example.com', 'unknown-commit'],
    ['other--hello.fn.example.com', 'unknown-branch'],
    ['gone--hello.fn.example.com', 'unknown-branch'],
    ['constructor--hello.fn.example.com', 'unknown-branch'],
    ['feature-x--empty.fn.example.com', 'unknown-branch'],
    ['empty.fn.example.com', 'nothing-deployed'],
    ['nobody.fn.example.com', 'unknown-app'],
    ['feature-x--nobody.fn.example.com', 'unknown-app'],
    ['__proto__.fn.example.com', 'unknown-app'],
    ['a.hello.fn.example.com', 'unknown-host'],
    ['.fn.example.com', 'unknown-host'],
    ['fn.example.com', 'unknown-host'],
    ['hello.example.com', 'unknown-host'],
    ['hello.fn.example.com.evil.com', 'unknown-host'],
    ['ctl.example.com', 'control'],
    ['127.0.0.1', 'control'],
    ['::1', 'control'],
    ['192.0.2.7', 'control'],
    ['localhost', 'control'],
    ['shop.com', 'dep-p'],
    ['www.shop.com', 'https://shop.com'],
    ['any.shop.com', 'dep-x'],
    ['a.any.shop.com', 'unknown-host'],
    ['*.shop.com', 'dep-x'],
    ['xn--bcher-kva.shop.com', 'https://www.shop.com'],
    // An exact name of another app, below the wildcard; nothing falls back to the wildcard.
    ['empty.shop.com', 'nothing-deployed'],
    ['gone.shop.com', 'unknown-branch'],
    ['theshop.com', 'unknown-host'],
    ['com', 'unknown-host'],
    ['', 'unknown-host'],
  ])('%s → %s', (host, expected) => {
    expect(describeRoute(host)).toBe(expected);
  });

  it('says which generation it was made from', () => {
    expect(table.generation).toBe(3);
  });

  it('redirects to the port where the platform is reached', () => {
    const snapshot = {
      generation: 1,
      deployments: [],
      apps: [
        {
          name: 'hello',
          access: PUBLIC_ACCESS,
          production: null,
          slugs: {},
          commits: {},
          domains: [{ name: 'www.shop.com', target: null, redirectTo: 'shop.com' }],
        },
      ],
    };
    const address = { ...ADDRESS, scheme: 'http', port: 8080 } as const;
    const route = createRouteTable(snapshot, address).find('www.shop.com');
    expect(route).toMatchObject({ kind: 'redirect', to: 'http://shop.com:8080' });
  });

  it('answers any host without throwing', () => {
    fc.assert(
      fc.property(fc.string(), (label) => {
        expect(table.find(`${label}.fn.example.com`).kind).toBeTypeOf('string');
      }),
    );
  });

  it('finds each branch at the slug of its ref, beside any other', () => {
    const ref = fc
      .stringMatching(/^[A-Za-z0-9._/#@=+-]{1,60}$/)
      .map((name) => `refs/heads/${name}`);
    fc.assert(
      fc.property(fc.uniqueArray(ref, { maxLength: 20 }), (refs) => {
        const slugs: Record<string, string> = {};
        for (const one of refs) {
          slugs[slugForRef(one, 'hello', (slug) => Object.hasOwn(slugs, slug))] = one;
        }
        const branches = createRouteTable(
          {
            generation: 1,
            apps: [{ name: 'hello', access: PUBLIC_ACCESS, production: null, slugs, commits: {} }],
            deployments: refs.map(deployment),
          },
          ADDRESS,
        );
        for (const [slug, id] of Object.entries(slugs)) {
          const route = branches.find(`${slug}--hello.fn.example.com`);
          expect(route).toMatchObject({ kind: 'deployment', deployment: { id } });
        }
      }),
    );
  });

  it('finds each commit by any prefix that no other shares', () => {
    const sha = fc.stringMatching(/^[0-9a-f]{40}$/);
    fc.assert(
      fc.property(
        fc.uniqueArray(sha, { minLength: 1, maxLength: 10 }),
        fc.integer({ min: 7, max: 40 }),
        (shas, length) => {
          const commits = Object.fromEntries(shas.map((one) => [one, one]));
          const byCommit = createRouteTable(
            {
              generation: 1,
              apps: [
                { name: 'hello', access: PUBLIC_ACCESS, production: null, slugs: {}, commits },
              ],
              deployments: shas.map(deployment),
            },
            ADDRESS,
          );
          for (const one of shas) {
            const prefix = one.slice(0, length);
            const sharing = shas.filter((other) => other.startsWith(prefix)).length;
            const { kind } = byCommit.find(`${prefix}--hello.fn.example.com`);
            expect(kind).toBe(sharing === 1 ? 'deployment' : 'ambiguous-commit');
          }
        },
      ),
    );
  });
});
