// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { integration, story } from "../harness/story.mjs";

// S0-104, S0-040
story("what is wrong with an integration is refused with 422 and named", async (stage) => {
  const fusion = await stage.fusion();
  const { rest } = await stage.tenon();
  const good = integration(fusion);
  const refused = async (field, body) => {
    const error = await rest.refused(422, "VALIDATION_ERROR", "POST", "/integrations", body);
    assert.equal(error.details?.field, field, JSON.stringify(error));
    return error;
  };
  const config = (members) => ({ ...good, config: { ...good.config, ...members } });

  await refused("config.clientld", config({ clientld: "x" }));
  await refused("config.fusionBaseUrl", config({ fusionBaseUrl: undefined }));
  await refused("config.fusionBaseUrl", config({ fusionBaseUrl: "ftp://x" }));
  await refused("config.fusionBaseUrl", config({ fusionBaseUrl: 7 }));
  await refused("config.batchSize", config({ batchSize: "many" }));
  await refused("config.batchSize", config({ batchSize: 0 }));
  await refused("config.clientSecret", config({ clientSecret: undefined }));
  await refused("config.dialect", config({ dialect: "guess" }));
  const unknown = await refused("integrationType", { ...good, integrationType: "oracle_fusoin" });
  assert.match(unknown.message, /oracle_fusion/, "the known adapters are listed");
  await refused("type", { ...good, type: "PLM" });
  await refused("name", { ...good, name: undefined });
  await refused("name", { ...good, name: "a/b" });
  await refused("enabled", { ...good, enabled: "yes" });
  await refused("colour", { ...good, colour: "red" });
  assert.deepEqual(await rest.get("/integrations"), [], "nothing of it was stored");

  await rest.create(good);
  const error = await rest.refused(422, "VALIDATION_ERROR", "PUT", "/integrations/fusion", {
    config: { nonsense: 1 },
  });
  assert.equal(error.details.field, "config.nonsense");
});
