import { assert } from '../std/assert.ts';

/**
 * A deployment is one bundle made reachable: what a push of a commit, or a rollback, produces. This file holds
 * its vocabulary and its state machine; the database CHECK in migrations/ lists the same words.
 */

/** What a deployment answers for. Only `production` runs with the production environment. */
export const DEPLOYMENT_KINDS = ['production', 'branch', 'tag', 'commit'] as const;
export type DeploymentKind = (typeof DEPLOYMENT_KINDS)[number];

/**
 * queued → building → warming → live → draining → retired, or failed from any state before live.
 * `warming` is also where a built deployment waits for its push to be accepted: it is reserved, not yet live.
 */
export const DEPLOYMENT_STATES = [
  'queued',
  'building',
  'warming',
  'live',
  'draining',
  'retired',
  'failed',
] as const;
export type DeploymentState = (typeof DEPLOYMENT_STATES)[number];

export type DeploymentEvent =
  | 'build-started'
  | 'built'
  | 'released'
  | 'replaced'
  | 'drained'
  | 'failed';

/** The state after `event`, or null when the event makes no sense in `state`. */
export function nextDeploymentState(
  state: DeploymentState,
  event: DeploymentEvent,
): DeploymentState | null {
  switch (state) {
    case 'queued':
      // A bundle that is stored already skips the build.
      if (event === 'build-started') return 'building';
      if (event === 'built') return 'warming';
      return event === 'failed' ? 'failed' : null;
    case 'building':
      if (event === 'built') return 'warming';
      return event === 'failed' ? 'failed' : null;
    case 'warming':
      if (event === 'released') return 'live';
      return event === 'failed' ? 'failed' : null;
    case 'live':
      return event === 'replaced' ? 'draining' : null;
    case 'draining':
      return event === 'drained' ? 'retired' : null;
    case 'retired':
    case 'failed':
      return null;
    default:
      return state satisfies never;
  }
}

/** Where an event leads, and from which states; every event leads to one state. */
export function transitionOf(event: DeploymentEvent): {
  from: DeploymentState[];
  to: DeploymentState;
} {
  const from = DEPLOYMENT_STATES.filter((state) => nextDeploymentState(state, event) !== null);
  const [first] = from;
  const to = first === undefined ? null : nextDeploymentState(first, event);
  assert(to !== null, `the event ${event} leads somewhere`);
  return { from, to };
}
