/**
 * Gives back to the machine what requests have left on V8's heap, once no more come: V8 collects when somebody allocates,
 * which in an idle process nobody does. A worker that had grown to 28 MB keeps 15 of them.
 */
import vm from 'node:vm';

/** Without a request for so long. A collection takes some ms, which no request shall wait for. */
const IDLE_MS = 5_000;
/** Less is not worth one. */
const MIN_GROWTH_BYTES = 2 * 1024 * 1024;

interface Heap {
  /** What it has of the machine, in use or not. */
  totalBytes(): number;
  collect(): void;
}

/** What it returns is to be called when a request has ended. */
export function createIdleCollection(heap: Heap): () => void {
  let ended = 0;
  let seen = 0;
  let smallest = heap.totalBytes();
  let isLooking = false;

  function look(): void {
    isLooking = false;
    if (ended !== seen) return lookLater();
    if (heap.totalBytes() - smallest < MIN_GROWTH_BYTES) return;
    heap.collect();
    smallest = heap.totalBytes();
  }

  function lookLater(): void {
    seen = ended;
    isLooking = true;
    setTimeout(look, IDLE_MS).unref();
  }

  return () => {
    ended += 1;
    if (!isLooking) lookLater();
  };
}

type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

export const ownHeap: Heap = {
  totalBytes: () => process.memoryUsage().heapTotal,
  // The last resort is the one that shrinks the space for young objects, too.
  collect: () => openCollector()({ type: 'major', execution: 'sync', flavor: 'last-resort' }),
};

/** For a rehearsal, which leaves nothing to collect. */
export const NO_HEAP: Heap = { totalBytes: () => 0, collect: () => {} };

/** V8 shows it to new contexts alone, and as long as it is told to: the function's own never has it. */
function openCollector(): Collect {
  const v8 = process.getBuiltinModule('node:v8');
  v8.setFlagsFromString('--expose-gc');
  try {
    return vm.runInNewContext('gc') as Collect;
  } finally {
    v8.setFlagsFromString('--no-expose-gc');
  }
}
