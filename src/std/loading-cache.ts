/**
 * What was asked for last, up to a total weight; the least recently used goes first. What is asked for while it is
 * being read is read once. A reading that fails is not remembered. For values that never change under their key.
 */
export class LoadingCache<Value extends {}> {
  readonly #maxWeight: number;
  readonly #weigh: (value: Value) => number;
  /** Least recently used first. */
  readonly #kept = new Map<string, Value>();
  readonly #loading = new Map<string, Promise<Value>>();
  #weight = 0;

  constructor(maxWeight: number, weigh: (value: Value) => number) {
    this.#maxWeight = maxWeight;
    this.#weigh = weigh;
  }

  /** Undefined when it has to be loaded. */
  kept(key: string): Value | undefined {
    const value = this.#kept.get(key);
    if (value === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, value);
    return value;
  }

  /** The kept value, or what `read` gives. Rejects as `read` does. */
  async load(key: string, read: () => Promise<Value>): Promise<Value> {
    const known = this.kept(key) ?? this.#loading.get(key);
    if (known !== undefined) return known;
    const loading = read();
    this.#loading.set(key, loading);
    try {
      const value = await loading;
      this.#keep(key, value);
      return value;
    } finally {
      this.#loading.delete(key);
    }
  }

  /** One that is heavier than all may be together is not kept. */
  #keep(key: string, value: Value): void {
    const weight = this.#weigh(value);
    if (weight > this.#maxWeight) return;
    this.#kept.set(key, value);
    this.#weight += weight;
    for (const [oldest, one] of this.#kept) {
      if (this.#weight <= this.#maxWeight) break;
      this.#kept.delete(oldest);
      this.#weight -= this.#weigh(one);
    }
  }
}
