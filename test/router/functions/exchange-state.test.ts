import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  nextState,
  type ExchangeEvent,
  type ExchangeState,
} from '../../../src/router/functions/exchange-state.ts';

const STATES: ExchangeState[] = ['queued', 'begun', 'headed', 'over'];
const EVENTS: ExchangeEvent[] = [
  'begun',
  'refused',
  'replied',
  'headed',
  'body',
  'ended',
  'failed',
];

describe('the states of an exchange', () => {
  it.each<[ExchangeState, Partial<Record<ExchangeEvent, ExchangeState>>]>([
    ['queued', { begun: 'begun', failed: 'over' }],
    ['begun', { refused: 'queued', replied: 'over', headed: 'headed', failed: 'over' }],
    ['headed', { body: 'headed', ended: 'over', failed: 'over' }],
  ])('lead from %s only where the protocol says', (state, allowed) => {
    for (const event of EVENTS) {
      expect([event, nextState(state, event)]).toEqual([event, allowed[event] ?? 'breach']);
    }
  });

  it('never lead out of over', () => {
    fc.assert(
      fc.property(fc.constantFrom(...EVENTS), (event) => nextState('over', event) === 'over'),
    );
  });

  it('have one end only in every run', () => {
    fc.assert(
      fc.property(fc.constantFrom(...STATES), fc.array(fc.constantFrom(...EVENTS)), (from, run) => {
        let state: ExchangeState | 'breach' = from;
        let ends = 0;
        for (const event of run) {
          if (state === 'breach') break;
          const next: ExchangeState | 'breach' = nextState(state, event);
          if (state !== 'over' && next === 'over') ends++;
          state = next;
        }
        return ends <= 1;
      }),
    );
  });
});
