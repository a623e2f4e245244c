// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("docs/rest.md lists each route of the server with its permission", () => {
  const source = read("runtime/api/routes.c").split("api_route_count")[0];
  const row = /(KEY|OPEN|FILES)\(\s*(\w+),\s*(V1 )?"([^"]+)",\s*\w+(?:,\s*(\w+),\s*(\w+))?\)/g;
  const routes = [...source.matchAll(row)].map(([, , method, v1, path, entity, verb]) => {
    const permission = entity ? `\`${entity}:${verb}\`` : "no key";
    return `| ${method} | \`${v1 ? "/api/v1" : ""}${path}\` | ${permission} |`;
  });
  assert.equal(routes.length, source.match(/^ +(KEY|OPEN|FILES)\(/gm).length);
  const listed = read("docs/rest.md").split("## Everything else")[1].split("\n").filter((l) => /^\| [A-Z]+ /.test(l));
  assert.deepEqual(listed, routes);
});
