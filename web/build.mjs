/* Bundles the page into dist/, or with --test the tests into build/test/. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const at = (...names) => path.join(here, ...names);

async function buildPage() {
  await rm(at("dist"), { recursive: true, force: true });
  await mkdir(at("dist"), { recursive: true });
  const { metafile } = await build({
    entryPoints: [at("src/page.ts")],
    metafile: true,
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
  await writeFile(at("dist/licenses.txt"), await licenses(Object.keys(metafile.inputs)));
}

/* Whoever serves the page passes on the packages bundled in it, whose licenses want to be told. */
async function licenses(inputs) {
  const names = new Set(inputs.map((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]).filter(Boolean));
  const texts = [];
  for (const name of [...names].sort()) {
    const folder = at("node_modules", name);
    const { version, license } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((each) => /^licen[sc]e/i.test(each));
    const text = file ? await readFile(path.join(folder, file), "utf8") : "";
    texts.push(`${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  return texts.join("\n---\n\n");
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
