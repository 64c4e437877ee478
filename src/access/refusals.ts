import { appNameProblem } from '../model/app.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { TokenRow } from '../store/tokens.ts';
import { roleFor, RULES, type Action, type Principal } from './can.ts';

/** Only who holds the token itself learns what became of it. @throws PlatformError unauthenticated */
export function refuseEnded({ name, revokedAt, expiresAt }: TokenRow, nowMs: number): void {
  if (revokedAt !== null) throw notValid(`the token "${name}" was revoked ${dayOf(revokedAt)}`);
  if (expiresAt !== null && expiresAt.getTime() <= nowMs) {
    throw notValid(`the token "${name}" expired ${dayOf(expiresAt)}`);
  }
}

export function notValid(message: string): PlatformError {
  return new PlatformError('unauthenticated', message, {
    hint: 'run: fn login URL with a valid token; an admin makes one with: fn tokens create NAME',
  });
}

/** The same for one that does not exist and for one that must not be known of. */
export function unknownApp(name: string): PlatformError {
  const problem = appNameProblem(name);
  if (problem !== null) {
    return new PlatformError('bad-request', `there is no app "${name}": ${problem}`, {
      hint: 'choose another name; fn apps lists those that this token can see',
    });
  }
  return new PlatformError('not-found', `there is no app "${name}" that this token can see`, {
    hint: 'check the name: fn apps lists those that it can see; the first push makes one: git push fn main',
  });
}

/** The same for one that does not exist and for one that must not be known of. */
export function unknownToken(id: string): PlatformError {
  return new PlatformError('not-found', `there is no token ${id} that this token can see`, {
    hint: 'fn tokens list shows those that it can see',
  });
}

/** `appId` is null for what touches no app. */
export function notAllowed(
  actor: Principal & { tokenName: string },
  action: Action,
  appId: string | null,
): PlatformError {
  const { does, role: needed } = RULES[action];
  const token = `the token "${actor.tokenName}"`;
  const role = roleFor(actor, appId);
  if (actor.kind === 'service') {
    return forbidden(`${token} is a service token that may not ${does}`, 'use another token');
  }
  if (actor.kind === 'ci' && !('ci' in RULES[action])) {
    const message = `${token} is a CI token, and those may not ${does}`;
    return forbidden(message, "use a person's token: fn login URL");
  }
  if (role === null) {
    const message = `${token} is confined to some apps and may not ${does}`;
    const hint = `use a token that is not confined: fn tokens create NAME --role ${needed}`;
    return forbidden(message, hint);
  }
  const message = `${token} has the role ${role}, which may not ${does}`;
  const hint = `ask an admin for a token with another role: fn tokens create NAME --role ${needed}`;
  return forbidden(message, hint);
}

function forbidden(message: string, hint: string): PlatformError {
  return new PlatformError('forbidden', message, { hint });
}

function dayOf(time: Date): string {
  return `on ${time.toISOString().slice(0, 10)}`;
}
