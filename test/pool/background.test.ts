import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';

const FUNCTION = `export default { fetch(request, env, ctx) {
  ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 1_000)).then(() => console.log('done later')));
  return new Response('at once');
} }`;

it('a replaced worker stays for what it was asked to wait for, however short its drain is', async () => {
  const data = await startDataPlane({ pool: { drainMs: 50 } });
  try {
    await data.deploy(FUNCTION);
    expect(await ask(data, 'hello')).toMatchObject({ status: 200, body: 'at once' });
    await data.deploy(`export default () => new Response('the next one')`);
    await eventually(() => data.lines.some(({ text }) => text === 'done later'));
  } finally {
    await data.close();
  }
});
