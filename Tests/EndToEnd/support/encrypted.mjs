// Encrypts a token (JWE, compact) with node's crypto alone. Reads one JSON job, writes the token.

import crypto from "node:crypto";
import fs from "node:fs";

const { alg, enc, token, key } = JSON.parse(fs.readFileSync(0, "utf8"));
const header = Buffer.from(JSON.stringify({ alg, enc, cty: "JWT" })).toString("base64url");
const size = enc === "A128GCM" ? 16 : 32;
const secret = alg === "dir" ? Buffer.from(key, "base64url") : crypto.randomBytes(size);
const wrapped =
  alg === "dir"
    ? Buffer.alloc(0)
    : crypto.publicEncrypt(
        {
          key: crypto.createPublicKey(key),
          padding: crypto.constants.RSA_PKCS1_OAEP_PADDING,
          oaepHash: "sha256",
        },
        secret,
      );
const vector = crypto.randomBytes(12);
const cipher = crypto.createCipheriv(`aes-${size * 8}-gcm`, secret, vector);
cipher.setAAD(Buffer.from(header));
const ciphertext = Buffer.concat([cipher.update(token), cipher.final()]);
const parts = [wrapped, vector, ciphertext, cipher.getAuthTag()];
console.log([header, ...parts.map((part) => part.toString("base64url"))].join("."));
