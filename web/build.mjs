/* Bundles the page into dist/, or with --test the tests into build/test/. */
import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const at = (...names) => path.join(here, ...names);

async function buildPage() {
  await rm(at("dist"), { recursive: true, force: true });
  await mkdir(at("dist"), { recursive: true });
  await build({
    entryPoints: [at("src/page.ts")],
    outfile: at("dist/page.js"),
    bundle: true,
    minify: true,
    legalComments: "eof",
    format: "iife",
    target: ["es2022"],
    logLevel: "warning",
  });
  for (const name of ["index.html", "style.css", "icon.svg"])
    await cp(at(name), at("dist", name));
}

async function buildTests() {
  const names = (await readdir(at("test"))).filter((name) => name.endsWith(".test.mjs"));
  await rm(at("build/test"), { recursive: true, force: true });
  await build({
    entryPoints: names.map((name) => at("test", name)),
    outdir: at("build/test"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "browser", // JsSIP wants the npm package "events"
    external: ["node:*"],
    target: ["node18"],
    sourcemap: "inline",
    logLevel: "warning",
  });
}

await (process.argv.includes("--test") ? buildTests() : buildPage());
