import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Built, builds } from "./served.ts";

const here = import.meta.dirname;
const [next16] = builds as readonly [Built];
const plain = { ...next16, dist: ".next-plain" };
const cached: Built = { name: "Next 16, Cache Components", folder: join(here, "ppr"), dist: ".next" };

const logOf = ({ folder, dist }: Built) => readFileSync(join(folder, dist, "build.log"), "utf8");
const tableOf = (built: Built) => logOf(built).replace(/^[\s\S]*?(?=Route \(app\))/, "");
/** How each route is made, by its path. */
const routesOf = (built: Built) =>
  Object.fromEntries([...tableOf(built).matchAll(/^[┌├└│ ]+([○●◐ƒ]) (\/\S*)/gm)].map(([, how, path]) => [path, how]));

/** What browsers get: the text of every file, by its name. */
function clientOf({ folder, dist }: Built): Map<string, string> {
  const root = join(folder, dist, "static");
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  return new Map(
    files.map(({ parentPath, name }) => [join(parentPath, name).slice(root.length), readFileSync(join(parentPath, name), "utf8")]),
  );
}

/** Every longer text that stands in what is built of our packages, apart from what also stands in an app without us. */
function ourTexts(): string[] {
  const texts = new Set<string>();
  for (const name of ["core", "node", "next"]) {
    const dist = join(here, "../..", name, "dist");
    for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((one) => one.endsWith(".js"))) {
      for (const [, text] of readFileSync(join(dist, file), "utf8").matchAll(/"([^"\\\n]{10,})"/g)) texts.add(text as string);
    }
  }
  const others = [...clientOf(plain).values()];
  return [...texts].filter((text) => !others.some((other) => other.includes(text)));
}

describe("what `next build` makes", () => {
  it("the routes are made as without us, to the letter of what it prints", () => {
    expect(tableOf(next16)).toContain("○ /static");
    expect(tableOf(next16)).toBe(tableOf(plain));
  });

  it.each(builds)("the routes of $name are those", (built) => {
    // Of generateStaticParams 15 prints the route, 16 the pages.
    const own = (routes: Record<string, string | undefined>) =>
      Object.entries(routes)
        .filter(([path]) => !path.startsWith("/item/"))
        .sort();
    expect(own(routesOf(built))).toEqual(own(routesOf(next16)));
    expect(routesOf(built)).toMatchObject({ "/": "ƒ", "/static": "○", "/isr": "○", "/draft": "○", "/api/still": "○", "/api/record": "ƒ" });
  });

  it("with Cache Components a page keeps its static shell, and a handler that does not look at `request.km` is static", () => {
    expect(routesOf(cached)).toMatchObject({ "/": "◐", "/cached": "○", "/api/still": "○", "/api/record": "ƒ" });
  });

  it.each([...builds, cached])("$name: it warns of nothing, and no outbox is opened", (built) => {
    // In a CI Next says of each first build that there was none before.
    const log = logOf(built).replace(/^.*No build cache found.*$/m, "");
    expect(log).not.toMatch(/⚠|warn|deprecat|kmkit|KM_/i);
    expect(existsSync(join(built.folder, ".kmkit"))).toBe(false);
  });

  it("browsers get what they get without us, to the byte", () => {
    // Turbopack puts a name of the folder into its own run time, and names that file by what is in it.
    const without = (built: Built) =>
      [...clientOf(built)]
        .filter(([name]) => !name.includes("turbopack-"))
        .map(([, text]) => text.replaceAll(/turbopack-[\w-]+/g, "turbopack"))
        .map((text) => text.replaceAll(/static\/chunks\/[\w-]+\.js/g, "a chunk"))
        .sort();
    expect(without(next16).length).toBeGreaterThan(10);
    expect(without(next16)).toEqual(without(plain));
  });

  it.each([...builds, cached])("$name: no text of ours is in what browsers get", (built) => {
    const ours = ourTexts();
    expect(ours.length).toBeGreaterThan(150);
    const all = [...clientOf(built).values()].join("\n");
    expect(ours.filter((text) => all.includes(text))).toEqual([]);
    // But in what the server gets, so that they would be found.
    const server = readdirSync(join(built.folder, built.dist, "server"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".js"))
      .map((name) => readFileSync(join(built.folder, built.dist, "server", name), "utf8"))
      .join("\n");
    expect(ours.filter((text) => server.includes(text)).length).toBeGreaterThan(100);
  });
});
