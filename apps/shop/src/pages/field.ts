import { type Html, html } from "../html.ts";

/** One labelled input of a form, with its hint, or what is wrong with it. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type?: "text" | "email" | "password";
  readonly value?: string;
  readonly autocomplete: string;
  readonly required?: boolean;
  readonly hint?: string;
  readonly problem?: string | undefined;
}

/** Renders a field so that a screen reader hears the note under its label as well. */
export function inputField({ name, label, type = "text", value = "", autocomplete, required = false, hint, problem }: Field): Html {
  const note = problem ?? hint;
  return html`<div class="field">
<label for="${name}">${label}${!required && html` <span class="optional">optional</span>`}</label>
${note && html`<p class="${problem ? "problem" : "hint"}" id="${name}-note">${note}</p>`}
<input id="${name}" name="${name}" type="${type}" value="${value}" autocomplete="${autocomplete}"
${required && html`required`} ${problem && html`aria-invalid="true"`} ${note && html`aria-describedby="${name}-note"`}>
</div>`;
}
