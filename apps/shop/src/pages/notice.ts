import { html } from "../html.ts";
import type { View } from "../view.ts";
import { layout } from "./layout.ts";

/** A page that only has to say something: not found, refused, failed. */
export function noticePage(view: View, title: string, text: string): string {
  return layout(view, {
    title,
    main: html`<section class="notice">
<h1>${title}</h1>
<p class="lead">${text}</p>
<p><a class="button" href="/">Back to the lamps</a></p>
</section>`,
  });
}
