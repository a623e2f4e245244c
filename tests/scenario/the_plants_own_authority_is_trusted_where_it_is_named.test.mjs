// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import https from "node:https";
import { join } from "node:path";
import { syncAcme, writeAcme } from "../harness/acme.mjs";
import { story } from "../harness/story.mjs";
import { command } from "../harness/tenon.mjs";

// A real authority, and certificates that it signed for a server and a client.
function certificates(folder) {
  const path = (name) => join(folder, name);
  const openssl = (...args) => execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  const subject = (name) => ["-subj", `/CN=${name}`];
  const fresh = (name) => ["-newkey", "rsa:2048", "-nodes", "-keyout", path(`${name}.key`)];
  openssl("req", "-x509", ...fresh("ca"), "-out", path("ca.pem"), "-days", "2", ...subject("Plant authority"));
  for (const name of ["server", "client"]) {
    writeFileSync(path(`${name}.ext`), "subjectAltName=IP:127.0.0.1\n");
    openssl("req", ...fresh(name), "-out", path(`${name}.csr`), ...subject(name));
    openssl("x509", "-req", "-in", path(`${name}.csr`), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
      "-CAcreateserial", "-out", path(`${name}.pem`), "-days", "2", "-extfile", path(`${name}.ext`));
  }
  return { path, text: (name) => readFileSync(path(name), "utf8") };
}

async function upstream(stage, certs, asks) {
  const seen = [];
  const server = https.createServer(
    { key: certs.text("server.key"), cert: certs.text("server.pem"), ca: certs.text("ca.pem"), requestCert: asks,
      rejectUnauthorized: asks },
    (request, response) => {
      seen.push(request.socket.getPeerCertificate()?.subject?.CN ?? null);
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ parts: [{ no: "T-1" }] }));
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stage.defer(() => server.close());
  return { baseUrl: `https://127.0.0.1:${server.address().port}`, seen };
}

const siteOf = (stage) =>
  writeAcme(stage.site(), {
    config: 'tn.text "ca" {}, tn.text "cert" {}, tn.secret "key" {}',
    more: 'tls = { ca = "ca", cert = "cert", key = "key" },',
  });

story("case 21: an integration names the authority that it trusts, and shows its own certificate", async (stage) => {
  const certs = certificates(stage.scratch);
  const { baseUrl, seen } = await upstream(stage, certs, true);
  const tenon = await stage.tenon({ site: siteOf(stage), workers: 1 });
  const unknown = await syncAcme(tenon.rest, "unknown", { baseUrl });
  assert.equal(unknown.status, "FAILURE");
  assert.match(JSON.stringify(unknown), /its certificate is not trusted .*--ca-file.*adapter's 'tls'/);
  const ca = certs.text("ca.pem");
  const anonymous = await syncAcme(tenon.rest, "anonymous", { baseUrl, ca });
  assert.equal(anonymous.status, "FAILURE", "the peer asks for a certificate");
  const cert = certs.text("client.pem");
  const wrong = await syncAcme(tenon.rest, "wrong", { baseUrl, ca, cert, key: certs.text("server.key") });
  assert.match(JSON.stringify(wrong), /the client certificate or its key cannot be used/);
  const known = await syncAcme(tenon.rest, "known", { baseUrl, ca, cert, key: certs.text("client.key") });
  assert.equal(known.status, "SUCCESS", JSON.stringify(known));
  assert.deepEqual(seen, ["client"]);
  const shown = await tenon.rest.get("/integrations/known");
  assert.ok(!JSON.stringify(shown).includes("PRIVATE KEY"));
});

story("case 21: an authority of the server is trusted by every integration", async (stage) => {
  const certs = certificates(stage.scratch);
  const { baseUrl } = await upstream(stage, certs, false);
  const tenon = await stage.tenon({ site: siteOf(stage), workers: 1, args: ["--ca-file", certs.path("ca.pem")] });
  const run = await syncAcme(tenon.rest, "acme", { baseUrl });
  assert.equal(run.status, "SUCCESS", JSON.stringify(run));
});

story("case 21: a file without a certificate is refused at the start", async (stage) => {
  writeFileSync(join(stage.scratch, "no.pem"), "hello\n");
  for (const [file, words] of [["no.pem", /has no certificate in PEM/], ["none.pem", /cannot be read/]]) {
    const path = join(stage.scratch, file);
    const tenon = await command(["serve", "--data", join(stage.scratch, "d"), "--listen", "127.0.0.1:0",
      "--ca-file", path]);
    assert.notEqual(tenon.code, 0);
    assert.match(tenon.stderr, words);
  }
});
