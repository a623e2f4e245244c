// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { scratchFolder } from "./scratch.mjs";
import { root } from "./tenon.mjs";

const check = (...pages) =>
  spawnSync(join(root, ".ci/check-docs"), pages, { encoding: "utf8", timeout: 20_000 });

test("every file, function and page that the docs name is there", () => {
  const end = check();
  assert.equal(end.status, 0, end.stdout);
});

test("a page that names what is not there is told, line by line", (t) => {
  const folder = scratchFolder();
  t.after(folder.clear);
  const page = join(folder.path, "page.md");
  writeFileSync(
    page,
    `Fine: \`runtime/app.c\`, \`model/tx.h\`, \`wire.h\`, \`tn_store_read\`, \`bind_<word>.c\`, \`runtime/*/tx.c\`.
\`runtime/appp.c\`
\`model/txx.h\`
\`wirre.h\`
\`tn_store_reed(store)\`
[a page](nowhere.md)
[a place](#nowhere)
\`no_such_word\` in \`runtime/app.c\`
`,
  );
  const { status, stdout } = check(page);
  assert.equal(status, 1);
  const faults = stdout.replaceAll(`${page}:`, "").replace(/there is no \/.*(?=nowhere\.md)/, "there is no ");
  assert.equal(
    faults.replaceAll(page, "the page"),
    `2: there is no runtime/appp.c
3: there is no model/txx.h
4: no file is named wirre.h
5: no C file has tn_store_reed
6: there is no nowhere.md
7: the page has no heading #nowhere
8: runtime/app.c has no no_such_word
docs: 7 names of what is not there
`,
  );
});
