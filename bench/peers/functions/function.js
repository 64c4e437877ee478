/** For functions-framework. */
export function hello(_request, response) {
  response.json({ message: 'Hello World' });
}
