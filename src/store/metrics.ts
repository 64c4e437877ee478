import { FIGURES, type Figure, type Figures, HIGHEST } from '../protocol/metrics.ts';
import { QuantileSketch } from '../std/quantile-sketch.ts';
import type { Database, Queryable } from './database.ts';

/** What was counted of a function, with its sketches of milliseconds. */
export interface FunctionMetrics {
  figures: Figures;
  durations: QuantileSketch;
  coldStarts: QuantileSketch;
}

/** What a function of a deployment has had since the batch before. */
export interface NewMetrics extends FunctionMetrics {
  deployment: string;
  functionName: string;
}

interface Key {
  appId: string;
  functionName: string;
  /** ALL_DEPLOYMENTS for all of them together. */
  deployment: string;
}

/** Named otherwise than the figures, one of which is `coldStarts`. */
interface Sketches {
  durationSketch: Buffer;
  coldStartSketch: Buffer;
}

type Row = Record<Figure, string | number> & Sketches;

/** In the place of a deployment's id. */
const ALL_DEPLOYMENTS = '';
/** Sources that were not heard of for so long are data processes that ended. */
const SOURCE_DAYS = 30;
const KEYS = 'app_id, function_name, deployment_id';
const COLUMN_OF = Object.fromEntries(FIGURES.map((name) => [name, columnOf(name)])) as Record<
  Figure,
  string
>;
const FIGURE_COLUMNS = FIGURES.map((name) => COLUMN_OF[name]);
const SELECTED_SKETCHES =
  'm.durations AS "durationSketch", m.cold_start_durations AS "coldStartSketch"';
const SELECTED_FIGURES = FIGURES.map((name) => `m.${COLUMN_OF[name]} AS "${name}"`).join(', ');
const ADDED = FIGURES.map((name) => addition(name)).join(', ');
const UPSERT = `INSERT INTO function_metrics
    (${KEYS}, ${FIGURE_COLUMNS.join(', ')}, durations, cold_start_durations)
  SELECT ${KEYS}, ${FIGURE_COLUMNS.join(', ')}, decode(durations, 'hex'), decode(cold_start_durations, 'hex')
  FROM json_to_recordset($1) AS n (app_id text, function_name text, deployment_id text,
    ${FIGURE_COLUMNS.map((column) => `${column} float8`).join(', ')}, durations text, cold_start_durations text)
  ON CONFLICT (${KEYS}) DO UPDATE SET ${ADDED}, durations = EXCLUDED.durations,
    cold_start_durations = EXCLUDED.cold_start_durations, updated_at = now()`;

/**
 * Adds a batch to what there is, in one transaction; false when that was done already. Batches of a source come in their
 * order, so the last number of each is enough to know. What is of no deployment that there is, is left out.
 */
