// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { machines, plant } from "../harness/machines.mjs";
import { Rest } from "../harness/rest.mjs";
import * as shape from "../harness/shapes.mjs";
import { story } from "../harness/story.mjs";

const nowhere = "018f0000-0000-7000-8000-000000000000";

story("a record is created, read, replaced, patched and deleted", async (stage) => {
  const { rest } = await stage.tenon({ site: plant(stage) });
  const made = await rest.send("POST", "/machines", { number: "M1", price: 1.5 });
  assert.equal(made.status, 201, made.text);
  const { id } = made.body;
  assert.match(id, shape.uuid7);
  assert.equal(made.headers.location, `/api/v1/machines/${id}`);
  assert.equal(made.headers.etag, '"1"');
  assert.deepEqual([made.body.status, made.body.version, made.body.price], ["new", 1, 1.5]);
  assert.match(made.body.enteredAt, shape.instant);

  const read = await rest.send("GET", `/machines/${id}`);
  assert.equal(read.text, made.text, "it is answered as it is stored, to the byte");
  assert.equal(read.headers.etag, '"1"');
  for (const known of ['"1"', 'W/"1"', '"0", "1"', "*"]) {
    const again = await rest.send("GET", `/machines/${id}`, undefined, { "if-none-match": known });
    assert.deepEqual([again.status, again.text, again.headers.etag], [304, "", '"1"'], known);
  }
  assert.equal((await rest.send("GET", `/machines/${id}`, undefined, { "if-none-match": '"2"' })).status, 200);

  const put = await rest.send("PUT", `/machines/${id}`, { number: "M1", axes: 3 });
  assert.deepEqual([put.status, put.headers.etag, put.body.axes, put.body.price], [200, '"2"', 3, undefined]);
  assert.equal(put.body.enteredAt, made.body.enteredAt, "generated once");
  assert.equal(put.body.createdAt, made.body.createdAt);
  assert.equal((await rest.send("GET", `/machines/${id}`)).text, put.text);

  for (const type of ["application/json", "application/merge-patch+json"]) {
    const patched = await rest.send("PATCH", `/machines/${id}`, { axes: null, kind: "mill" }, { "content-type": type });
    assert.deepEqual([patched.status, patched.body.axes, patched.body.kind], [200, undefined, "mill"]);
    assert.equal(patched.headers.etag, '"3"', "a patch that changes nothing makes no version");
    assert.equal((await rest.send("GET", `/machines/${id}`)).text, patched.text);
  }
  const back = await rest.want(200, "PUT", `/machines/${id}`, await rest.get(`/machines/${id}`));
  assert.equal(back.version, 3, "a record may be sent back as it was read");

  const gone = await rest.send("DELETE", `/machines/${id}`);
  assert.deepEqual([gone.status, gone.text], [204, ""]);
  for (const [method, body] of [["GET"], ["PUT", { number: "M1" }], ["PATCH", {}], ["DELETE"]]) {
    await rest.refused(404, "NOT_FOUND", method, `/machines/${id}`, body);
    await rest.refused(404, "NOT_FOUND", method, `/machines/${nowhere}`, body);
    await rest.refused(404, "NOT_FOUND", method, "/machines/M1", body);
  }
  assert.equal(await rest.get("/machines").then((page) => page.pagination.total), 0);
  await rest.want(201, "POST", "/machines", { number: "M1" });
});

story("a record may bring its id, once", async (stage) => {
  const { rest } = await stage.tenon({ site: plant(stage) });
  assert.equal((await rest.want(201, "POST", "/machines", { id: nowhere, number: "M1" })).id, nowhere);
  const taken = await rest.refused(409, "CONFLICT", "POST", "/machines", { id: nowhere, number: "M2" });
  assert.equal(taken.details.field, "id");
  for (const id of ["M1", 7, null]) {
    const bad = await rest.refused(422, "VALIDATION_ERROR", "POST", "/machines", { id, number: "M2" });
    assert.deepEqual([bad.details.field, bad.faults[0].code], ["id", "format"]);
  }
  const other = { id: "018f0000-0000-7000-8000-000000000001", number: "M1" };
  assert.equal((await rest.refused(422, "VALIDATION_ERROR", "PUT", `/machines/${nowhere}`, other)).details.field, "id");
});

