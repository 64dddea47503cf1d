// Express: one handler for each prefix; an answer names the handler that ran. Mounted as `use` has it,
// and once more by pattern, since the two match by different code
// (the pattern is that of Debian's path-to-regexp).
//
// Run: node paths_express.cjs FD   (FD is a listening socket; NODE_PATH names Debian's modules)
const express = require('express');

const app = express();
app.disable('x-powered-by');
const ran = (name) => (request, response) => response.type('text').send(name);

for (const [name, prefix] of [['private', '/public/private'], ['public', '/public'], ['admin', '/admin']]) {
  app.get(prefix + '/(.*)', ran(name));
  app.use(prefix, ran(name));
}
app.get('/health', ran('health'));

app.listen({ fd: Number(process.argv[2]) });