export async function addMetrics(
  db: Database,
  { source, sequence }: { source: string; sequence: number },
  added: readonly NewMetrics[],
): Promise<boolean> {
  return db.transaction(async (tx) => {
    // Sketches are read, merged and written: two of these at once would lose what one of them adds.
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('function metrics', 0))`);
    if (!(await noteBatch(tx, source, sequence))) return false;
    const totals = await totalsOf(tx, added);
    await mergeKnown(tx, totals);
    if (totals.length > 0) await tx.query(UPSERT, [JSON.stringify(totals.map(toJson))]);
    return true;
  });
}

async function noteBatch(tx: Queryable, source: string, sequence: number): Promise<boolean> {
  const { rowCount } = await tx.query(
    `INSERT INTO metric_sources (source, sequence) VALUES ($1, $2)
     ON CONFLICT (source) DO UPDATE SET sequence = EXCLUDED.sequence, updated_at = now()
     WHERE metric_sources.sequence < EXCLUDED.sequence`,
    [source, sequence],
  );
  if (sequence === 1) {
    await tx.query(
      `DELETE FROM metric_sources WHERE updated_at < now() - interval '${SOURCE_DAYS} days'`,
    );
  }
  return rowCount === 1;
}

type Total = Key & FunctionMetrics;

/** What is added to each row: that of the deployment, and that of all deployments. */
async function totalsOf(tx: Queryable, added: readonly NewMetrics[]): Promise<Total[]> {
  const { rows } = await tx.query<{ id: string; appId: string }>(
    // An app that is being deleted is gone or stays until this is committed.
    `SELECT d.id, d.app_id AS "appId" FROM deployments d JOIN apps a ON a.id = d.app_id
     WHERE d.id = ANY ($1) FOR KEY SHARE OF a`,
    [[...new Set(added.map(({ deployment }) => deployment))]],
  );
  const appOf = new Map(rows.map(({ id, appId }) => [id, appId]));
  const totals = new Map<string, Total>();
  for (const one of added) {
    const appId = appOf.get(one.deployment);
    if (appId === undefined) continue;
    for (const deployment of [one.deployment, ALL_DEPLOYMENTS]) {
      addTo(totals, { appId, functionName: one.functionName, deployment }, one);
    }
  }
  return [...totals.values()];
}

function addTo(totals: Map<string, Total>, key: Key, one: FunctionMetrics): void {
  const total = totals.get(keyText(key)) ?? { ...key, ...emptyMetrics() };
  totals.set(keyText(key), total);
  mergeMetrics(total, one);
}

async function mergeKnown(tx: Queryable, totals: readonly Total[]): Promise<void> {
  const byKey = new Map(totals.map((total) => [keyText(total), total]));
  const { rows } = await tx.query<Key & Sketches>(
    `SELECT m.app_id AS "appId", m.function_name AS "functionName",
       m.deployment_id AS deployment, ${SELECTED_SKETCHES}
     FROM function_metrics m JOIN unnest($1::text[], $2::text[], $3::text[])
       AS k (${KEYS}) USING (${KEYS})`,
    [
      totals.map(({ appId }) => appId),
      totals.map(({ functionName }) => functionName),
      totals.map(({ deployment }) => deployment),
    ],
  );
  for (const row of rows) {
    const total = byKey.get(keyText(row));
    total?.durations.merge(sketchOf(row.durationSketch));
    total?.coldStarts.merge(sketchOf(row.coldStartSketch));
  }
}

function keyText({ appId, functionName, deployment }: Key): string {
  return `${appId} ${functionName} ${deployment}`;
}

function toJson({ appId, functionName, deployment, figures, ...sketches }: Total): object {
  return {
    app_id: appId,
    function_name: functionName,
    deployment_id: deployment,
    ...Object.fromEntries(FIGURES.map((name) => [COLUMN_OF[name], figures[name]])),
    durations: sketches.durations.encode().toString('hex'),
    cold_start_durations: sketches.coldStarts.encode().toString('hex'),
  };
}

/** Of which function of which apps; of a deployment, or of all together. */
export interface MetricsFilter {
  /** Null for all apps. */
  appIds: readonly string[] | null;
  functionName?: string;
  deployment?: string;
}

export interface FoundMetrics extends FunctionMetrics {
  appName: string;
  functionName: string;
}

/** A row for each function that was ever asked, the most invoked first. */
export async function findMetrics(
  db: Queryable,
  { appIds, functionName, deployment = ALL_DEPLOYMENTS }: MetricsFilter,
): Promise<FoundMetrics[]> {
  const { rows } = await db.query<Row & { appName: string; functionName: string }>(
    `SELECT a.name AS "appName", m.function_name AS "functionName",
       ${SELECTED_FIGURES}, ${SELECTED_SKETCHES}
     FROM function_metrics m JOIN apps a ON a.id = m.app_id
     WHERE ($1::text[] IS NULL OR m.app_id = ANY ($1)) AND m.deployment_id = $2
       AND ($3::text IS NULL OR m.function_name = $3)
     ORDER BY m.invocations DESC, a.name, m.function_name`,
    [appIds, deployment, functionName ?? null],
  );
  return rows.map((row) => ({
    appName: row.appName,
    functionName: row.functionName,
    // Whole numbers come as text.
    figures: Object.fromEntries(FIGURES.map((name) => [name, Number(row[name])])) as Figures,
    durations: sketchOf(row.durationSketch),
    coldStarts: sketchOf(row.coldStartSketch),
  }));
}

export function emptyMetrics(): FunctionMetrics {
  return {
    figures: Object.fromEntries(FIGURES.map((name) => [name, 0])) as Figures,
    durations: new QuantileSketch(),
    coldStarts: new QuantileSketch(),
  };
}

/** Adds the second to the first. */
export function mergeMetrics(sum: FunctionMetrics, one: FunctionMetrics): void {
  for (const name of FIGURES) {
    sum.figures[name] = isHighest(name)
      ? Math.max(sum.figures[name], one.figures[name])
      : sum.figures[name] + one.figures[name];
  }
  sum.durations.merge(one.durations);
  sum.coldStarts.merge(one.coldStarts);
}

function sketchOf(bytes: Buffer): QuantileSketch {
  // Written by this module alone.
  return QuantileSketch.decode(bytes) ?? new QuantileSketch();
}

function isHighest(name: Figure): boolean {
  return HIGHEST.includes(name as (typeof HIGHEST)[number]);
}

function addition(name: Figure): string {
  const column = COLUMN_OF[name];
  return isHighest(name)
    ? `${column} = GREATEST(function_metrics.${column}, EXCLUDED.${column})`
    : `${column} = function_metrics.${column} + EXCLUDED.${column}`;
}

/** `coldStartMs` → `cold_start_ms`. */
function columnOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The apps that there are, and the deployments that serve now; all of them, or of those apps. */
export async function countServing(
  db: Queryable,
  appIds: readonly string[] | null,
): Promise<{ apps: number; deployments: number }> {
  const { rows } = await db.query<{ apps: number; deployments: number }>(
    `SELECT (SELECT count(*)::int FROM apps WHERE $1::text[] IS NULL OR id = ANY ($1)) AS apps,
       (SELECT count(DISTINCT deployment_id)::int FROM routes
        WHERE $1::text[] IS NULL OR app_id = ANY ($1)) AS deployments`,
    [appIds],
  );
  return rows[0] ?? { apps: 0, deployments: 0 };
}
