// Changes single values of manifests, and prints what wrangler says about each change.
//
// node mutate.mjs SCRATCH MANIFEST... prints a JSON object per line: the place and the change, the
// manifest, and whether wrangler accepts it. wrangler is in BINDERY_NODE_MODULES.

import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.BINDERY_NODE_MODULES, "here.js"));
const { unstable_readConfig, experimental_readRawConfig } = require("wrangler");

const [scratch, ...manifests] = process.argv.slice(2);
mkdirSync(scratch, { recursive: true });
const target = join(scratch, "wrangler.json");

const VALUES = {
  "a text": "other text",
  "an empty text": "",
  "a number": 7,
  "a negative number": -1,
  "a fraction": 1.5,
  "a huge number": 1e9,
  true: true,
  null: null,
  "an empty list": [],
  "a list of a text": ["other"],
  "a list of a number": [7],
  "an empty table": {},
  "a table": { other: 7 },
};

/** Whether wrangler accepts a manifest, in each of its environments. */
function accepts(manifest) {
  writeFileSync(target, JSON.stringify(manifest));
  const env = manifest?.env;
  const names = env && typeof env === "object" ? Object.keys(env) : [];
  try {
    for (const name of [undefined, ...names]) {
      unstable_readConfig({ config: target, env: name }, { hideWarnings: true });
    }
    return true;
  } catch {
    return false;
  }
}

/** Every place of a value: its container, its key, and its path without names of the user. */
function* places(container, path, isMap) {
  for (const key of Object.keys(container)) {
    const isItem = Array.isArray(container);
    const name = isItem ? "[]" : isMap ? ".<name>" : `${path && "."}${key}`;
    const own = path + name;
    yield [container, key, own];
    const value = container[key];
    if (value && typeof value === "object") {
      const maps = ["vars", "define", "env", "alias", "exports", "wasm_modules", "text_blobs",
        "data_blobs", "env.<name>.vars"];
      yield* places(value, own, maps.includes(own));
    }
  }
}

const seen = new Set();
for (const path of manifests) {
  let raw;
  try {
    ({ rawConfig: raw } = experimental_readRawConfig({ config: path }));
    raw = JSON.parse(JSON.stringify(raw));
  } catch {
    continue;
  }
  if (!accepts(structuredClone(raw))) continue;

  for (const [container, key, place] of places(raw, "", false)) {
    const original = container[key];
    const changes = Object.entries(VALUES).map(([name, value]) => [name, () => {
      container[key] = value;
    }]);
    changes.push(["nothing", () => {
      if (Array.isArray(container)) container.splice(Number(key), 1);
      else delete container[key];
    }]);
    for (const [change, apply] of changes) {
      const id = `${place} = ${change}`;
      if (seen.has(id)) continue;
      seen.add(id);

      const before = JSON.stringify(raw);
      apply();
      const manifest = JSON.stringify(raw);
      if (manifest !== before) {
        console.log(JSON.stringify({ place, change, manifest, accepts: accepts(raw) }));
      }
      if (change === "nothing") {
        if (Array.isArray(container)) container.splice(Number(key), 0, original);
        else container[key] = original;
      } else {
        container[key] = original;
      }
    }
  }
}
