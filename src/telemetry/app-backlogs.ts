/**
 * Of one app, in memory and on disk together: an app that prints all it may while control is away would else have the
 * others' entries dropped.
 */
const MAX_APP_BYTES = 8 * 1024 * 1024;

/** What waits of each app. */
export class AppBacklogs {
  readonly #bytes = new Map<string, number>();
  readonly #maxBytes: number;

  constructor(processes: number) {
    this.#maxBytes = MAX_APP_BYTES / processes;
  }

  /** False when that would be more than one app may have waiting. */
  add(appName: string, bytes: number): boolean {
    const sum = (this.#bytes.get(appName) ?? 0) + bytes;
    if (sum > this.#maxBytes) return false;
    this.#bytes.set(appName, sum);
    return true;
  }

  /** It has been sent, or lost. */
  remove(appName: string, bytes: number): void {
    const left = (this.#bytes.get(appName) ?? 0) - bytes;
    if (left > 0) this.#bytes.set(appName, left);
    else this.#bytes.delete(appName);
  }
}
