import { existsSync } from "node:fs";
import type { Browser } from "playwright-core";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

/** Whether there is no Chromium here, so that tests in it are skipped; in CI they are not. */
export const withoutChromium: boolean = !existsSync(executablePath) && !process.env.CI;
if (withoutChromium)
  console.warn(`Tests in a browser are skipped: there is no ${executablePath} (apt-get install chromium, or set CHROMIUM).`);

/** Starts a Chromium without a window. */
export async function openChromium(): Promise<Browser> {
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath, args });
}
