/** Whether somebody may see a private host. Everything that it needs is in the snapshot. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ShareTarget, SnapshotApp } from '../../protocol/snapshot.ts';

export interface Lock {
  /** When the link of this secret ends, in milliseconds since the Unix epoch; null when it opens nothing here, or no more. */
  opensUntil(secret: string, nowMs: number): number | null;
}

/** For what is not there, which must look like what is. */
export const CLOSED: Lock = { opensUntil: () => null };

/** The lock of one host of an app; null where anybody may come. An app that does not say is private. */
export function lockOf({ access }: SnapshotApp, target: ShareTarget): Lock | null {
  const level = target.kind === 'production' ? access?.production : access?.previews;
  if (level === 'public') return null;
  const links = (access?.links ?? [])
    .filter(({ kind, target: name }) => kind === target.kind && name === target.target)
    .map(({ hash, expiresAtMs }) => ({ hash: Buffer.from(hash, 'hex'), expiresAtMs }));
  return {
    opensUntil: (secret, nowMs) => {
      const hash = createHash('sha256').update(secret).digest();
      let until: number | null = null;
      // All of them, so that the time it takes says nothing of which it was.
      for (const link of links) {
        if (timingSafeEqual(hash, link.hash) && link.expiresAtMs > nowMs) until = link.expiresAtMs;
      }
      return until;
    },
  };
}

/** The same for a host that names nothing: with what there is of the kind. */
export function lockOfUnknown(app: SnapshotApp): Lock | null {
  return app.access?.previews === 'public' ? null : CLOSED;
}
