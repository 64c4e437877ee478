/**
 * Where the exchange of one request is, and what its worker may say there:
 *
 *     queued ──begun──▶ begun ──headed──▶ headed ──body──▶ headed
 *       ▲                │ │                 │
 *       └────refused─────┘ └─replied, failed─┴─ended, failed──▶ over
 *
 * All else that a worker says breaks the protocol. Nothing leads out of `over`.
 */
export type ExchangeState = 'queued' | 'begun' | 'headed' | 'over';

export type ExchangeEvent =
  | 'begun'
  | 'refused'
  | 'replied'
  | 'headed'
  | 'body'
  | 'ended'
  | 'failed';

/** What comes of an event; `breach` when it has no place in this state. */
export function nextState(state: ExchangeState, event: ExchangeEvent): ExchangeState | 'breach' {
  if (state === 'over' || event === 'failed') return 'over';
  switch (event) {
    case 'begun':
      return state === 'queued' ? 'begun' : 'breach';
    case 'refused':
      return state === 'begun' ? 'queued' : 'breach';
    case 'replied':
      return state === 'begun' ? 'over' : 'breach';
    case 'headed':
      return state === 'begun' ? 'headed' : 'breach';
    case 'body':
      return state === 'headed' ? 'headed' : 'breach';
    case 'ended':
      return state === 'headed' ? 'over' : 'breach';
    default:
      return event satisfies never;
  }
}
