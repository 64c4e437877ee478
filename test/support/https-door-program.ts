/** A door in a process of its own, so that what it takes can be told from what its clients take: tells its port, then its memory when asked. */
import { makeCertificate } from './certificates.ts';
import { startHttpsDoor } from './https-door.ts';

const { httpsPort } = await startHttpsDoor({ certificates: [makeCertificate('a', ['*.fn.test'])] });
process.on('message', () => {
  globalThis.gc?.();
  process.send?.(process.memoryUsage().rss);
});
process.on('disconnect', () => process.exit());
process.send?.(httpsPort);
