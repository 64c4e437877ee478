/** A door whose functions are played by the test: it says what a worker says, also what none should say. */
import type { Invocation, InvocationFailure, InvocationLink } from '../../src/pool/ports.ts';
import { eventually } from './eventually.ts';
import { startHelloDoor } from './hello-door.ts';

/** What the exchange asked of its worker, in order. */
export class RecordingLink implements InvocationLink {
  readonly peakMemoryKib = 0;
  readonly calls: string[] = [];
  received = Buffer.alloc(0);

  sendBody(_stream: number, chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
  }

  endBody(): void {
    this.calls.push('end of body');
  }

  credit(): void {}

  cancel(): void {
    this.calls.push('cancel');
  }

  breach(reason: string): void {
    this.calls.push(`breach: ${reason}`);
  }
}

export async function startScriptedFunctions(maxBodyBytes = 10 * 1024 * 1024) {
  const waiting: Invocation[] = [];
  const withdrawn: Invocation[] = [];
  const failures: InvocationFailure[] = [];
  const dispatcher = {
    dispatch: (invocation: Invocation) => void waiting.push(invocation),
    withdraw: (invocation: Invocation) => void withdrawn.push(invocation),
  };
  const { door, port } = await startHelloDoor({
    functionPool: () => dispatcher,
    invocations: {
      ended: (_target, { failure }) => {
        if (failure !== null) failures.push(failure);
      },
    },
    served: { maxBodyBytes },
  });

  return {
    port,
    door,
    failures,
    withdrawn,
    /** Requests that nobody has taken yet. */
    get waitingCount() {
      return waiting.length;
    },
    /** The oldest request that nobody has taken yet. */
    async next(): Promise<Invocation> {
      await eventually(() => waiting.length > 0);
      const invocation = waiting.shift();
      if (invocation === undefined) throw new Error('nothing waits');
      return invocation;
    },
    /** The same, with a worker that has begun it. */
    async begun(): Promise<{ invocation: Invocation; link: RecordingLink }> {
      const invocation = await this.next();
      const link = new RecordingLink();
      invocation.begun(link, 1, null);
      return { invocation, link };
    },
  };
}
