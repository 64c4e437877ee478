import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { PlatformError } from '../../../protocol/errors.ts';
import type { CommandContext } from '../../command-context.ts';
import type { ControlClient } from '../../server/control-client.ts';

/** Shows a code, and waits until somebody lets this machine in with it. @throws PlatformError */
export async function loginByDevice(ctx: CommandContext, client: ControlClient): Promise<string> {
  const body = { host_name: hostname() };
  const begun = await client.call('beginDeviceLogin', { body });
  ctx.output.aside(`-----> Code: ${begun.user_code}`);
  ctx.output.aside('       To let this machine in, somebody who may make tokens runs:');
  ctx.output.aside(`       ${begun.verification}`);
  ctx.output.aside(`       Waiting for ${Math.round(begun.expires_in / 60)} minutes…`);
  ctx.output.waitFor('somebody to approve the code');
  for (let { interval } = begun; ;) {
    await wait(interval * 1000);
    const asked = { device_code: begun.device_code };
    const polled = await client.call('pollDeviceLogin', { body: asked });
    if (polled.token !== undefined) {
      ctx.output.waitFor('the server');
      return polled.token;
    }
    if (polled.interval === undefined) throw refused(polled.state, client.server);
    interval = polled.interval;
  }
}

function refused(state: string, server: string): PlatformError {
  const what = state === 'denied' ? 'nobody lets this machine in' : 'the code has expired';
  return new PlatformError('unauthenticated', `not logged in: ${what}`, {
    hint: `ask whoever administers ${server}, and again: fn login ${server} --device`,
  });
}
