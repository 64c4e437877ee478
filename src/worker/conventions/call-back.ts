/** Outside of the promise, so that what a callback throws is an error that nothing caught, as ever. */
export function callBack<Value>(
  promise: Promise<Value>,
  { found, failed }: { found: (value: Value) => void; failed: (error: Error) => void },
): void {
  promise.then(
    (value) => process.nextTick(found, value),
    (error: Error) => process.nextTick(failed, error),
  );
}
