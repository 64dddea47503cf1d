// Signs and verifies compact tokens with node's crypto alone: an implementation that shares nothing
// with the gateway's or PyJWT's. Reads one JSON job a line, writes one JSON answer a line.

import crypto from "node:crypto";
import readline from "node:readline";

const hash = (alg) => "sha" + alg.slice(2);

function settings(alg, key) {
  switch (alg.slice(0, 2)) {
    case "RS":
      return { key, padding: crypto.constants.RSA_PKCS1_PADDING };
    case "PS":
      return {
        key,
        padding: crypto.constants.RSA_PKCS1_PSS_PADDING,
        saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST,
      };
    case "ES":
      return { key, dsaEncoding: "ieee-p1363" };
    default:
      return { key };
  }
}

function sign({ alg, key, header, payload }) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part({ alg, ...header })}.${part(payload)}`;
  const signature = alg.startsWith("HS")
    ? crypto.createHmac(hash(alg), key).update(input).digest()
    : crypto.sign(
        alg === "EdDSA" ? null : hash(alg),
        Buffer.from(input),
        settings(alg, crypto.createPrivateKey(key)),
      );
  return `${input}.${signature.toString("base64url")}`;
}

function verify({ alg, key, token }) {
  const [header, payload, signature] = token.split(".");
  if (JSON.parse(Buffer.from(header, "base64url")).alg !== alg) return null;
  const input = `${header}.${payload}`;
  const bytes = Buffer.from(signature, "base64url");
  const isGood = alg.startsWith("HS")
    ? crypto.timingSafeEqual(crypto.createHmac(hash(alg), key).update(input).digest(), bytes)
    : crypto.verify(
        alg === "EdDSA" ? null : hash(alg),
        Buffer.from(input),
        settings(alg, crypto.createPublicKey(key)),
        bytes,
      );
  return isGood ? JSON.parse(Buffer.from(payload, "base64url")) : null;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  console.log(JSON.stringify(job.token ? verify(job) : sign(job)));
}
