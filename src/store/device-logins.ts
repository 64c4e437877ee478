import type { Queryable } from './database.ts';
import { jsonb } from './jsonb.ts';

export interface DeviceLoginRow {
  userCode: string;
  hostName: string;
  address: string;
  state: 'pending' | 'approved' | 'denied';
  /** Id of a token; null while nobody has answered. */
  answeredBy: string | null;
  /** What was allowed, as whoever wrote it has it. */
  request: unknown;
  intervalS: number;
  polledAt: Date | null;
  createdAt: Date;
  expiresAt: Date;
}

const COLUMNS = `user_code AS "userCode", host_name AS "hostName", address, state,
  answered_by AS "answeredBy", request, interval_s AS "intervalS", polled_at AS "polledAt",
  created_at AS "createdAt", expires_at AS "expiresAt"`;

export type NewDeviceLogin = Pick<
  DeviceLoginRow,
  'userCode' | 'hostName' | 'address' | 'intervalS' | 'createdAt' | 'expiresAt'
> & { deviceHash: Buffer };

/** Until the end of the transaction, so that those who count and add do so in turn. */
export async function lockDeviceLogins(tx: Queryable): Promise<void> {
  await tx.query('LOCK TABLE device_logins IN SHARE ROW EXCLUSIVE MODE');
}

export async function deleteExpiredDeviceLogins(db: Queryable, now: Date): Promise<void> {
  await db.query('DELETE FROM device_logins WHERE expires_at <= $1', [now]);
}

export async function listDeviceLoginAddresses(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ address: string }>('SELECT address FROM device_logins');
  return rows.map(({ address }) => address);
}

export async function insertDeviceLogin(db: Queryable, login: NewDeviceLogin): Promise<void> {
  const { deviceHash, userCode, hostName, address, intervalS, createdAt, expiresAt } = login;
  await db.query(
    `INSERT INTO device_logins
       (device_hash, user_code, host_name, address, interval_s, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [deviceHash, userCode, hostName, address, intervalS, createdAt, expiresAt],
  );
}

/** One that nobody has answered. */
export async function findPendingDeviceLogin(
  db: Queryable,
  userCode: string,
  now: Date,
): Promise<DeviceLoginRow | null> {
  const { rows } = await db.query<DeviceLoginRow>(
    `SELECT ${COLUMNS} FROM device_logins
     WHERE user_code = $1 AND state = 'pending' AND expires_at > $2`,
    [userCode, now],
  );
  return rows[0] ?? null;
}

/** Of several who answer at once, one does. */
export async function answerDeviceLogin(
  db: Queryable,
  userCode: string,
  answer: { state: 'approved' | 'denied'; by: string; request: unknown; now: Date },
): Promise<DeviceLoginRow | null> {
  const { state, by, request, now } = answer;
  const { rows } = await db.query<DeviceLoginRow>(
    `UPDATE device_logins SET state = $2, answered_by = $3, request = $4
     WHERE user_code = $1 AND state = 'pending' AND expires_at > $5 RETURNING ${COLUMNS}`,
    [userCode, state, by, jsonb(request), now],
  );
  return rows[0] ?? null;
}

/** The one that a machine asks for, held until the end of the transaction. */
export async function holdDeviceLogin(
  tx: Queryable,
  deviceHash: Buffer,
  now: Date,
): Promise<DeviceLoginRow | null> {
  const { rows } = await tx.query<DeviceLoginRow>(
    `SELECT ${COLUMNS} FROM device_logins WHERE device_hash = $1 AND expires_at > $2 FOR UPDATE`,
    [deviceHash, now],
  );
  return rows[0] ?? null;
}

export async function notePoll(
  db: Queryable,
  deviceHash: Buffer,
  { intervalS, now }: { intervalS: number; now: Date },
): Promise<void> {
  await db.query(
    'UPDATE device_logins SET interval_s = $2, polled_at = $3 WHERE device_hash = $1',
    [deviceHash, intervalS, now],
  );
}

export async function deleteDeviceLogin(db: Queryable, deviceHash: Buffer): Promise<void> {
  await db.query('DELETE FROM device_logins WHERE device_hash = $1', [deviceHash]);
}
