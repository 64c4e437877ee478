import type { Sandbox } from '../../sandbox/index.ts';

const NORMAL_WEIGHT = 100;

/**
 * Divides an app's share of the processor among its sandboxes: an app with thirty busy workers gets as much as one with
 * a single worker when both want all of it (docs/decisions/0012).
 */
export class AppShares {
  readonly #apps = new Map<string, Set<Sandbox>>();

  /** Until it has ended. */
  join(app: string, sandbox: Sandbox): void {
    const sandboxes = this.#apps.get(app) ?? new Set();
    this.#apps.set(app, sandboxes.add(sandbox));
    divide(sandboxes);
    void sandbox.exited.then(() => this.#leave(app, sandbox));
  }

  #leave(app: string, sandbox: Sandbox): void {
    const sandboxes = this.#apps.get(app);
    sandboxes?.delete(sandbox);
    if (sandboxes?.size === 0) this.#apps.delete(app);
    else divide(sandboxes ?? new Set());
  }
}

function divide(sandboxes: ReadonlySet<Sandbox>): void {
  for (const sandbox of sandboxes) sandbox.setCpuWeight(NORMAL_WEIGHT / sandboxes.size);
}
