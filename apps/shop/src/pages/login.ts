import type { LoginForm } from "../forms.ts";
import { html } from "../html.ts";
import { demo } from "../members.ts";
import type { View } from "../view.ts";
import { inputField } from "./field.ts";
import { layout } from "./layout.ts";

/** The form to log in, with the demo accounts beside it. */
export function loginPage(view: View, form: LoginForm, problem?: string): string {
  return layout(view, {
    title: problem ? "Please try again" : "Log in",
    main: html`<section class="narrow">
<h1>Log in</h1>
${form.next === "/checkout" && html`<p class="lead">One step before paying: tell us who you are.</p>`}
${problem && html`<div class="alert" role="alert"><p>${problem}</p></div>`}
<form class="card" method="post" action="/login">
<input type="hidden" name="next" value="${form.next}">
${inputField({ name: "email", label: "E-mail", type: "email", value: form.email, autocomplete: "email", required: true })}
${inputField({ name: "password", label: "Password", type: "password", autocomplete: "current-password", required: true })}
<button class="wide">Log in</button>
</form>
<aside class="demo" aria-label="Demo accounts">
<p><strong>Demo accounts</strong></p>
<p>${demo.members.map(({ email }, at) => html`${at > 0 && " or "}<code>${email}</code>`)}, password <code>${demo.password}</code></p>
</aside>
<p>Not a member yet? <a href="/signup?next=${encodeURIComponent(form.next)}">Join the club</a></p>
</section>`,
  });
}
