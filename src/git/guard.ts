/**
 * The door of the git front for HTTP (ssh/ has that for SSH): nothing reaches the engine before it has passed here.
 *
 *     target → peer → token → control's authorize → a place → body (inflated, capped) → its head → engine
 *
 * Each step throws a Refusal that becomes the answer. Names are control's: the guard turns an app's name into the
 * id under which its repository stands.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PublicAddress } from '../model/address.ts';
import type { Credential, Principal } from '../protocol/git-front.ts';
import { isPrivateConnection, peerAddress, privateConnectionHint } from '../protocol/peer.ts';
import type { Channel } from './channel.ts';
import { readToken } from './credentials.ts';
import { createHttpChannel } from './http-channel.ts';
import type { ControlPort } from './ports.ts';
import { Refusal } from './refusal.ts';
import { parseTarget, type Target } from './target.ts';

/** Somebody who was let in, with what they ask for. */
export interface AdmittedRequest {
  channel: Channel;
  target: Target;
  credential: Credential;
  /** The client's address. */
  from: string;
  principal: Principal;
  /** Null when the app does not exist and whoever asks may create it by pushing. */
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
  const allowed = await authorize(control, { credential: { token }, target, from });
  return { ...allowed, channel: createHttpChannel(request, response) };
}

/** What control says of it. @throws Refusal, or control's PlatformError */
export async function authorize(
  control: ControlPort,
  asked: Pick<AdmittedRequest, 'credential' | 'target' | 'from'>,
): Promise<Omit<AdmittedRequest, 'channel'>> {
  const { credential, target, from } = asked;
  const { appName } = target;
  const action = target.service === 'receive-pack' ? 'push' : 'read';
  const { principal, app } = await control('authorize', { ...credential, appName, action, from });
  if (app === null && action === 'read') throw new Refusal(404, `no app "${appName}"`);
  return { ...asked, principal, appId: app?.id ?? null };
}

function notPrivateText(address: PublicAddress): string {
  return [
    'tokens are not accepted over plain http: anyone on the way could read them.',
    privateConnectionHint(address),
  ].join('\n');
}
