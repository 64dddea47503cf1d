// The NestJS API of a team, on node's own http and crypto: camelCase tokens, two secrets
// (JWT_ACCESS_SECRET, 15 minutes; JWT_REFRESH_SECRET, 7 days), no `jti`, no `type`, a string or an
// integer `sub`, POST answering 201, errors as Nest writes them. The refresh token comes in the body
// and rotates: the old one's hash is forgotten. It knows nothing of a gateway.
//
// Run: node nest_app.mjs FD   (FD is a listening socket)
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const accessSecret = process.env.JWT_ACCESS_SECRET;
const refreshSecret = process.env.JWT_REFRESH_SECRET;
if (!accessSecret || !refreshSecret) throw new Error('JWT_ACCESS_SECRET and JWT_REFRESH_SECRET');

const users = new Map([
  ['ada@example.com', { id: 'user-ada', password: 'correct horse' }],
  ['linus@example.com', { id: 42, password: 'integer identity' }],
]);
const liveRefreshHashes = new Set();
const hash = (token) => createHash('sha256').update(token).digest('hex');
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function sign(payload, secret, seconds) {
  const now = Math.floor(Date.now() / 1000);
  const input =
    encode({ alg: 'HS256', typ: 'JWT' }) + '.' + encode({ ...payload, iat: now, exp: now + seconds });
  return input + '.' + createHmac('sha256', secret).update(input).digest('base64url');
}

function verify(token, secret) {
  const parts = (token ?? '').split('.');
  if (parts.length !== 3) return null;
  const wanted = createHmac('sha256', secret).update(parts[0] + '.' + parts[1]).digest();
  const given = Buffer.from(parts[2], 'base64url');
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null;
  const payload = JSON.parse(Buffer.from(parts[1], 'base64url'));
  return payload.exp > Date.now() / 1000 ? payload : null;
}

function makePair(user, email) {
  const payload = { sub: user.id, email };
  const refreshToken = sign(payload, refreshSecret, 7 * 86400);
  liveRefreshHashes.add(hash(refreshToken));
  return { accessToken: sign(payload, accessSecret, 15 * 60), refreshToken };
}

function answer(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' });
  response.end(body === undefined ? '' : JSON.stringify(body));
}
const unauthorized = (response) =>
  answer(response, 401, { statusCode: 401, message: 'Unauthorized' });

async function readBody(request) {
  const blocks = [];
  for await (const block of request) blocks.push(block);
  return Buffer.concat(blocks);
}
function json(bytes) {
  try {
    return JSON.parse(bytes);
  } catch {
    return {};
  }
}
const bearer = (request) =>
  /^bearer ([^ ]+)$/i.exec(request.headers.authorization ?? '')?.[1];

const server = createServer(async (request, response) => {
  const path = request.url.split('?')[0];
  const body = await readBody(request);
  switch (`${request.method} ${path}`) {
    case 'GET /health':
      return answer(response, 200, { status: 'ok', backend: 'nest' });
    case 'POST /auth/login': {
      const { email, password } = json(body);
      const user = users.get(email);
      if (!user || user.password !== password) return unauthorized(response);
      return answer(response, 201, makePair(user, email));
    }
    case 'POST /auth/refresh': {
      const { refreshToken } = json(body);
      const payload = verify(refreshToken, refreshSecret);
      if (!payload || !liveRefreshHashes.delete(hash(refreshToken))) return unauthorized(response);
      return answer(response, 201, makePair({ id: payload.sub }, payload.email));
    }
    case 'POST /auth/logout':
      if (!verify(bearer(request), accessSecret)) return unauthorized(response);
      response.writeHead(204);
      return response.end();
    case 'GET /me': {
      const payload = verify(bearer(request), accessSecret);
      if (!payload) return unauthorized(response);
      return answer(response, 200, {
        backend: 'nest',
        id: payload.sub,
        email: payload.email ?? null,
        edge_user: request.headers['x-user-id'] ?? null,
      });
    }
    case 'POST /echo':
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
      return response.end(body);
    default:
      if (/^\/(debug|public)\/headers$/.test(path)) {
        return answer(response, 200, {
          backend: 'nest',
          method: request.method,
          raw_path: request.url,
          raw_headers: request.rawHeaders,
        });
      }
      return answer(response, 404, {
        statusCode: 404,
        message: `Cannot ${request.method} ${path}`,
        error: 'Not Found',
      });
  }
});
server.listen({ fd: Number(process.argv[2]) });
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
