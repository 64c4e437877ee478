import type { Queryable } from '../../src/store/database.ts';

/** What grows by itself, or by being asked at all. */
const RUNNING = new Set(['audit_entries', 'idempotency_keys']);

/** How many rows each table has that only changes fill. */
export async function countRows(db: Queryable): Promise<Record<string, number>> {
  const { rows: tables } = await db.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  );
  const rows: Record<string, number> = {};
  for (const { name } of tables.filter((table) => !isRunning(table.name))) {
    // A change that does not build is shown as a deployment that failed.
    const kept = name === 'deployments' ? `WHERE state <> 'failed'` : '';
    const counting = `SELECT count(*) AS n FROM ${name} ${kept}`;
    const { rows: counted } = await db.query<{ n: string }>(counting);
    rows[name] = Number(counted[0]?.n);
  }
  return rows;
}

function isRunning(table: string): boolean {
  return RUNNING.has(table) || table.startsWith('log') || table.startsWith('metric');
}
