/** A query has one name and few options; what is longer is none that a resolver sends. */
export const MAX_QUERY_BYTES = 1_024;
const LENGTH_BYTES = 2;

/** Cuts a TCP stream into DNS messages (RFC 1035 section 4.2.2); the reader answers false for what is too long. */
export function createQueryReader(
  onMessage: (message: Buffer) => void,
): (chunk: Buffer) => boolean {
  let waiting = Buffer.alloc(0);
  return (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= LENGTH_BYTES) {
      const length = waiting.readUInt16BE(0);
      if (length > MAX_QUERY_BYTES) return false;
      if (waiting.length < LENGTH_BYTES + length) break;
      onMessage(waiting.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
      waiting = waiting.subarray(LENGTH_BYTES + length);
    }
    return true;
  };
}

/** A message as it goes over TCP. */
export function withLength(message: Buffer): Buffer {
  const head = Buffer.alloc(LENGTH_BYTES);
  head.writeUInt16BE(message.length, 0);
  return Buffer.concat([head, message]);
}
