/** What a stream yields until it ends or `ending` is aborted, also while it is waited for. */
export async function* untilEnded<T>(
  stream: AsyncGenerator<T>,
  ending: AbortSignal,
): AsyncGenerator<T> {
  const ended = Promise.withResolvers<{ done: true; value: undefined }>();
  ending.addEventListener('abort', () => ended.resolve({ done: true, value: undefined }), {
    once: true,
  });
  try {
    while (!ending.aborted) {
      const next = await Promise.race([stream.next(), ended.promise]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // It may be waiting: it is not waited for.
    void stream.return(undefined);
  }
}
