import type { ServerResponse } from 'node:http';

/**
 * Sends a head before anything of its body. What Node reads of a head is a character for each byte, and so it has to leave; but
 * without a body `flushHeaders` writes it in the default encoding of the socket, and each byte beyond ASCII became two.
 */
export function flushHead(response: ServerResponse): void {
  const { socket } = response;
  socket?.setDefaultEncoding('latin1');
  response.flushHeaders();
  socket?.setDefaultEncoding('utf8');
}
