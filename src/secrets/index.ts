/**
 * Values that must not be read by who has the database or the disk: environment values of apps, encrypted with a key
 * of each app, which is encrypted with the master key, and one sealed file per deployment and per certificate. It never decides who gets
 * what (model/environment.ts does) and never shows a value. Read sealed-box.ts for the encryption, vault.ts for what
 * is stored, rotation.ts for how the master key is replaced.
 */
export { createKeyBox, type KeyBox } from './key-box.ts';
export { createMasterKeys } from './master-keys.ts';
export { createRotation, type Rotation } from './rotation.ts';
export {
  createSealedCertificates,
  createSealedFiles,
  type SealedCertificates,
} from './sealed-files.ts';
export { createVault, type EnvironmentDescription, type Vault } from './vault.ts';
