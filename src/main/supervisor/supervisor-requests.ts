/** What arrives over a process's channel is data until it was looked at: the sender parses strangers' bytes. */
import { CERTIFICATE_ID } from '../../protocol/certificates.ts';
import type { SupervisorRequest } from '../../protocol/supervisor.ts';
import type { SandboxKind } from './sandboxes/sandbox-limits.ts';

const DEPLOYMENT_ID = /^dep-[a-z2-7]{12}$/;
/** As model/app.ts has it. */
const APP_NAME = /^[a-z][a-z0-9-]{0,39}$/;
const BUNDLE = /^[0-9a-f]{64}$/;
const SLOT_ID = /^slot-[a-z2-7]{12}$/;

/**
 * The request, or null when it is not one that a correct process sends. How much memory it asks for is not judged
 * here: a correct process passes on what a function once asked for, and the operator's limit may be lower today.
 */
export function parseSupervisorRequest(message: unknown): SupervisorRequest | null {
  if (typeof message !== 'object' || message === null) return null;
  const fields = message as Record<string, unknown>;
  const { type, request, runtime, memoryMib, slot, deployment, bundle, app, certificate } = fields;
  const isMemory = isNatural(memoryMib);
  const isRequest = isNatural(request);
  switch (type) {
    case 'start-zygote':
      if (!isRequest || !isMemory || runtime !== 'nodejs') return null;
      return { type, request, runtime, memoryMib };
    case 'start-builder':
      return isRequest && isMemory ? { type, request, memoryMib } : null;
    case 'add-master-key':
    case 'retire-master-keys':
    case 'list-sandboxes':
      return isRequest ? { type, request } : null;
    case 'open-certificate':
      return isRequest && matches(certificate, CERTIFICATE_ID)
        ? { type, request, certificate }
        : null;
    case 'specialise':
      if (!matches(slot, SLOT_ID) || !matches(deployment, DEPLOYMENT_ID)) return null;
      if (!isOptional(bundle, BUNDLE) || (app !== undefined && !isAppName(app))) return null;
      return {
        type,
        slot,
        deployment,
        ...(bundle !== undefined && { bundle }),
        ...(app !== undefined && { app }),
      };
    case 'kill':
    case 'booted':
    case 'freeze':
    case 'thaw':
      return matches(slot, SLOT_ID) ? { type, slot } : null;
    default:
      return null;
  }
}

/** Data runs functions, control runs builds. */
export function mayAsk(kind: SandboxKind, request: SupervisorRequest): boolean {
  switch (request.type) {
    case 'start-zygote':
    case 'specialise':
    case 'booted':
    case 'freeze':
    case 'thaw':
    case 'open-certificate':
      return kind === 'zygote';
    case 'start-builder':
    case 'add-master-key':
    case 'retire-master-keys':
    case 'list-sandboxes':
      return kind === 'builder';
    case 'kill':
      return true;
    default:
      return request satisfies never;
  }
}

export type SlotRequest = Extract<SupervisorRequest, { type: 'kill' | 'freeze' | 'thaw' }>;
export type KeyRequest = Extract<
  SupervisorRequest,
  { type: 'add-master-key' | 'retire-master-keys' }
>;

export function isKeyRequest(request: SupervisorRequest): request is KeyRequest {
  return request.type === 'add-master-key' || request.type === 'retire-master-keys';
}

export function isSlotRequest(request: SupervisorRequest): request is SlotRequest {
  return request.type === 'kill' || request.type === 'freeze' || request.type === 'thaw';
}

export function isAppName(value: unknown): value is string {
  return matches(value, APP_NAME);
}

export function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isOptional(value: unknown, pattern: RegExp): value is string | undefined {
  return value === undefined || matches(value, pattern);
}

export function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value);
}
