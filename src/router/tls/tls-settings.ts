import { constants } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/**
 * TLS 1.2 with forward secrecy and authenticated encryption only, and TLS 1.3: what Mozilla's guideline (version 5.7) calls
 * intermediate, without its finite-field key exchange. Clients choose among them, since those without AES in hardware
 * are faster with ChaCha20.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** The first stands against whoever records what is said today until it has a quantum computer. */
const GROUPS = 'X25519MLKEM768:X25519:prime256v1:secp384r1';

/** The same for each context: a session that began under one certificate's goes on under that of its successor. */
const SESSION_CONTEXT = 'gitfn';

/** A ticket is good for so long; the keys that open it are replaced daily. */
const SESSION_SECONDS = 2 * 60 * 60;

/** How long a client may take until the connection is encrypted. */
export const HANDSHAKE_MS = 10_000;

export const CONTEXT_OPTIONS: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ciphers: CIPHERS,
  ecdhCurve: GROUPS,
  // Renegotiation is gone in TLS 1.3, and a way to make a server work before.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  sessionIdContext: SESSION_CONTEXT,
  sessionTimeout: SESSION_SECONDS,
};

/** A handshake ends in an alert with it, where there is no other certificate. */
export const NO_CERTIFICATE = createSecureContext(CONTEXT_OPTIONS);
