// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import http from "node:http";
import { call } from "../harness/rest.mjs";
import { story } from "../harness/story.mjs";
import { waitFor } from "../harness/wait.mjs";

const rounds = 6;
const files = 8;
const workers = 4;
const path = (n) => `scripts/surfaces/race${n}.lua`;
const surface = (n, round) => `\
local tn = require "tenon"
return tn.surface { path = "/race${n}", routes = {
  tn.route { "GET", "/", function() return 200, { round = ${round} } end },
} }
`;

// One connection to each worker, kept; opens others until each has answered.
async function connections(stage, tenon) {
  const found = new Map();
  await waitFor("a connection to each worker", async () => {
    const some = Array.from({ length: workers }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
    for (const agent of some) stage.defer(() => agent.destroy());
    const ask = (agent) => request(tenon, agent, { path: "/api/v1/scripts/isolates" });
    const answers = await Promise.all(some.map(ask));
    answers.forEach(({ body }, i) => found.set(body.worker, some[i]));
    return found.size === workers;
  });
  return [...found.values()];
}

const request = (tenon, agent, { headers, ...rest }) =>
  call(tenon.rest.target, {
    agent,
    headers: { authorization: `Bearer ${tenon.key}`, ...headers },
    ...rest,
  });

const put = (tenon, agent, n, round) =>
  request(tenon, agent, {
    method: "PUT",
    path: `/api/v1/scripts/files/${path(n)}`,
    body: surface(n, round),
    headers: { "content-type": "text/plain" },
  });

// As each worker has it.
async function served(tenon, agents, n) {
  const answers = await Promise.all(agents.map((agent) => request(tenon, agent, { path: `/race${n}` })));
  return answers.map((answer) => answer.body.round);
}

story("files that are put at once through several workers all serve when they are answered", async (stage) => {
  const site = stage.site();
  site.write("scripts/lib/nothing.lua", "return {}\n");
  const tenon = await stage.tenon({ site, workers });
  const writers = await connections(stage, tenon);
  const readers = await connections(stage, tenon);
  const putAndSee = async (n, round) => {
    const answer = await put(tenon, writers[n % workers], n, round);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(await served(tenon, readers, n), Array(workers).fill(round), `${path(n)} was answered and serves`);
  };
  for (let round = 1; round <= rounds; round++) {
    await Promise.all(Array.from({ length: files }, (_, n) => putAndSee(n, round)));
    for (let n = 0; n < files; n++) {
      assert.equal(site.read(path(n)), surface(n, round));
      assert.deepEqual(await served(tenon, readers, n), Array(workers).fill(round), `and goes on to`);
    }
    const { changed } = await tenon.rest.want(200, "POST", "/scripts/reload");
    assert.deepEqual(changed, [], "what serves is what the folder has");
  }
}, { timeout: 120_000 });
