// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import http from "node:http";
import { machines, plant } from "../harness/machines.mjs";
import { call } from "../harness/rest.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const rounds = Number(process.env.TENON_RACE_ROUNDS ?? 60);

// A function for each worker that sends a request over a connection to it.
async function lanes(stage, tenon) {
  const headers = { authorization: `Bearer ${tenon.key}` };
  const found = new Map();
  await waitFor("a connection to each worker", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    stage.defer(() => agent.destroy());
    const send = (method, path, body, more = {}) =>
      call(tenon.rest.target, { method, path, body, agent, headers: { ...headers, ...more } });
    found.set((await send("GET", "/api/v1/scripts/isolates")).body.worker, send);
    return found.size === 2;
  });
  return [...found.values()];
}

story("a change on a stale version is refused and names the present one", async (stage) => {
  const { rest } = await stage.tenon({ site: plant(stage) });
  const { id } = await rest.want(201, "POST", "/machines", { number: "M1" });
  const path = `/machines/${id}`;
  await rest.want(200, "PATCH", path, { axes: 2 }, { "if-match": '"1"' });
  for (const [method, body] of [["PUT", { number: "M1" }], ["PATCH", { axes: 9 }], ["DELETE"], ["PATCH", {}]]) {
    for (const tags of ['"1"', 'W/"2"', '"1", "3"', '"x"', '""']) {
      const answer = await rest.send(method, path, body, { "if-match": tags });
      assert.equal(answer.status, 412, `${method} ${tags}: ${answer.text}`);
      assert.equal(answer.body.error.code, "PRECONDITION_FAILED");
      assert.deepEqual(answer.body.error.details, { version: 2 });
      assert.equal(answer.headers.etag, '"2"');
    }
    for (const tags of ["", "1", '"1', '"1",', ',"1"', '"1" "2"', "*, *", 'w/"1"', '"a b"']) {
      const error = await rest.refused(400, "BAD_REQUEST", method, path, body, { "if-match": tags });
      assert.equal(error.details.field, "If-Match", tags);
    }
    await rest.refused(400, "BAD_REQUEST", method, path, body, { "if-match": ['"2"', '"2"'] });
  }
  assert.equal((await rest.get(path)).version, 2);
  await rest.want(200, "PATCH", path, { axes: 3 }, { "if-match": '"1", "2"' });
  await rest.want(200, "PATCH", path, { axes: 4 }, { "if-match": " * " });
  assert.equal((await rest.send("DELETE", path, undefined, { "if-match": '"4"' })).status, 204);
  await rest.refused(404, "NOT_FOUND", "DELETE", path, undefined, { "if-match": "*" });
});

story(
  "of two workers' changes of one version exactly one is taken",
  async (stage) => {
    const tenon = await stage.tenon({ site: plant(stage), workers: 2 });
    const { rest } = tenon;
    const { id } = await rest.want(201, "POST", "/machines", { number: "M1", axes: 1 });
    const workers = await lanes(stage, tenon);
    assert.equal(workers.length, 2);
    for (let version = 1; version <= rounds; version++) {
      const answers = await Promise.all(
        workers.map((send, i) => {
          const serial = { serial: `A${version}${i}` };
          return send("PATCH", `/api/v1/machines/${id}`, serial, { "if-match": `"${version}"` });
        }),
      );
      assert.deepEqual(answers.map((a) => a.status).sort(), [200, 412], `version ${version}`);
      const [won] = answers.filter((a) => a.status === 200);
      assert.equal(won.headers.etag, `"${version + 1}"`);
      const [lost] = answers.filter((a) => a.status === 412);
      assert.deepEqual(lost.body.error.details, { version: version + 1 });
      assert.equal((await rest.get(`/machines/${id}`)).serial, won.body.serial);
    }
  },
  { timeout: 180_000 },
);

story("without If-Match none of the changes of one record is lost", async (stage) => {
  const tenon = await stage.tenon({ site: plant(stage), workers: 2 });
  const { id } = await tenon.rest.want(201, "POST", "/machines", { number: "M1" });
  const fields = { kind: "mill", serial: "A1", axes: 3, price: 7 };
  const answers = await Promise.all(
    Object.entries(fields).map(([name, value]) => tenon.rest.send("PATCH", `/machines/${id}`, { [name]: value })),
  );
  assert.deepEqual(answers.map((a) => a.status), [200, 200, 200, 200]);
  const { kind, serial, axes, price, version } = await tenon.rest.get(`/machines/${id}`);
  assert.deepEqual({ kind, serial, axes, price, version }, { ...fields, version: 5 });
});

story("two who create with one key at once: one is taken, the other told who has it", async (stage) => {
  const tenon = await stage.tenon({ site: plant(stage), workers: 2 });
  const workers = await lanes(stage, tenon);
  for (let i = 1; i <= 10; i++) {
    const answers = await Promise.all(workers.map((send) => send("POST", "/api/v1/machines", { number: `M${i}` })));
    assert.deepEqual(answers.map((a) => a.status).sort(), [201, 409]);
    const made = answers.find((a) => a.status === 201), lost = answers.find((a) => a.status === 409);
    assert.equal(lost.body.error.details.holder, made.body.id);
    assert.equal(await machines(tenon), i);
  }
});

story("a record that was answered is there after everything was killed at once", async (stage) => {
  const tenon = await stage.tenon({ site: plant(stage), workers: 2 });
  const known = new Map();
  let killed = false;
  const writing = Array.from({ length: 8 }, async (_, lane) => {
    for (let i = 0; !killed; i++) {
      const answer = await call(tenon.rest.target, {
        method: "POST", path: "/api/v1/machines", body: { number: `${lane}-${i}` }, agent: tenon.rest.agent,
        headers: { authorization: `Bearer ${tenon.key}` },
      }).catch(() => null);
      if (answer?.status === 201) known.set(answer.body.id, answer.text);
      if (known.size >= 60) return;
      if (!answer) return;
    }
  });
  while (known.size < 40) await new Promise((go) => setImmediate(go));
  await tenon.killGroup();
  killed = true;
  await Promise.all(writing);
  await tenon.start();
  for (const [id, text] of known) assert.equal((await tenon.rest.send("GET", `/machines/${id}`)).text, text);
});
