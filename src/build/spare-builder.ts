import type { BuilderProcess, StartBuilder } from './ports.ts';

/** One builder, booted before it is needed: a sandboxed Node takes longer to boot than a small build lasts. */
export interface SpareBuilder {
  /** Boots the spare unless there is one. A failure is left for `take`, which tries again and reports it. */
  prepare(): void;
  /** The spare, or a builder that is booted now. The caller kills it. */
  take(): Promise<BuilderProcess>;
  /** Ends the spare; builders that were taken are their takers'. */
  close(): Promise<void>;
}

export function createSpareBuilder(startBuilder: StartBuilder): SpareBuilder {
  let spare: Promise<BuilderProcess | null> | null = null;
  let isClosed = false;

  /** A spare that ends by itself is forgotten, and the next build boots one. */
  async function forgetWhenEnded(booting: Promise<BuilderProcess | null>): Promise<void> {
    const builder = await booting;
    await builder?.exited;
    if (spare === booting) spare = null;
  }

  return {
    prepare() {
      if (spare !== null || isClosed) return;
      const booting = startBuilder().catch(() => null);
      spare = booting;
      void forgetWhenEnded(booting);
    },
    async take() {
      const ready = spare;
      spare = null;
      return (await ready) ?? startBuilder();
    },
    async close() {
      isClosed = true;
      const ready = spare;
      spare = null;
      (await ready)?.kill();
    },
  };
}
