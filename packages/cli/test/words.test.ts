import { describe, expect, it } from "vitest";
import { kmkit, temporary } from "./cli-fixture.ts";

describe("the help", () => {
  it.each([
    [
      "--help",
      [
        /^Usage: kmkit \[options\] \[command\]/,
        /collector /,
        /person /,
        /tail /,
        /outbox /,
        /keys /,
        /npx kmkit collector/,
        /npx kmkit person/,
        /Exit codes: 0 .* 1 .* 2 .* 3 /,
      ],
    ],
    ["-h", [/^Usage: kmkit/]],
    ["help", [/^Usage: kmkit/]],
    ["help collector", [/^Usage: kmkit collector/]],
    [
      "collector --help",
      [
        /^Usage: kmkit collector \[options\]/,
        /--port .*\n?.*8787/,
        /--host .*/,
        /--data .*\n?.*\.kmkit\/data/,
        /--key /,
        /--admin /,
        /KMKIT_KEY/,
        /KMKIT_ADMIN/,
        /KMKIT_PORT/,
      ],
    ],
    [
      "person --help",
      [/^Usage: kmkit person \[options\] <identity>/, /--url /, /KMKIT_URL/, /--admin /, /KMKIT_ADMIN/, /--data /, /--product /, /--json /],
    ],
    [
      "tail --help",
      [
        /^Usage: kmkit tail \[options\]/,
        /--person /,
        /--event /,
        /--property /,
        ...[/--json /, /--url /, /KMKIT_URL/, /--admin /, /KMKIT_ADMIN/, /--data /, /--product /, /Ctrl-C/],
      ],
    ],
    ["outbox --help", [/^Usage: kmkit outbox/, /show .*/, /letters /, /retry /, /clear /, /--directory .*\.kmkit\/data\/outbox/]],
    [
      "keys --help",
      [
        /^Usage: kmkit keys/,
        /create /,
        /list /,
        /rotate /,
        /revoke /,
        /server key is secret/,
        /browser key stands in pages/,
        /No key reads/,
      ],
    ],
    [
      "keys create --help",
      [
        /--product <name>/,
        /--kind <kind>/,
        /"server", "browser"/,
        /--label /,
        /--trust-browser-identify/,
        /--data .*\n?.*\.kmkit\/data/,
        /--json/,
      ],
    ],
    ["keys rotate --help", [/^Usage: kmkit keys rotate \[options\] <id>/, /--overlap .*\(default:\s+7d\)/]],
    ["outbox show --help", [/^Usage: kmkit outbox show/, /--directory .*/, /KMKIT_OUTBOX/, /\.kmkit\/outbox/, /--json /]],
  ])("of %s says what there is, on stdout, with exit code 0", async (words, parts) => {
    const { code, stdout, stderr } = await kmkit(words.split(" "));
    for (const part of parts) expect(stdout).toMatch(part);
    expect([code, stderr]).toEqual([0, ""]);
    // Fits a terminal; the examples alone may be longer.
    for (const line of stdout.split("\n").filter((one) => !/^ {2}\$|^Exit codes/.test(one))) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("never shows a key or token that stands in the environment", async () => {
    const env = { KMKIT_KEY: "secret-key", KMKIT_ADMIN: "secret-token" };
    for (const words of [["--help"], ["collector", "--help"], ["person", "--help"], ["collector", "--nonsense"]]) {
      const { stdout, stderr } = await kmkit(words, { env });
      expect(stdout + stderr).not.toContain("secret");
    }
  });

  it("the version is that of the package", async () => {
    const { version } = (await import("../package.json", { with: { type: "json" } })).default;
    expect(await kmkit(["--version"])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });
});

describe("wrong words", () => {
  it.each<[string[], RegExp]>([
    [[], /^Usage: kmkit/],
    [["nonsense"], /unknown command 'nonsense'/],
    [["colector"], /Did you mean collector/],
    [["--nonsense"], /unknown option '--nonsense'/],
    [["collector", "--nonsense"], /unknown option/],
    [["collector", "extra"], /too many arguments/],
    [["collector", "--port"], /argument missing/],
    [["collector", "--port", "http"], /a port is a number from 0 to 65535/],
    [["collector", "--port", "65536"], /a port is a number from 0 to 65535/],
    [["collector", "--port", "-1"], /a port is a number|unknown option|argument missing/],
    [["collector", "--port", "80.5"], /a port is a number from 0 to 65535/],
    [["person"], /missing required argument 'identity'/],
    [["person", "a", "b"], /too many arguments/],
    [["person", "a", "--limit", "3"], /unknown option/],
    [["person", "a", "--url", "nonsense"], /a url is like http:/],
    [["person", "a", "--url", "ftp://127.0.0.1"], /a url is like http:/],
    [["tail", "bob"], /too many arguments/],
    [["tail", "--event"], /argument missing/],
    [["tail", "--url", "nonsense"], /a url is like http:/],
    [["outbox", "nonsense"], /too many arguments|unknown command/],
    [["outbox", "retry", "--json"], /unknown option/],
    [["keys", "nonsense"], /unknown command/],
    [["keys", "create", "--kind", "server"], /required option '--product <name>'/],
    [["keys", "create", "--product", "shop"], /required option '--kind <kind>'/],
    [["keys", "create", "--product", "shop", "--kind", "admin"], /Allowed choices are server, browser/],
    [["keys", "rotate"], /missing required argument 'id'/],
    [["keys", "rotate", "x", "--overlap", "soon"], /a duration is 0, or like 30m, 24h or 7d/],
    [["keys", "rotate", "x", "--overlap", "-1d"], /a duration is|unknown option|argument missing/],
    [["keys", "revoke"], /missing required argument 'id'/],
    [["keys", "revoke", "a", "b"], /too many arguments/],
    [["keys", "list", "extra"], /too many arguments/],
    [["help", "nonsense"], /Usage: kmkit/],
  ])("%j are refused on stderr with exit code 2", async (words, said) => {
    const { code, stdout, stderr } = await kmkit(words);
    expect(stderr).toMatch(said);
    expect([code, stdout]).toEqual([2, ""]);
  });

  it("in the environment are refused like those of the call, and empty ones count as unset", async () => {
    expect(await kmkit(["collector"], { env: { KMKIT_PORT: "http" } })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("KMKIT_PORT"),
    });
    expect(await kmkit(["person", "a"], { env: { KMKIT_URL: "nonsense" } })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("KMKIT_URL"),
    });
    const { code, stderr } = await kmkit(["person", "a"], { env: { KMKIT_URL: "", KMKIT_ADMIN: "" }, cwd: await temporary() });
    // Whatever answers at the default port of this machine: it was asked.
    expect([0, 1, 3]).toContain(code);
    expect(stderr).not.toMatch(/Invalid URL|a url is like/);
  });
});
