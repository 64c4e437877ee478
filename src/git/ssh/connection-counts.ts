import type { ConnectionLimits, SshLimits } from '../limits.ts';

/** One connection among those that there are. */
export interface CountedConnection {
  /** Has shown who it is. */
  known(): void;
  leave(): void;
}

/** How many there are, overall and from each network; those who have shown nothing yet have fewer places. */
export class ConnectionCounts {
  readonly #all: Count;
  readonly #strangers: Count;

  constructor(limits: Pick<SshLimits, 'connections' | 'strangers'>) {
    this.#all = new Count(limits.connections);
    this.#strangers = new Count(limits.strangers);
  }

  /** Null where there is no place. */
  enter(network: string): CountedConnection | null {
    if (!this.#all.hasRoom(network) || !this.#strangers.hasRoom(network)) return null;
    const leaveAll = this.#all.add(network);
    const known = this.#strangers.add(network);
    return {
      known,
      leave() {
        known();
        leaveAll();
      },
    };
  }
}

class Count {
  readonly #limits: ConnectionLimits;
  readonly #byNetwork = new Map<string, number>();
  #overall = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  hasRoom(network: string): boolean {
    const here = this.#byNetwork.get(network) ?? 0;
    return this.#overall < this.#limits.overall && here < this.#limits.perNetwork;
  }

  /** Returns what takes it away again, once. */
  add(network: string): () => void {
    this.#change(network, 1);
    let isCounted = true;
    return () => {
      if (isCounted) this.#change(network, -1);
      isCounted = false;
    };
  }

  #change(network: string, by: number): void {
    this.#overall += by;
    const left = (this.#byNetwork.get(network) ?? 0) + by;
    if (left > 0) this.#byNetwork.set(network, left);
    else this.#byNetwork.delete(network);
  }
}
