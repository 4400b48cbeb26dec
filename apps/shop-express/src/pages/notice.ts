import type { Request } from "express";
import { html } from "../html.ts";
import { layout } from "./layout.ts";

/** A page that only has to say something: not found, refused, failed. */
export function noticePage(req: Request, title: string, text: string): string {
  return layout(req, {
    title,
    main: html`<section class="notice">
<h1>${title}</h1>
<p class="lead">${text}</p>
<p><a class="button" href="/">Back to the lamps</a></p>
</section>`,
  });
}
