/** Every namespace that a platform's processes were ever seen in, to find whoever is still there without it. */
import { readdirSync, readlinkSync } from 'node:fs';
import { descendantsOf } from '../support/processes.ts';

const KINDS = ['mnt', 'net', 'pid', 'user'];

export class Census {
  readonly #supervisor: number;
  /** Other processes had them when this began. */
  readonly #foreign: Set<string>;
  readonly #own = new Set<string>();

  constructor(supervisor: number) {
    this.#supervisor = supervisor;
    const own = this.#pids();
    this.#foreign = new Set(
      everybody()
        .filter((pid) => !own.has(pid))
        .flatMap(namespacesOf),
    );
    this.note();
  }

  /** How many namespaces were seen so far. */
  get size(): number {
    return this.#own.size;
  }

  note(): void {
    for (const name of [...this.#pids()].flatMap(namespacesOf)) {
      if (!this.#foreign.has(name)) this.#own.add(name);
    }
  }

  /** Processes in a namespace of the platform's that it is no parent of. */
  strays(): number[] {
    const own = this.#pids();
    return everybody().filter(
      (pid) => !own.has(pid) && namespacesOf(pid).some((name) => this.#own.has(name)),
    );
  }

  #pids(): Set<number> {
    return new Set([this.#supervisor, ...descendantsOf(this.#supervisor).map(({ pid }) => pid)]);
  }
}

function everybody(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function namespacesOf(pid: number): string[] {
  try {
    return KINDS.map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
  } catch {
    return []; // It has ended, or is not ours to look into.
  }
}
