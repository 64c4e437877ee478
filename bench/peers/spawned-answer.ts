/** The peer of a cold start without any server: a process that prints the answer and ends. */
process.stdout.write(JSON.stringify({ message: 'Hello World' }));
