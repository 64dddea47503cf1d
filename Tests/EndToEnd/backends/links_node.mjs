// A Node server that answers with the headers it is asked for: `/say?Location=/x&Set-Cookie=a=b`.
// `/seen` shows every header line that reached it.

import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://own.invalid');
  if (url.pathname === '/say') {
    const headers = [];
    for (const [name, value] of url.searchParams) {
      headers.push(name, value.replaceAll('$HOST', request.headers.host));
    }
    response.writeHead(302, headers);
    return response.end();
  }
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ path: request.url, lines: request.rawHeaders }));
});
server.listen({ fd: Number(process.argv[2]) });
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
