import type { App } from '../../protocol/control-client.generated.ts';
import { PlatformError } from '../../protocol/errors.ts';
import type { ControlClient } from './control-client.ts';

/** Null for a name that has no app yet. @throws PlatformError bad-request for a name that no app can have */
export async function findApp(client: ControlClient, appName: string): Promise<App | null> {
  try {
    return await client.call('getApp', { params: { app: appName } });
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'not-found') return null;
    throw error;
  }
}
