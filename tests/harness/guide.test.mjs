// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import test from "node:test";
import { matchOutput, stepsOf } from "./guide.mjs";

const page = `# A page
1. A list:
   \`\`\`lua
   -- mappings/a/b.lua: a mapping
   return 1
   \`\`\`
   \`\`\`lua
   part = "of a file"
   \`\`\`
\`\`\`json in.json
{}
\`\`\`
\`\`\`console
$ one <<END
> text
> END
out
$ two    # exits with 1
\`\`\`
\`\`\`js tests/a.mjs
1;
\`\`\`
\`\`\`diff
-a
+b
\`\`\`
`;

test("a page becomes files and commands in its order", () => {
  assert.deepEqual(stepsOf(page), [
    {
      line: 3,
      path: "site/mappings/a/b.lua",
      text: "-- mappings/a/b.lua: a mapping\nreturn 1\n",
    },
    { line: 10, path: "in.json", text: "{}\n" },
    { line: 14, command: "one <<END\ntext\nEND", output: "out\n", code: 0 },
    { line: 18, command: "two", output: "", code: 1 },
    { line: 20, path: "tests/a.mjs", text: "1;\n" },
    { line: 23, command: "patch -p1 <<'\\END'\n-a\n+b\n\\END", output: null, code: 0 },
  ]);
});

test("an output fits with its open places filled in, and only then", () => {
  assert.deepEqual(matchOutput("took … ms\n", "took 12 ms\n"), {});
  assert.deepEqual(matchOutput("a\n...\nd\n", "a\nb\nc\nd\n"), {});
  assert.deepEqual(matchOutput("ID and ID\n", "x7 and x7\n", ["ID"]), { ID: "x7" });
  assert.equal(matchOutput("ID and ID\n", "x7 and x8\n", ["ID"]), null);
  assert.equal(matchOutput("a.c\n", "abc\n"), null);
  assert.equal(matchOutput("a\n", "a\nb\n"), null);
});

test("an answer in JSON fits over several lines, and with no line's end", () => {
  assert.deepEqual(matchOutput('{"a":1,\n  "b":"…"}\n', '{"a":1,"b":"x y"}'), {});
  assert.equal(matchOutput('{"a":1,\n  "b":2}\n', '{"a":1,"b":3}'), null);
  assert.equal(matchOutput('{"a":1}\n', '{"a":1}\n{}\n'), null);
});
