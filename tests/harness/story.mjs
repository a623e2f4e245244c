// SPDX-License-Identifier: MIT
// story.mjs - a story is a test on a stage.  The stage makes what the story needs and clears it all
// away; when the story fails it shows what every Tenon on it said.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Fusion } from "../fakes/fusion.mjs";
import { scratchFolder, Site } from "./scratch.mjs";
import { Tenon } from "./tenon.mjs";

export function story(name, play, { timeout = 60_000, ...rest } = {}) {
  test(name, { timeout, ...rest }, async (t) => {
    const stage = new Stage(t);
    try {
      await play(stage);
      await stage.inspect();
    } catch (error) {
      stage.tell();
      throw error;
    } finally {
      await stage.clear();
    }
  });
}

class Stage {
  constructor(t) {
    this.t = t;
    this.deferred = [];
    this.tenons = [];
    const folder = scratchFolder();
    this.scratch = folder.path;
    this.defer(folder.clear);
  }

  defer(undo) {
    this.deferred.push(undo);
  }
  note(text) {
    this.t.diagnostic(text);
  }

  // A folder of its own below the scratch folder.
  folder(name) {
    const path = join(this.scratch, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  site(name = "site") {
    return new Site(join(this.scratch, name));
  }

  // A Tenon that is not started.
  unstarted({ data = this.folder(`data${this.tenons.length || ""}`), ...options } = {}) {
    const tenon = new Tenon(data, options);
    this.tenons.push(tenon);
    this.defer(() => tenon.end());
    return tenon;
  }

  tenon(options) {
    return this.unstarted(options).start();
  }

  async fusion(options) {
    const fusion = await new Fusion(options).start();
    this.defer(() => fusion.stop());
    return fusion;
  }

  // A Tenon with one integration named "fusion" that speaks to a fake Fusion.
  async plant({ items = 100, fusion: upstream = {}, config = {}, ...options } = {}) {
    const fusion = await this.fusion({ items, ...upstream });
    const tenon = await this.tenon(options);
    await tenon.rest.create(integration(fusion, { config }));
    return { fusion, tenon };
  }

  // Ends what still runs as an admin would, so that its leaks are told too.
  async inspect() {
    for (const tenon of this.tenons) {
      await tenon.stop();
      assert.equal(tenon.findings(), null, "no sanitizer found anything");
    }
  }

  tell() {
    for (const tenon of this.tenons) {
      this.note(`--- tenon on ${tenon.data} said`);
      for (const line of tenon.output.slice(-20_000).trimEnd().split("\n")) this.note(line);
    }
  }

  async clear() {
    for (const undo of this.deferred.reverse()) await undo();
  }
}

// What POST /integrations takes for a fake Fusion.
export function integration(fusion, { config = {}, ...rest } = {}) {
  return {
    name: "fusion",
    displayName: "Fusion of the plant",
    type: "ERP",
    integrationType: "oracle_fusion",
    enabled: true,
    ...rest,
    config: { ...fusion.config, ...config },
  };
}
