/** An engine in a process of its own, which a test ends as it likes: it is told all of it as JSON in its first argument. */
import { openDatabase } from '../../src/store/database.ts';
import { openEngine } from './open-engine.ts';
import type { Pebble } from './pebble.ts';

export interface EngineProgramSettings {
  databaseUrl: string;
  /** In hexadecimal. */
  masterKey: string;
  directory: string;
  roots: string;
  name: string;
}

const settings = JSON.parse(process.argv[2] ?? '') as EngineProgramSettings;
const { name, roots, directory } = settings;
const engine = await openEngine({
  db: openDatabase(settings.databaseUrl, () => {}),
  masterKey: Buffer.from(settings.masterKey, 'hex'),
  pebble: { roots, directory } as Pebble,
  responder: {
    index: { generation: 0, certificates: [], challenges: [] },
    applied: [],
    close() {},
  },
  wanted: [{ names: [name], appId: null }],
  writeIndex: async (index) => void process.send?.(index),
});
process.on('disconnect', () => process.exit());
engine.start();