story("a request that cannot be read is 400, another content type 415, another method 405", async (stage) => {
  const tenon = await stage.tenon({ site: plant(stage) });
  const { rest } = tenon;
  const { id } = await rest.want(201, "POST", "/machines", { number: "M1" });
  for (const [method, path] of [["POST", "/machines"], ["PUT", `/machines/${id}`], ["PATCH", `/machines/${id}`]]) {
    for (const body of ['{"number":', "", "nothing", '{"number":"M2"} x', "[".repeat(500)]) {
      await rest.refused(400, "BAD_REQUEST", method, path, body, { "content-type": "application/json" });
    }
    for (const body of ["[]", "7", '"M2"', "null"]) {
      await rest.refused(422, "VALIDATION_ERROR", method, path, body, { "content-type": "application/json" });
    }
    for (const type of ["text/plain", "application/json-patch+json", "application/xml"]) {
      await rest.refused(415, "UNSUPPORTED_MEDIA_TYPE", method, path, '{"number":"M2"}', { "content-type": type });
    }
    await rest.refused(400, "BAD_REQUEST", method, `${path}?number=M2`, { number: "M2" });
  }
  for (const query of [
    "hard=yes", "hard=true&hard=true", "hard=", "soft=true",
  ]) {
    await rest.refused(400, "BAD_REQUEST", "DELETE", `/machines/${id}?${query}`);
  }
  for (const query of [
    "limit=0", "limit=x", "limit=1&limit=2", "offset=-1", "offset=100001", "sort=price", "order=up",
    "cursor=garbage", "price=1", "builtAt=yesterday",
  ]) {
    const error = await rest.refused(400, "BAD_REQUEST", "GET", `/machines?${query}`);
    assert.equal(error.faults[0].code, "parameter", query);
  }
  await rest.refused(405, "METHOD_NOT_ALLOWED", "PATCH", "/machines", {});
  await rest.refused(405, "METHOD_NOT_ALLOWED", "POST", `/machines/${id}`, {});
  assert.equal(await machines(tenon), 1);
});

story("who may only read is refused each change, and nobody sees another one's", async (stage) => {
  const tenon = await stage.tenon({ site: plant(stage) });
  const { id } = await tenon.rest.want(201, "POST", "/machines", { number: "M1" });
  const { key } = await tenon.rest.want(201, "POST", "/keys", { name: "reader", role: "read_only" });
  const reader = new Rest(tenon.port, key);
  assert.equal((await reader.get(`/machines/${id}`)).number, "M1");
  for (const [method, path, body] of [
    ["POST", "/machines", { number: "M2" }], ["PUT", `/machines/${id}`, { number: "M2" }],
    ["PATCH", `/machines/${id}`, {}], ["DELETE", `/machines/${id}`], ["DELETE", `/machines/${id}?hard=true`],
  ]) {
    await reader.refused(403, "FORBIDDEN", method, path, body);
  }
  reader.close();
  const nobody = new Rest(tenon.port, null);
  await nobody.refused(401, "UNAUTHORIZED", "GET", `/machines/${id}`);
  nobody.close();
  assert.equal((await tenon.rest.get(`/machines/${id}`)).version, 1);
});

story("a key that is taken is 409 with the key and who has it", async (stage) => {
  const { rest } = await stage.tenon({ site: plant(stage) });
  const { id } = await rest.want(201, "POST", "/machines", { number: "M1" });
  const second = await rest.want(201, "POST", "/machines", { number: "M2" });
  const path2 = `/machines/${second.id}`;
  for (const [method, path] of [["POST", "/machines"], ["PUT", path2], ["PATCH", path2]]) {
    const error = await rest.refused(409, "DUPLICATE_KEY", method, path, { number: "M1" });
    assert.deepEqual(error.details, { field: "number", value: "M1", key: { number: "M1" }, holder: id });
    assert.deepEqual([error.faults[0].code, error.faults[0].path], ["taken", "number"]);
  }
});

story("a state moves only where it may, and the refusal names both", async (stage) => {
  const { rest } = await stage.tenon({ site: plant(stage) });
  const { id } = await rest.want(201, "POST", "/machines", { number: "M1" });
  const error = await rest.refused(409, "INVALID_STATE", "PATCH", `/machines/${id}`, { status: "stopped" });
  assert.deepEqual(error.details, { field: "status", value: "stopped", from: "new", to: "stopped" });
  assert.deepEqual(error.faults[0].params, { from: "new", to: "stopped" });
  await rest.want(200, "PATCH", `/machines/${id}`, { status: "running" });
  await rest.want(200, "PATCH", `/machines/${id}`, { status: "stopped" });
  assert.equal((await rest.want(201, "POST", "/machines", { number: "M2", status: "stopped" })).status, "stopped");
  await rest.refused(422, "VALIDATION_ERROR", "POST", "/machines", { number: "M3", status: "running" });
});

story("all that is wrong with a record is told at once", async (stage) => {
  const { rest } = await stage.tenon({ site: plant(stage) });
  const wrong = { kind: "drill", axes: 0, colour: "red" };
  const error = await rest.refused(422, "VALIDATION_ERROR", "POST", "/machines", wrong);
  assert.deepEqual(error.faults.map(({ code, path }) => `${path}: ${code}`).sort(), [
    "axes: too_small", "colour: unknown", "kind: one_of", "number: required",
  ]);
  assert.equal(error.message, error.faults[0].message);
  assert.equal(error.details.field, error.faults[0].path);
});

