export const handler = async (event: { method: string; path: string }) => ({
  statusCode: 200,
  body: { message: 'Hello, World!', method: event.method, path: event.path },
});
