import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildProblem, MAX_ENVIRONMENT_READS } from '../protocol/builder.ts';
import { codeFrame } from '../protocol/code-frame.ts';
import {
  JsonSyntaxError,
  parsePositionedJson,
  positionAt,
  toPlainValue,
} from './positioned-json.ts';

const FILE = 'app.json';
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/**
 * The variables that app.json says an app cannot do without, as Heroku reads it: every key of `env` that is not
 * `"required": false` and has no `value` of its own.
 */
export function requiredVariables(folder: string): { names: string[]; warnings: BuildProblem[] } {
  const path = join(folder, FILE);
  if (!existsSync(path)) return { names: [], warnings: [] };
  const source = readFileSync(path, 'utf8');
  try {
    return { names: namesOf(toPlainValue(parsePositionedJson(source))), warnings: [] };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const place = positionAt(source, error.at);
    const message = `app.json is not read: ${error.message}`;
    const frame = codeFrame(source, place);
    return { names: [], warnings: [{ message, at: { file: FILE, ...place }, frame }] };
  }
}

function namesOf(app: unknown): string[] {
  const environment = isObject(app) && isObject(app['env']) ? app['env'] : {};
  return Object.entries(environment)
    .filter(([name, needs]) => VARIABLE_NAME.test(name) && isRequired(needs))
    .map(([name]) => name)
    .slice(0, MAX_ENVIRONMENT_READS);
}

/** A text is a value; an object says more. */
function isRequired(needs: unknown): boolean {
  if (!isObject(needs)) return false;
  return needs['required'] !== false && needs['value'] === undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