story("a secret is sealed at rest, shown masked, and kept where the mask or nothing is sent", async (stage) => {
  const tenon = await stage.tenon({ site: plant(stage) });
  const { rest } = tenon;
  const made = await rest.want(201, "POST", "/machines", { number: "M1", pin: "4711-pin" });
  assert.equal(made.pin, shape.mask);
  const path = `/machines/${made.id}`;
  assert.equal((await rest.get(path)).pin, shape.mask);
  assert.equal((await rest.get("/machines")).machines[0].pin, shape.mask);
  const seen = await rest.want(200, "GET", `//plant/machines/${made.id}`);
  assert.deepEqual(seen, { read: shape.mask, inside: shape.mask, listed: shape.mask });
  assert.equal((await rest.want(200, "PATCH", path, { axes: 3 })).pin, shape.mask);
  // It is sealed anew, to another text, whenever it is set: so the version tells.
  const kept = await rest.want(200, "PUT", path, await rest.get(path));
  assert.deepEqual([kept.pin, kept.version], [shape.mask, 2], "the mask changes nothing");
  assert.equal((await rest.want(200, "PATCH", path, { pin: shape.mask })).version, 2);
  assert.equal((await rest.want(200, "PATCH", path, { pin: "4712-pin" })).version, 3);
  const left = await rest.want(200, "PUT", path, { number: "M1" });
  assert.deepEqual([left.pin, left.axes], [shape.mask, undefined], "nor is it lost where nothing is sent");
  for (const name of readdirSync(tenon.data)) {
    const file = join(tenon.data, name);
    if (!statSync(file).isFile()) continue;
    const bytes = readFileSync(file);
    for (const pin of ["4711-pin", "4712-pin"]) assert.ok(!bytes.includes(pin), `${name} has no ${pin}`);
  }
  const error = await rest.refused(422, "VALIDATION_ERROR", "PATCH", path, { pin: "abc" });
  assert.equal(error.details.value, undefined, "a refused secret is not told");
  assert.equal((await rest.want(201, "POST", "/machines", { number: "M2" })).pin, undefined);
});

story("a mask where no secret is stored is refused, and null takes a stored one away", async (stage) => {
  const { rest } = await stage.tenon({ site: plant(stage) });
  for (const path of ["/machines", "//plant/machines"]) {
    const call = (method, where, body) =>
      path.startsWith("//") ? rest.sendPlain(method, where, body) : rest.send(method, where, body);
    const number = path.length;
    const faults = (answer) => (answer.body.faults ?? answer.body.error.faults).map((f) => [f.code, f.path]);
    const refused = await call("POST", path, { number: `M${number}`, pin: shape.mask });
    assert.equal(refused.status, 422, refused.text);
    assert.deepEqual(faults(refused), [["mask", "pin"]], "and the length of the mask is not judged");
    assert.match(refused.text, /send the secret, or leave it out/);
    const { id } = (await call("POST", path, { number: `M${number}` })).body;
    for (const method of ["PATCH", "PUT"]) {
      const answer = await call(method, `${path}/${id}`, { number: `M${number}`, pin: shape.mask });
      assert.equal(answer.status, 422, answer.text);
      assert.deepEqual(faults(answer), [["mask", "pin"]]);
    }
    const pin = async () => (await rest.get(`/machines/${id}`)).pin;
    assert.equal((await call("PATCH", `${path}/${id}`, { pin: "4711" })).status, 200);
    assert.equal(await pin(), shape.mask);
    assert.equal((await call("PATCH", `${path}/${id}`, { pin: shape.mask, axes: 2 })).status, 200);
    assert.equal((await call("PUT", `${path}/${id}`, { number: `M${number}` })).status, 200);
    assert.equal(await pin(), shape.mask, "a mask keeps it, and a PUT without it");
    assert.equal((await call("PATCH", `${path}/${id}`, { pin: null })).status, 200);
    assert.equal(await pin(), undefined);
    const gone = await call("PATCH", `${path}/${id}`, { pin: shape.mask });
    assert.deepEqual(faults(gone), [["mask", "pin"]]);
  }
});

story("a required secret cannot be taken away", async (stage) => {
  const site = stage.site();
  site.write(
    "scripts/resources/vault.lua",
    `local tn = require "tenon"
return tn.resource { path = "/api/v1/vaults", fields = { tn.secret "code" { required = true } } }
`,
  );
  const { rest } = await stage.tenon({ site });
  const made = await rest.want(201, "POST", "/vaults", { code: "1234" });
  const error = await rest.refused(422, "VALIDATION_ERROR", "PATCH", `/vaults/${made.id}`, { code: null });
  assert.deepEqual(error.faults.map((f) => [f.code, f.path]), [["required", "code"]]);
  assert.deepEqual(await rest.get(`/vaults/${made.id}`), made);
});

story("a record that is deleted for good needs leave to purge", async (stage) => {
  const tenon = await stage.tenon({ site: plant(stage) });
  const { rest } = tenon;
  const { id } = await rest.want(201, "POST", "/machines", { number: "M1" });
  const { key } = await rest.want(201, "POST", "/keys", { name: "writer", role: "read_write" });
  const writer = new Rest(tenon.port, key);
  await writer.refused(403, "FORBIDDEN", "DELETE", `/machines/${id}?hard=true`);
  assert.equal((await rest.send("DELETE", `/machines/${id}?hard=true`)).status, 204);
  await rest.refused(404, "NOT_FOUND", "GET", `/machines/${id}`);
  const second = await rest.want(201, "POST", "/machines", { number: "M1" });
  assert.equal((await writer.send("DELETE", `/machines/${second.id}?hard=false`)).status, 204);
  writer.close();
});
