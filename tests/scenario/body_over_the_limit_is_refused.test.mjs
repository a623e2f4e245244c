// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";
import { talk } from "../harness/wire.mjs";

story("a body over the limit is refused with 413 before it is read", async (stage) => {
  const { port, key, rest } = await stage.tenon();
  const head = (...lines) =>
    [
      "POST /api/v1/integrations HTTP/1.1",
      "Host: x",
      `Authorization: Bearer ${key}`,
      "Content-Type: application/json",
      ...lines,
      "",
      "",
    ].join("\r\n");
  const announced = await talk(port, head("Content-Length: 1048577"), { quiet: 500 });
  assert.deepEqual([announced.answers.map((a) => a.status), announced.closed], [[413], true]);
  assert.equal(JSON.parse(announced.answers[0].body).error.code, "PAYLOAD_TOO_LARGE");

  const chunk = `10000\r\n${"x".repeat(65536)}\r\n`;
  const streamed = await talk(
    port,
    [head("Transfer-Encoding: chunked"), ...Array(20).fill(chunk)],
    { quiet: 500 },
  );
  assert.deepEqual(
    streamed.answers.map((a) => a.status),
    [413],
  );

  const asked = await talk(port, head("Expect: 100-continue", "Content-Length: 2000000"), {
    quiet: 300,
  });
  assert.equal(asked.answers[0].status, 413, "no invitation for what will be refused");
  await rest.refused(422, "VALIDATION_ERROR", "POST", "/integrations", {
    name: "x".repeat(1000 * 1000),
  });
});

story("bodies that are no JSON object are refused with 400", async (stage) => {
  const { rest } = await stage.tenon();
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const bad = [
    "",
    "{",
    "{]",
    '{"name":}',
    "{'name':1}",
    '{"name":1,}',
    "nul",
    '{"a":1}x',
    "\ufeff{}",
    '{"a":01}',
    '{"a":"\u0001"}',
    '{"a":"\\ud800"}',
    Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  ];
  for (const body of bad) {
    await rest.refused(400, "BAD_REQUEST", "POST", "/integrations", body);
  }
  await rest.refused(400, "BAD_REQUEST", "POST", "/integrations", deep);
  for (const body of ["[]", "7", "null", '"text"']) {
    const answer = await rest.send("POST", "/integrations", body);
    assert.ok([400, 422].includes(answer.status), `${body}: ${answer.status}`);
  }
  await rest.refused(415, "UNSUPPORTED_MEDIA_TYPE", "POST", "/integrations", "{}", {
    "content-type": "text/xml",
  });
});
