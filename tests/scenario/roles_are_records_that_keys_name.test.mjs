// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const shipped = ["admin", "plant_manager", "operator", "viewer", "monitor", "read_write", "read_only"];

// Every worker is asked: a connection a request.
async function allAnswer(tenon, key, status, method, path, body) {
  const headers = { authorization: `Bearer ${key}`, connection: "close" };
  await waitFor(
    `every worker to answer ${status} to ${method} ${path}`,
    async () => {
      for (let i = 0; i < 8; i++) {
        if ((await tenon.rest.send(method, path, body, headers)).status !== status) return false;
      }
      return true;
    },
    { within: 2000 },
  );
}

story("a role of one's own opens what it grants, and changes at the next request", async (stage) => {
  const { tenon } = await stage.plant({ items: 3 });
  const picker = await tenon.rest.want(201, "POST", "/roles", {
    name: "picker", title: "Picks items", grants: ["item:read"],
  });
  assert.equal(picker.builtin, false);
  const made = await tenon.rest.want(201, "POST", "/keys", { name: "hand held", role: "picker" });
  assert.equal((await tenon.rest.get(`/keys/${made.id}`)).role, "picker");
  const as = { authorization: `Bearer ${made.key}` };
  await tenon.rest.want(200, "GET", "/items", undefined, as);
  for (const path of ["/integrations", "/keys", "/roles", "/scripts", "/status"]) {
    const answer = await tenon.rest.send("GET", path, undefined, as);
    assert.equal(answer.status, 403, answer.text);
    assert.match(answer.text, /hand held may not do this: it needs the permission \w+:read/);
  }
  await tenon.rest.want(200, "PATCH", "/roles/picker", { grants: ["integration:read"] });
  await allAnswer(tenon, made.key, 403, "GET", "/items");
  await allAnswer(tenon, made.key, 200, "GET", "/integrations");
  const put = { name: "picker", grants: ["item:*"] };
  await tenon.rest.want(200, "PUT", `/roles/${picker.id}`, put);
  await allAnswer(tenon, made.key, 200, "GET", "/items");
  await allAnswer(tenon, made.key, 403, "GET", "/integrations");

  const used = await tenon.rest.send("DELETE", "/roles/picker");
  assert.equal(used.status, 409, used.text);
  assert.match(used.text, /hand held/);
  await tenon.rest.want(204, "DELETE", `/keys/${made.id}`);
  await tenon.rest.refused(404, "NOT_FOUND", "GET", `/keys/${made.id}`);
  await tenon.rest.want(204, "DELETE", "/roles/picker");
  await tenon.rest.refused(404, "NOT_FOUND", "GET", "/roles/picker");
  await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/keys", { name: "x", role: "picker" });
});

story("roles that ship are listed and stay as they are", async (stage) => {
  const tenon = await stage.tenon();
  await tenon.rest.want(201, "POST", "/roles", { name: "picker", grants: ["*:read"] });
  const { roles } = await tenon.rest.get("/roles");
  assert.deepEqual(roles.map((r) => [r.name, r.builtin]),
    [...shipped.map((name) => [name, true]), ["picker", false]]);
  assert.deepEqual(roles[0].grants, ["*:*"]);
  for (const name of shipped) {
    assert.equal((await tenon.rest.get(`/roles/${name}`)).name, name);
    for (const [method, body] of [["PUT", { name, grants: [] }], ["PATCH", {}], ["DELETE"]]) {
      const answer = await tenon.rest.send(method, `/roles/${name}`, body);
      assert.equal(answer.status, 409, answer.text);
      assert.match(answer.text, /ships with Tenon/);
    }
    const again = await tenon.rest.send("POST", "/roles", { name, grants: ["*:read"] });
    assert.equal(again.status, 409, again.text);
    await tenon.rest.want(201, "POST", "/keys", { name: `as ${name}`, role: name });
  }
});

story("a role is refused that names nothing, takes a name, or gives more than its maker has", async (stage) => {
  const tenon = await stage.tenon();
  for (const [grants, says] of [
    [["itme:read"], /there is no entity 'itme'; did you mean 'item'/],
    [["item:raed"], /did you mean 'read'/],
    [["item"], /is no permission/],
    [["*:manage"], /no verb 'manage'/],
    ["item:read", /grants/],
  ]) {
    const answer = await tenon.rest.send("POST", "/roles", { name: "r", grants });
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.text, says);
  }
  await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/roles", { name: "Night Shift", grants: [] });
  await tenon.rest.refused(422, "VALIDATION_ERROR", "POST", "/roles", { name: "r", grant: [] });
  await tenon.rest.want(201, "POST", "/roles", { name: "clerk", grants: ["role:*", "key:*", "item:read"] });
  const again = await tenon.rest.send("POST", "/roles", { name: "clerk", grants: [] });
  assert.equal(again.status, 409, again.text);
  await tenon.rest.refused(422, "VALIDATION_ERROR", "PATCH", "/roles/clerk", { name: "boss" });

  const made = await tenon.rest.want(201, "POST", "/keys", { name: "clerk", role: "clerk" });
  const as = { authorization: `Bearer ${made.key}` };
  await tenon.rest.want(201, "POST", "/roles", { name: "less", grants: ["item:read"] }, as);
  for (const grants of [["*:*"], ["*:read"], ["item:*"], ["integration:read"]]) {
    const body = { name: "more", grants };
    await tenon.rest.refused(403, "FORBIDDEN", "POST", "/roles", body, as);
    await tenon.rest.refused(403, "FORBIDDEN", "PATCH", "/roles/clerk", { grants }, as);
  }
  await tenon.rest.want(201, "POST", "/keys", { name: "y", role: "less" }, as);
  await tenon.rest.refused(403, "FORBIDDEN", "POST", "/keys", { name: "y", role: "viewer" }, as);
});

story("each change of a role leaves an audit row with the role before and after", async (stage) => {
  const tenon = await stage.tenon();
  const { id } = await tenon.rest.want(201, "POST", "/roles", { name: "picker", grants: ["item:read"] });
  await tenon.rest.want(200, "PATCH", `/roles/${id}`, { grants: ["item:*"] });
  await tenon.rest.want(204, "DELETE", `/roles/${id}`);
  const files = readdirSync(tenon.data).filter((name) => /\.db/.test(name));
  const stored = files.map((name) => readFileSync(join(tenon.data, name), "latin1")).join();
  const one = '{"name":"picker","grants":["item:read"]}', other = '{"name":"picker","grants":["item:*"]}';
  for (const [action, detail] of [
    ["create", `{"after":${one}}`],
    ["update", `{"before":${one},"after":${other}}`],
    ["delete", `{"before":${other}}`],
  ]) {
    const row = `"address":"127.0.0.1","action":"role.${action}","object":"${id}","detail":${detail}`;
    assert.ok(stored.includes(row), row);
  }
});

story("a key of a role of one's own is made on the command line", async (stage) => {
  const tenon = await stage.tenon();
  await tenon.rest.want(201, "POST", "/roles", { name: "picker", grants: ["item:read"] });
  const made = await tenon.command(["key", "create", "hand held", "--role", "picker"]);
  assert.equal(made.code, 0, made.output);
  assert.match((await tenon.command(["key", "list"])).stdout, /picker +hand held/);
  const wrong = await tenon.command(["key", "create", "x", "--role", "pickre"]);
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.output, /there is no role 'pickre': those that ship are admin, .*read_only/);
});
