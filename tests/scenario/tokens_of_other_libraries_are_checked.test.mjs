// SPDX-License-Identifier: MIT
// Tokens that another implementation made are read by tenon.crypto, and the other way round: node's own
// crypto, and the npm library jose.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import * as jose from "jose";
import { story } from "../harness/story.mjs";

const url64 = (data) => Buffer.from(data).toString("base64url");
const later = Math.floor(Date.now() / 1000) + 600;
const claims = { iss: "https://id.example", aud: ["tenon"], sub: "søren", exp: later, n: 9007199254740993n };
const json = JSON.stringify(claims, (_, v) => (typeof v === "bigint" ? Number(v) : v)).replace(
  "9007199254740992",
  "9007199254740993",
);

const rsa = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = (namedCurve) => crypto.generateKeyPairSync("ec", { namedCurve });
const pss = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
const kinds = {
  RS256: { pair: rsa, hash: "sha256" },
  RS512: { pair: rsa, hash: "sha512" },
  PS256: { pair: rsa, hash: "sha256", how: pss },
  ES256: { pair: ec("P-256"), hash: "sha256", how: { dsaEncoding: "ieee-p1363" } },
  ES384: { pair: ec("P-384"), hash: "sha384", how: { dsaEncoding: "ieee-p1363" } },
  EdDSA: { pair: crypto.generateKeyPairSync("ed25519"), hash: null },
};
const secret = "a secret of at least thirty-two bytes";

function sign(alg, payload, header = {}) {
  const text = `${url64(JSON.stringify({ alg, typ: "JWT", ...header }))}.${url64(payload)}`;
  if (alg.startsWith("HS"))
    return `${text}.${crypto.createHmac(`sha${alg.slice(2)}`, secret).update(text).digest("base64url")}`;
  const { pair, hash, how } = kinds[alg];
  return `${text}.${url64(crypto.sign(hash, Buffer.from(text), { key: pair.privateKey, ...how }))}`;
}

const lua = (value) => `[==[${value}]==]`;
const pem = (key) => lua(key.export({ type: "spki", format: "pem" }));

// One Lua test that fails unless the body's statements hold.
const check = (name, body) => `test(${JSON.stringify(name)}, function()\n${body}\nend)\n`;

async function inLua(stage, tests, code = 0) {
  const site = stage.site();
  site.write("tests/tokens.test.lua", `local crypto, json = require "tenon.crypto", require "tenon.json"\n${tests}`);
  const done = await stage.unstarted({ site }).command(["test", `${site.path}/tests`], { data: undefined });
  assert.equal(done.code, code, done.output);
  return done.output;
}

const options = (alg, key) =>
  `{ key = ${key}, algorithms = { "${alg}" }, issuer = "https://id.example", audience = "tenon" }`;

function verifies(alg, token, key) {
  return check(
    alg,
    `local claims, err = crypto.jwt_verify("${token}", ${options(alg, key)})
     assert(claims, err and err.message)
     expect(claims.n):equals(9007199254740993)
     expect(claims.sub):equals("søren")`,
  );
}

story("tokens of node's own crypto are accepted, by PEM, by JWK and by a set", async (stage) => {
  let tests = verifies("HS256", sign("HS256", json), lua(secret));
  for (const alg of Object.keys(kinds)) {
    const { pair } = kinds[alg];
    const jwk = { ...pair.publicKey.export({ format: "jwk" }), kid: `key of ${alg}`, use: "sig", alg };
    const set = JSON.stringify({ keys: [{ kty: "XYZ" }, { ...jwk, use: "enc", kid: "other" }, jwk] });
    tests += verifies(alg, sign(alg, json), pem(pair.publicKey));
    tests += verifies(alg, sign(alg, json), `json.decode(${lua(JSON.stringify(jwk))})`);
    tests += verifies(alg, sign(alg, json, { kid: `key of ${alg}` }), `nil, jwks = ${lua(set)}`);
  }
  // A public key that is used as a secret: the token is as an attacker would make it.
  const text = `${url64('{"alg":"HS256"}')}.${url64(json)}`;
  const stolen = rsa.publicKey.export({ type: "spki", format: "pem" });
  const forged = `${text}.${crypto.createHmac("sha256", stolen).update(text).digest("base64url")}`;
  tests += check(
    "confusion",
    `local all = { "HS256", "RS256" }
     local claims, err = crypto.jwt_verify("${forged}", { key = ${lua(stolen)}, algorithms = all })
     expect(claims):equals(nil)
     expect(err.kind):equals("signature")`,
  );
  await inLua(stage, tests);
});

story("tokens that scripts sign are accepted by node's own crypto", async (stage) => {
  let tests = "";
  for (const alg of ["HS256", ...Object.keys(kinds)]) {
    const private_ = kinds[alg]?.pair.privateKey.export({ type: "pkcs8", format: "pem" }) ?? secret;
    tests += check(
      alg,
      `error("TOKEN ${alg} " .. assert(crypto.jwt_sign({ iss = "us", exp = ${later}, list = json.array {} },
        { key = ${lua(private_)}, algorithm = "${alg}", kid = "k1" })), 0)`,
    );
  }
  const output = await inLua(stage, tests, 1); // an error is what a test can say
  const tokens = [...output.matchAll(/TOKEN (\w+) ([\w.-]+)/g)];
  assert.equal(tokens.length, 7, output);
  for (const [, alg, token] of tokens) {
    const [header, payload, signature] = token.split(".");
    assert.deepEqual(JSON.parse(Buffer.from(header, "base64url")), { alg, typ: "JWT", kid: "k1" });
    assert.equal(Buffer.from(payload, "base64url").toString(), `{"exp":${later},"iss":"us","list":[]}`);
    if (alg === "HS256") {
      assert.equal(sign(alg, Buffer.from(payload, "base64url"), { kid: "k1" }), token);
    } else {
      const { pair, hash, how } = kinds[alg];
      const good = crypto.verify(
        hash,
        Buffer.from(`${header}.${payload}`),
        { key: pair.publicKey, ...how },
        Buffer.from(signature, "base64url"),
      );
      assert.ok(good, alg);
    }
    const key = alg === "HS256" ? new TextEncoder().encode(secret) : kinds[alg].pair.publicKey;
    const seen = await jose.jwtVerify(token, key, { algorithms: [alg], issuer: "us" });
    assert.deepEqual(seen.payload.list, []);
  }
});

story("tokens of jose are accepted", async (stage) => {
  let tests = "";
  for (const alg of ["HS512", ...Object.keys(kinds)]) {
    const key = kinds[alg]?.pair.privateKey ?? new TextEncoder().encode(secret);
    const token = await new jose.SignJWT({ n: 9007199254740991 })
      .setProtectedHeader({ alg })
      .setIssuedAt()
      .setIssuer("https://id.example")
      .setAudience("tenon")
      .setExpirationTime("5m")
      .sign(key);
    const public_ = kinds[alg] ? pem(kinds[alg].pair.publicKey) : lua(secret);
    tests += check(
      alg,
      `local claims, err = crypto.jwt_verify("${token}", ${options(alg, public_)})
       assert(claims, err and err.message)
       expect(claims.n):equals(9007199254740991)`,
    );
  }
  await inLua(stage, tests);
});
