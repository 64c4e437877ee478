/**
 * The door of the git front: nothing reaches the engine before it has passed here.
 *
 *     target → peer → token → control's authorize → a place → body (inflated, capped) → its head → engine
 *
 * Each step throws a Refusal that becomes the answer. Names are control's: the guard turns an app's name into the
 * id under which its repository stands.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PublicAddress } from '../model/address.ts';
import type { Principal } from '../protocol/git-front.ts';
import { isPrivateConnection, peerAddress, privateConnectionHint } from '../protocol/peer.ts';
import { readToken } from './credentials.ts';
import type { ControlPort } from './ports.ts';
import { Refusal } from './refusal.ts';
import { parseTarget, type Target } from './target.ts';

/** A request that was let in. */
export interface AdmittedRequest {
  request: IncomingMessage;
  response: ServerResponse;
  target: Target;
  token: string;
  /** The client's address. */
  from: string;
  principal: Principal;
  /** Null when the app does not exist and this token may create it by pushing. */
  appId: string | null;
}

/** What it stands on. */
export interface Guard {
  control: ControlPort;
  address: PublicAddress;
}

/** @throws Refusal, or control's PlatformError */
export async function admit(
  { control, address }: Guard,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<AdmittedRequest> {
  const target = parseTarget(request.method, request.url);
  if (!isPrivateConnection(request.headers)) throw new Refusal(403, notPrivateText(address));
  const token = readToken(request.headers.authorization);
  const from = peerAddress(request.headers);
  const action = target.service === 'receive-pack' ? 'push' : 'read';
  const { principal, app } = await control('authorize', {
    token,
    appName: target.appName,
    action,
    from,
  });
  if (app === null && action === 'read') throw new Refusal(404, `no app "${target.appName}"`);
  return { request, response, target, token, from, principal, appId: app?.id ?? null };
}

function notPrivateText(address: PublicAddress): string {
  return [
    'tokens are not accepted over plain http: anyone on the way could read them.',
    privateConnectionHint(address),
  ].join('\n');
}
