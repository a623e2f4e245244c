// SPDX-License-Identifier: MIT
import { follow } from "../harness/guide.mjs";
import { story } from "../harness/story.mjs";
import { copyOfTheTree } from "../harness/tree.mjs";

story("the guide to mappings holds word for word", async (stage) => {
  await follow(stage, "how-to/write-a-mapping.md");
});

story("the guide to EDI and IDocs holds word for word", async (stage) => {
  await follow(stage, "how-to/read-edi-and-idocs.md");
});

story("the guide to safe changes holds word for word", async (stage) => {
  const { tenon } = await stage.plant({
    items: 60,
    site: stage.site(),
    data: stage.folder("tenon-data"),
  });
  await tenon.rest.sync("fusion");
  await follow(stage, "how-to/change-scripts-safely.md", { tenon, names: ["HASH", "OLD"] });
});

story("the guide to resources holds word for word", async (stage) => {
  await follow(stage, "how-to/add-a-resource.md", { names: ["HASH", "ID"] });
});

story("the guide to rules holds word for word", async (stage) => {
  const { tenon } = await stage.plant({
    items: 10,
    site: stage.site(),
    data: stage.folder("tenon-data"),
  });
  await tenon.rest.sync("fusion");
  await follow(stage, "how-to/write-a-rule.md", { tenon, names: ["ID"] });
});

// What is built in a copy of the tree takes its time on a busy machine.
const patient = { timeout: 180_000 };
const inTheTree = (stage) => ({ folder: copyOfTheTree(stage), patience: 150_000 });

story("the guide to endpoints holds word for word, C included", async (stage) => {
  await follow(stage, "how-to/add-an-endpoint.md", inTheTree(stage));
}, patient);

story("the guide to bindings holds word for word", async (stage) => {
  await follow(stage, "how-to/add-a-binding.md", inTheTree(stage));
}, patient);

story("the guide to options holds word for word", async (stage) => {
  await follow(stage, "how-to/add-an-option.md", inTheTree(stage));
}, patient);

story("the guide to tables holds word for word", async (stage) => {
  await follow(stage, "how-to/add-a-table.md", inTheTree(stage));
}, patient);

story("the commands of the tour run", async (stage) => {
  await follow(stage, "tour.md", inTheTree(stage));
}, patient);
