/**
 * What a pusher reads beside git's own answer (gitprotocol-pack, "Packfile Data"): one byte in front says where a
 * packet's bytes go. git shows the text of an HTTP error only for the first request of a push, the one for the refs;
 * from then on words reach its user in a band alone.
 */
import type { Channel } from './channel.ts';
import { encodePacket } from './packet-line.ts';
import type { Refusal } from './refusal.ts';

/** The capability of clients that read bands. */
export const SIDE_BAND = 'side-band-64k';
/** One byte less for the band's number. */
const MAX_BAND_BYTES = 65_515;
const BANDS = { report: 1, progress: 2, fatal: 3 } as const;

export function inBand(band: keyof typeof BANDS, bytes: Buffer): Buffer {
  const packets: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += MAX_BAND_BYTES) {
    const part = bytes.subarray(at, at + MAX_BAND_BYTES);
    packets.push(encodePacket(Buffer.concat([Buffer.from([BANDS[band]]), part])));
  }
  return Buffer.concat(packets);
}

/** A refusal as the whole answer to a push, in the place of a report: its client fails, and shows the words. */
export function refusalInBand(refusal: Refusal): Buffer {
  return inBand('fatal', Buffer.from(refusalText(refusal)));
}

/** The mark of what is wrong with a push stands before those words alone that the same push would meet again. */
export function refusalText({ message, headers }: Refusal): string {
  const isTransient = headers['retry-after'] !== undefined;
  const [first, ...rest] = message.split('\n');
  const lines = isTransient
    ? [first, ...rest, 'Nothing was changed; try again in a moment.']
    : [` !     ${first}`, ...rest.map((line) => `       ${line}`)];
  return `${lines.join('\n')}\n`;
}

/**
 * Told how large a push's body is, says once that it is larger than may be. git, which gives up at the same number of
 * bytes, says neither how many nor what to do. The words leave before git has those bytes, so that nothing of its
 * answer stands before them.
 */
export function announceLargePack(
  channel: Pick<Channel, 'answer' | 'hasBegun'>,
  { maxPackBytes, headBytes }: { maxPackBytes: number; headBytes: number },
): (receivedBytes: number) => void {
  return (receivedBytes) => {
    if (receivedBytes <= headBytes + maxPackBytes || channel.hasBegun) return;
    const lines = [
      ` !     The push is larger than ${maxPackBytes / 1024 ** 2} MiB, packed, which is what this server takes.`,
      '       Find what is large: git rev-list --objects --disk-usage=human HEAD',
      '       Push a long history in parts: git push REMOTE OLDER_COMMIT:refs/heads/BRANCH',
    ];
    channel.answer.write(inBand('progress', Buffer.from(`${lines.join('\n')}\n`)));
  };
}
