// Starts the two backends of the end-to-end suites: workerd through Miniflare, and the native server.
// Each one listens on a free port of 127.0.0.1 and is returned as { base, stop }.
import { spawn } from "node:child_process";
import { mkdtempSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const require = createRequire(join(process.env.BINDERY_NODE_MODULES, "_"));
export const { Miniflare } = require("miniflare");
export const root = resolve(import.meta.dirname, "../..");

/**
 * Starts the Wasm build in `folder` on workerd with the bindings of `options`, and applies its
 * migrations. `others` are additional workers that it can call.
 */
export async function workerd(folder, options, others = []) {
  const build = join(root, folder, "build");
  const { handleRuntimeStdio, ...bindings } = options;
  const worker = {
    name: "tested",
    modules: true,
    modulesRoot: build,
    scriptPath: join(build, "index.js"),
    modulesRules: [
      { type: "ESModule", include: ["**/*.js"] },
      { type: "CompiledWasm", include: ["**/*.wasm"] },
    ],
    compatibilityDate: "2026-04-01",
    ...bindings,
  };
  // `/cdn-cgi/handler/email` delivers an email.
  const miniflare = new Miniflare({ workers: [worker, ...others], host: "127.0.0.1", port: 0, cf: false, unsafeTriggerHandlers: true, handleRuntimeStdio });
  const base = String(await miniflare.ready).replace(/\/$/, "");
  const migrations = join(root, folder, "migrations");
  const baseline = join(root, folder, "schema.sql");
  if (existsSync(baseline)) {
    const database = await miniflare.getD1Database("DB");
    // Skips the statements of a dump that only affect its session.
    const statements = readFileSync(baseline, "utf8").replace(/^--.*$/gm, "").split(";").map((statement) => statement.trim());
    for (const statement of statements.filter((statement) => statement && !/^(BEGIN|COMMIT|PRAGMA)/.test(statement))) {
      await database.prepare(statement).run();
    }
  }
  // The databases of a set have the migrations in `shards`.
  for (const binding of bindings.d1Databases ?? []) {
    const files = binding.startsWith("SHARD_") ? join(root, folder, "shards") : migrations;
    const database = await miniflare.getD1Database(binding);
    for (const name of readdirSync(files).filter((name) => name.endsWith(".sql")).sort()) {
      await database.prepare(readFileSync(join(files, name), "utf8")).run();
    }
  }
  return { name: "workerd", base, miniflare, stop: () => miniflare.dispose() };
}

/** Starts a native program with a new state folder, and waits until it listens. */
export async function native(program, environment = {}) {
  const state = mkdtempSync(join(tmpdir(), "bindery-"));
  const started = await start(program, state, environment);
  return { name: "native", state, ...started, stop: async () => { await started.stop(); rmSync(state, { recursive: true }); } };
}

/** Starts a native program with the state folder `state`, and waits until it listens. */
export async function start(program, state, environment = {}) {
  const child = spawn(program, [], {
    env: { ...process.env, BINDERY_ADDRESS: "127.0.0.1:0", BINDERY_STATE: state, ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  const base = await new Promise((done, failed) => {
    child.stderr.on("data", (chunk) => {
      log += chunk;
      const found = log.match(/listens on (http:\/\/[\d.:]+)/);
      if (found) done(found[1]);
    });
    child.on("exit", (code) => failed(new Error(`the program ended with ${code}:\n${log}`)));
  });
  const stop = (signal = "SIGTERM") =>
    new Promise((done) => {
      child.removeAllListeners("exit");
      child.on("exit", done);
      child.kill(signal);
    });
  return { base, child, log: () => log, stop };
}

/** Waits until `check` returns a truthy value, for at most 15 seconds. */
export async function eventually(what, check) {
  for (let attempt = 0; attempt < 150; attempt++) {
    const result = await check();
    if (result) return result;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`timed out after 15 seconds: ${what}`);
}

/** Runs named checks one after another, and prints a line for each. Returns [passed, failed]. */
export async function suite(title, checks) {
  let passed = 0;
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      passed++;
      console.log(`ok      ${title}: ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ${title}: ${name}\n        ${String(error.stack ?? error).replaceAll("\n", "\n        ")}`);
    }
  }
  return [passed, failed];
}

/** Prints the totals and exits with status 0 if every check passed. */
export function finish(title, results) {
  const passed = results.reduce((sum, [count]) => sum + count, 0);
  const failed = results.reduce((sum, [, count]) => sum + count, 0);
  console.log(`${title}: ${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
