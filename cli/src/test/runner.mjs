// Runs tests on workerd, each with new state. `cargo bindery test --workerd` writes this file next
// to the Wasm module and `plan.json`, and runs it with Node.
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";

// Otherwise wrangler reports each file that it reads.
process.env.WRANGLER_LOG ??= "error";

const folder = import.meta.dirname;
const plan = JSON.parse(readFileSync(join(folder, "plan.json"), "utf8"));

/** Loads wrangler, and the Miniflare that it brings. */
function tools() {
  for (const start of plan.modules) {
    try {
      const path = createRequire(join(start, "_")).resolve("wrangler/package.json");
      const require = createRequire(path);
      const { Miniflare, convertV4MiniflareOptions } = require("miniflare");
      // Miniflare 5 has other options than wrangler returns, and converts them.
      return { wrangler: require("wrangler"), Miniflare, convert: convertV4MiniflareOptions ?? ((options) => options) };
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  console.error(`error: wrangler is not installed\nhelp: run \`npm install --save-dev wrangler\` in ${plan.modules[0]}`);
  process.exit(2);
}
const { wrangler, Miniflare, convert } = tools();

// The exports of the module are the tests. The start of the module also runs the plain tests of
// Rust's own harness: one that fails must not prevent the others.
writeFileSync(join(folder, "shim.mjs"), `
import module from "./tests_bg.wasm";
import * as tests from "./tests.js";
try { tests.initSync({ module }); } catch (error) { console.log("the start of the module failed: " + error); }
const names = Object.keys(tests).filter((name) => name.startsWith("__bindery_test_"));
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return Response.json(names.map((name) => [name, tests[name](undefined)]));
    try {
      await tests[pathname.slice(1)](env);
      return new Response("ok");
    } catch (error) {
      return new Response(String(error?.message ?? error), { status: 500 });
    }
  },
};
`);

function files(path) {
  return readdirSync(path).flatMap((name) => {
    const file = join(path, name);
    return statSync(file).isDirectory() ? files(file) : [file];
  });
}
const modules = ["shim.mjs", "tests.js", "tests_bg.wasm", ...files(folder).map((file) => relative(folder, file)).filter((file) => file.startsWith("snippets"))]
  .map((path) => path.endsWith(".wasm")
    ? { type: "CompiledWasm", path, contents: readFileSync(join(folder, path)) }
    : { type: "ESModule", path, contents: readFileSync(join(folder, path), "utf8") });

/** Starts workerd with the bindings of the manifest and empty state, and applies the migrations. */
async function start(log) {
  const { workerOptions } = wrangler.unstable_getMiniflareWorkerOptions(plan.manifest, plan.environment ?? undefined);
  const { modulesRules, assets, ...bindings } = workerOptions;
  // The runner's own requests must reach the tests.
  if (assets) bindings.assets = { ...assets, routerConfig: { ...assets.routerConfig, has_user_worker: true, invoke_user_worker_ahead_of_assets: true } };
  const miniflare = new Miniflare(convert({
    workers: [{ ...bindings, name: "tests", modules }],
    cf: false, host: "127.0.0.1", port: 0,
    handleStructuredLogs: ({ message }) => log.push(`${message}\n`),
  }));
  await miniflare.ready;
  for (const { binding, sql } of plan.databases) {
    const database = await miniflare.getD1Database(binding);
    for (const text of sql) await database.prepare(text).run();
  }
  return miniflare;
}

async function run(name) {
  const log = [];
  const miniflare = await start(log);
  try {
    const response = await miniflare.dispatchFetch(`http://tests/${name}`);
    return { passed: response.ok, message: await response.text(), log };
  } finally {
    await miniflare.dispose();
  }
}

const log = [];
const first = await start(log);
const listed = await first.dispatchFetch("http://tests/");
if (!listed.ok) {
  console.error(`error: the tests cannot be listed: ${await listed.text()}\n${log.join("")}`);
  process.exit(2);
}
const all = await listed.json();
await first.dispose();

const selected = all.filter(([, name]) => name.includes(plan.filter)).sort(([, left], [, right]) => (left < right ? -1 : 1));
console.log(`\nrunning ${selected.length} tests on workerd`);
const counts = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
for (const [symbol, name] of selected) {
  const { passed, message, log } = await run(symbol);
  const skipped = message.match(/skipped: (.*)/);
  const outcome = passed ? "ok" : skipped ? `skipped, ${skipped[1]}` : "FAILED";
  counts[passed ? "passed" : skipped ? "skipped" : "failed"] += 1;
  console.log(`test ${name} ... ${outcome}`);
  if (outcome === "FAILED") failures.push(`---- ${name} ----\n${message}\n${log.join("")}`);
}
if (failures.length) console.log(`\nfailures:\n\n${failures.join("\n")}`);
console.log(`\ntest result: ${counts.failed ? "FAILED" : "ok"}. ${counts.passed} passed; ${counts.failed} failed; ${counts.skipped} skipped; ${all.length - selected.length} filtered out`);
process.exit(counts.failed ? 1 : 0);
