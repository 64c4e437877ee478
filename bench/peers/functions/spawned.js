process.stdout.write(JSON.stringify({ message: 'Hello World' }));
