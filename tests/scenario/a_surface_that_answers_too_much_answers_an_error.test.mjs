// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { story } from "../harness/story.mjs";

const MIB = 1024 * 1024;
const surface = `local tn = require "tenon"
return tn.surface { path = "/size", routes = {
  tn.route { "GET", "/text/{bytes}", function(req) return 200, ("x"):rep(tonumber(req.params.bytes)) end },
  tn.route { "GET", "/json/{bytes}", function(req) return 200, { ("x"):rep(tonumber(req.params.bytes) - 4) } end },
} }
`;

story("a surface answers up to 10 MiB whole, and an error for more: nothing is sent half", async (stage) => {
  const site = stage.site();
  site.write("scripts/surfaces/size.lua", surface);
  const tenon = await stage.tenon({ site, workers: 1 });
  for (const kind of ["text", "json"]) {
    const whole = await tenon.rest.send("GET", `//size/${kind}/${10 * MIB}`);
    assert.deepEqual([whole.status, whole.text.length], [200, 10 * MIB], kind);
    const over = await tenon.rest.send("GET", `//size/${kind}/${10 * MIB + 1}`);
    assert.equal(over.status, 500, over.text.slice(0, 200));
    assert.ok(over.text.length < 1000 && over.body.error, "an error alone");
    assert.match(over.body.error.message, /larger than 10 MiB/);
    const request = over.headers["x-request-id"];
    await tenon.logged(new RegExp(`error .*/size/${kind}/.*request ${request}.*larger than 10 MiB`));
  }
  assert.equal((await tenon.rest.send("GET", "//size/text/1")).text, "x", "the next is served");
});
