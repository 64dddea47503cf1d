// Node without a framework: `new URL(request.url, base).pathname` chooses the handler, as in many
// tutorials. To it `//host/admin` and `/\\host/admin` are `/admin` of another host. Dots are resolved.
//
// Run: node paths_node.mjs FD   (FD is a listening socket)
import { createServer } from 'node:http';

const prefixes = [['private', '/public/private'], ['public', '/public'], ['admin', '/admin']];

const server = createServer((request, response) => {
  let path;
  try {
    path = new URL(request.url, 'http://localhost').pathname;
  } catch {
    response.writeHead(400);
    return response.end();
  }
  const found = prefixes.find(([, prefix]) => path === prefix || path.startsWith(prefix + '/'));
  response.writeHead(found || path === '/health' ? 200 : 404);
  response.end(found ? found[0] : path === '/health' ? 'health' : '');
});
server.listen({ fd: Number(process.argv[2]) });
