import { Type } from 'typebox';

export const MasterKeyRotationSchema = Type.Object({
  keyId: Type.String(),
  elapsedMs: Type.Number(),
});
