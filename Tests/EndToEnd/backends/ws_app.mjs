// A WebSocket server as teams write it for node, on Debian's `ws`: echoes, and tells the identity that
// the gateway wrote. The library knows nothing of a gateway.
//
// Run: node ws_app.mjs FD   (FD is a listening socket)
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const { WebSocketServer } = createRequire(import.meta.url)('/usr/share/nodejs/ws');

const server = createServer((request, response) => {
  response.writeHead(request.url === '/health' ? 200 : 404);
  response.end();
});
const sockets = new WebSocketServer({
  server,
  perMessageDeflate: { threshold: 0 },
  maxPayload: 1 << 26,
  handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
});
sockets.on('connection', (socket, request) => {
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => {
    if (!isBinary && data.toString() === 'who') {
      return socket.send(JSON.stringify(request.headers));
    }
    if (!isBinary && data.toString() === 'leave') return socket.close(4001, 'left');
    socket.send(data, { binary: isBinary });
  });
});
server.listen({ fd: Number(process.argv[2]) });
process.on('SIGTERM', () => process.exit(0));
