// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { machines, plant } from "../harness/machines.mjs";
import { story } from "../harness/story.mjs";

const nowhere = "018f0000-0000-7000-8000-000000000000";

// Kind of fault: a member that a record is given besides its number, the code, the path, the status.
const ofAnyRecord = [
  [{ number: undefined }, "required", "number"],
  [{ number: null }, "null", "number"],
  [{ number: 7 }, "type", "number"],
  [{ tools: ["saw", 3] }, "type", "tools[1]"],
  [{ builtAt: "yesterday" }, "format", "builtAt"],
  [{ number: "12345678901" }, "too_long", "number"],
  [{ axes: 0 }, "too_small", "axes"],
  [{ kind: "drill" }, "one_of", "kind"],
  [{ serial: "a1" }, "pattern", "serial"],
  [{ colour: "red" }, "unknown", "colour"],
  [{ enteredAt: "2020-01-01T00:00:00Z" }, "read_only", "enteredAt"],
  [{ hall: nowhere }, "reference", "hall"],
  [{ pin: "********" }, "mask", "pin"],
  [{ number: "taken" }, "taken", "number", 409],
  [{ tag: "T0" }, "taken", "tag", 409],
];
const ofNewRecord = [[{ status: "running" }, "start", "status"]];
const ofChangedRecord = [[{ status: "stopped" }, "move", "status", 409]];

const isMerge = (method) => method === "PATCH";

story("each kind of fault has one code, path and message on every way in, and stores nothing", async (stage) => {
  const tenon = await stage.tenon({ site: plant(stage) });
  const { rest } = tenon;
  await rest.want(201, "POST", "/machines", { number: "taken", tag: "T0" });
  const { id, version } = await rest.want(201, "POST", "/machines", { number: "M1" });
  const before = await rest.get(`/machines/${id}`);
  const ways = [
    ["POST", "/machines"],
    ["PUT", `/machines/${id}`],
    ["PATCH", `/machines/${id}`],
    ["POST", "//plant/machines"],
    ["PUT", `//plant/machines/${id}`],
    ["PATCH", `//plant/machines/${id}`],
  ];
  const told = new Map();
  for (const [method, path] of ways) {
    const faults = [...ofAnyRecord, ...(method === "POST" ? ofNewRecord : ofChangedRecord)];
    for (const [member, code, at, status = 422] of faults) {
      // A patch says that a field goes by null, so that a required one is missing then.
      if (isMerge(method) && Object.hasOwn(member, "number") && (member.number ?? null) === null) continue;
      const body = { ...(isMerge(method) ? {} : { number: "M2" }), ...member };
      const where = `${method} ${path} ${JSON.stringify(body)}`;
      const answer = path.startsWith("//plant")
        ? await rest.sendPlain(method, path, body)
        : await rest.send(method, path, body);
      assert.equal(answer.status, status, `${where}: ${answer.text}`);
      const all = answer.body.faults ?? answer.body.error.faults;
      assert.deepEqual(all?.map((f) => [f.code, f.path]), [[code, at]], `${where}: ${answer.text}`);
      assert.ok(all[0].message.startsWith(`${at}: `), all[0].message);
      const first = told.get(`${code} ${at}`) ?? all[0].message;
      told.set(`${code} ${at}`, first);
      assert.equal(all[0].message, first, `${where} says it in the same words`);
      assert.equal(answer.body.message ?? answer.body.error.message, first);
    }
  }
  assert.equal(told.size, 17);
  assert.equal(await machines(tenon), 2);
  assert.deepEqual(await rest.get(`/machines/${id}`), before);
  const missing = await rest.refused(422, "VALIDATION_ERROR", "PATCH", `/machines/${id}`, { number: null });
  assert.deepEqual(missing.faults.map((f) => [f.code, f.path]), [["required", "number"]]);
  assert.equal(version, before.version);
});

story("a record of a resource for all teams may be named by any record", async (stage) => {
  const { rest } = await stage.tenon({ site: plant(stage) });
  const hall = await rest.want(201, "POST", "/halls", { code: "H1" });
  const made = await rest.want(201, "POST", "/machines", { number: "M1", hall: hall.id });
  assert.equal(made.hall, hall.id);
  assert.deepEqual((await rest.get("/halls")).halls, [hall]);
});
