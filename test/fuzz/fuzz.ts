import fc from 'fast-check';

/** Seconds that each property gets: `npm run fuzz` says so; without it a few hundred runs are enough. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 0);
const SHORT_RUNS = 200;
/** The same one begins with the same values, so that what a round found is found again. */
const SEED = process.env['FUZZ_SEED'];

/** Long enough for the property of the test that has it, and for its shrinking. */
export const FUZZ_TIMEOUT_MS = (SECONDS + 60) * 1000;

/** How long to look for a counter-example. A failure prints its seed and path, which find it again. */
export function effort<T>(shortRuns: number = SHORT_RUNS): fc.Parameters<T> {
  const seed = SEED === undefined ? {} : { seed: Number(SEED) };
  if (SECONDS === 0) return { numRuns: shortRuns, ...seed };
  return {
    ...seed,
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: SECONDS * 1000,
    markInterruptAsFailure: false,
  };
}

/** Bytes that are nothing, or nearly something: a valid text with a few bytes changed, cut off, or doubled. */
export function nearly(valid: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  const damaged = fc.tuple(valid, changes, fc.option(fc.nat())).map(([whole, edits, cut]) => {
    const copy = Buffer.from(whole);
    for (const [at, value] of edits) if (copy.length > 0) copy[at % copy.length] = value;
    return cut === null ? copy : copy.subarray(0, cut % (copy.length + 1));
  });
  return fc.oneof(damaged, bytes());
}

export function bytes(maxLength: number = 300): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength }).map((values) => Buffer.from(values));
}
