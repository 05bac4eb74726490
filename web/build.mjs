// Builds each page into the folder that its service embeds (go:embed), as
// internal/pages serves it: index.html, and assets/ with the hash of their
// content in their names. Everything is stored compressed.
//
//   node build.mjs [--watch]
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { createHash } from "node:crypto";
import esbuild from "esbuild";

const web = dirname(fileURLToPath(import.meta.url));
const pages = [
  { name: "multiview", dist: join(web, "../internal/playouthttp/page/dist") },
  { name: "guide", dist: join(web, "../internal/schedulehttp/page/dist") },
];

// "file:<module>" imports the URL of a file that the page loads as it is, such
// as a worker: relative to the importing script.
const fileImports = {
  name: "file-imports",
  setup(build) {
    build.onResolve({ filter: /^file:/ }, async ({ path, importer, resolveDir }) => {
      const found = await build.resolve(path.slice("file:".length), { kind: "import-statement", importer, resolveDir });
      return found.errors.length ? { errors: found.errors } : { path: found.path, namespace: "file-import" };
    });
    build.onLoad({ filter: /.*/, namespace: "file-import" }, async ({ path }) => ({
      contents: await readFile(path), loader: "file", watchFiles: [path],
    }));
  },
};

const common = {
  absWorkingDir: web,
  outdir: "out", // nothing is written there: write stores the files
  entryNames: "assets/[name]-[hash]",
  chunkNames: "assets/[name]-[hash]",
  assetNames: "assets/[name]-[hash]",
  bundle: true,
  target: "es2022",
  minify: true,
  legalComments: "none", // licenses() has whole texts instead
  metafile: true,
  write: false,
  logLevel: "warning",
};

// What runs before the page is drawn is no module: those run after.
const first = { ...common, entryPoints: { theme: "src/shared/theme-first.ts" }, format: "iife" };

function options({ name }) {
  return {
    ...common,
    entryPoints: { main: `src/${name}/main.ts`, icon: "src/shared/icon.svg" },
    splitting: true,
    format: "esm",
    loader: { ".svg": "copy" },
    plugins: [fileImports],
  };
}

// licenses gives the licence of every package that has gone into the build.
async function licenses(metafile) {
  const packages = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) packages.add(found[1]);
  }
  let text = "This page contains, beside code of its own (Apache-2.0):\n";
  for (const name of [...packages].sort()) {
    const folder = join(web, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((f) => /^licen[cs]e/i.test(f));
    if (!file) throw new Error(`${name} has no licence file`);
    text += `\n${"=".repeat(72)}\n${name} ${version} (${license})\n\n${(await readFile(join(folder, file), "utf8")).trim()}\n`;
  }
  return text;
}

// write stores what esbuild has made, and the page that loads it.
async function write({ name, dist }, result) {
  const before = await esbuild.build(first);
  const outputFiles = [...result.outputFiles, ...before.outputFiles];
  const metafile = {
    inputs: { ...result.metafile.inputs, ...before.metafile.inputs },
    outputs: { ...result.metafile.outputs, ...before.metafile.outputs },
  };
  const files = new Map(outputFiles.map((f) => [relative(join(web, "out"), f.path), Buffer.from(f.contents)]));
  const text = Buffer.from(await licenses(metafile));
  const licensesFile = `assets/licenses-${createHash("sha256").update(text).digest("hex").slice(0, 8)}.txt`;
  files.set(licensesFile, text);

  const outputs = Object.entries(metafile.outputs).map(([path, o]) => [relative("out", path), o]);
  const built = (entry) => outputs.find(([, o]) => o.entryPoint === entry);
  const [main, { cssBundle, imports }] = built(`src/${name}/main.ts`);
  const values = {
    main,
    style: relative("out", cssBundle),
    theme: built("src/shared/theme-first.ts")[0],
    icon: outputs.find(([path]) => path.startsWith("assets/icon-"))[0],
    licenses: licensesFile,
    preloads: imports
      .filter((i) => i.kind === "import-statement")
      .map((i) => `<link rel="modulepreload" href="${relative("out", i.path)}">`)
      .join("\n"),
  };
  const template = await readFile(join(web, "src", name, "index.html"), "utf8");
  files.set("index.html", Buffer.from(template.replace(/\{\{(\w+)\}\}/g, (_, key) => {
    if (!(key in values)) throw new Error(`${name}/index.html: unknown {{${key}}}`);
    return values[key];
  })));

  await mkdir(dist, { recursive: true });
  for (const old of await readdir(dist)) {
    if (old !== ".keep") await rm(join(dist, old), { recursive: true }); // .keep lets go:embed compile without a build
  }
  await mkdir(join(dist, "assets"));
  let sum = 0;
  for (const [path, content] of files) {
    const packed = gzipSync(content, { level: 9 });
    sum += packed.length;
    await writeFile(join(dist, path + ".gz"), packed);
  }
  console.log(`${name}: ${files.size} files, ${Math.ceil(sum / 1024)} KB compressed, in ${relative(process.cwd(), dist)}`);
}

if (process.argv.includes("--watch")) {
  for (const page of pages) {
    const context = await esbuild.context({
      ...options(page),
      plugins: [fileImports, {
        name: "write",
        setup: (build) => build.onEnd((result) => (result.errors.length ? undefined : write(page, result))),
      }],
    });
    await context.watch();
  }
} else {
  await Promise.all(pages.map(async (page) => write(page, await esbuild.build(options(page)))));
}
