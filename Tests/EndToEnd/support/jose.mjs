// The library `jose`, as most of the Node world has it: makes keys, signs, verifies, seals and opens.
// Reads one JSON job a line, writes one JSON answer a line; an error of the library is `{ error }`.

import { createRequire } from "node:module";
import readline from "node:readline";

const jose = createRequire(import.meta.url)("/usr/share/nodejs/jose");

async function answer({ do: what, alg, enc, key, token, claims, header }) {
  switch (what) {
    case "keys": {
      const pair = await jose.generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
      const kid = await jose.calculateJwkThumbprint(await jose.exportJWK(pair.publicKey));
      const parts = { alg, kid };
      return {
        private: { ...(await jose.exportJWK(pair.privateKey)), ...parts },
        public: { ...(await jose.exportJWK(pair.publicKey)), ...parts, use: "sig" },
      };
    }
    case "sign":
      return new jose.SignJWT(claims)
        .setProtectedHeader({ alg, typ: "JWT", ...header })
        .setIssuedAt()
        .setExpirationTime("10m")
        .sign(await jose.importJWK(key, alg));
    case "verify":
      return (await jose.jwtVerify(token, await jose.importJWK(key, alg), { algorithms: [alg] }))
        .payload;
    case "seal":
      return new jose.CompactEncrypt(new TextEncoder().encode(token))
        .setProtectedHeader({ alg, enc, cty: "JWT", ...header })
        .encrypt(await jose.importJWK(key, alg));
    case "open": {
      const opened = await jose.compactDecrypt(token, await jose.importJWK(key, alg));
      return new TextDecoder().decode(opened.plaintext);
    }
    default:
      throw new Error(`no such job: ${what}`);
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify({ answer: await answer(JSON.parse(line)) }));
  } catch (error) {
    console.log(JSON.stringify({ error: `${error.code ?? ""} ${error.message}` }));
  }
}
