import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS } from '../../src/protocol/control-client.generated.ts';
import { REQUESTS } from './requests.ts';
import { json, type OperationId } from './caller.ts';
import { type ActorName, ACTORS, createWorld, type World } from './world.ts';

/** Who may do what: every operation, asked by everybody. */
const IDS = Object.keys(OPERATIONS) as OperationId[];
const ROLES = ['viewer', 'deployer', 'admin'] as const;
const OUTSIDE: readonly ActorName[] = ['anonymous', 'expired', 'revoked'];

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

type Expected = 'allowed' | 'no-token' | 'forbidden' | 'hidden';

function expectedFor(id: OperationId, actor: ActorName): Expected {
  const { least, isPlatform, isList, isOfNoApp, ci } = REQUESTS[id];
  if (least === 'nothing') return 'allowed';
  if (least === 'signature') return 'no-token';
  if (OUTSIDE.includes(actor)) return 'no-token';
  if (least === 'token' || isList) return 'allowed';
  if (actor === 'ci') return ci ? 'allowed' : 'forbidden';
  if (actor === 'service')
    return id === 'listLogs' || id === 'listFunctionLogs' ? 'allowed' : 'forbidden';
  if (actor === 'adminOfOther') {
    if (isPlatform) return 'forbidden';
    return isOfNoApp ? 'allowed' : 'hidden';
  }
  const role = actor.replace('OfApp', '') as (typeof ROLES)[number];
  if (isPlatform && actor.endsWith('OfApp')) return 'forbidden';
  return ROLES.indexOf(role) >= ROLES.indexOf(least) ? 'allowed' : 'forbidden';
}

function outcomeOf(status: number): Expected | 'failed' {
  if (status >= 500) return 'failed';
  if (status === 401) return 'no-token';
  if (status === 403) return 'forbidden';
  return 'allowed';
}

it('knows each operation', () => {
  expect(Object.keys(REQUESTS).sort()).toEqual([...IDS].sort());
});

describe.each(IDS)('%s', (id) => {
  it.each(ACTORS)('asked by %s', async (actor) => {
    const expected = expectedFor(id, actor);
    if (expected === 'allowed' && REQUESTS[id].isLast) return;
    const input = REQUESTS[id].input(world);
    const answer = await world.call(id, input, world.tokens[actor]);
    const told = `${answer.status} ${answer.body.slice(0, 300)}`;
    if (expected === 'hidden') {
      expect(answer.status, told).toBe(404);
      return;
    }
    if (REQUESTS[id].isBounded && answer.status === 503) return;
    // What has an id that somebody must not know of looks as if it were not there.
    const isHidden = expected === 'forbidden' && answer.status === 404;
    expect(isHidden ? expected : outcomeOf(answer.status), told).toBe(expected);
    if (answer.status >= 400)
      expect(json(answer), told).toMatchObject({ code: expect.any(String) });
  });
});

/** Every id in a path, of somebody else. */
const WITH_PATHS = IDS.filter(
  (id) => OPERATIONS[id].path.includes('{') && REQUESTS[id].least !== 'signature',
);
describe.each(WITH_PATHS)('%s', (id) => {
  it('has nothing to say about what belongs to another app', async () => {
    const { params = {}, ...rest } = REQUESTS[id].input(world);
    const swapped = {
      ...params,
      ...('app' in params && { app: 'theirs' }),
      ...('function' in params && { function: world.functions.theirs }),
    };
    for (const actor of ['adminOfApp', 'ci', 'service'] as const) {
      const ofNobody = Object.fromEntries(
        Object.entries(params).map(([name, value]) =>
          name === 'app' || name === 'function' ? [name, 'nobodys'] : [name, value],
        ),
      );
      const foreign = await world.call(id, { ...rest, params: swapped }, world.tokens[actor]);
      const missing = await world.call(id, { ...rest, params: ofNobody }, world.tokens[actor]);
      const told = `${actor}: ${foreign.status} ${foreign.body.slice(0, 200)}`;
      expect([400, 403, 404], told).toContain(foreign.status);
      expect(foreign.status, told).toBe(missing.status);
      if (!('app' in params) && !('function' in params)) continue;
      expect(foreign.status, told).toBe(404);
      const name = String(swapped['app'] ?? swapped['function']);
      expect(json(foreign)['detail']).toBe(
        String(json(missing)['detail']).replaceAll('nobodys', name),
      );
    }
  });
});
