import { genders, type Problems, type SignupForm } from "../forms.ts";
import { type Html, html } from "../html.ts";
import { type Plan, plans } from "../members.ts";
import type { View } from "../view.ts";
import { inputField } from "./field.ts";
import { layout } from "./layout.ts";

const benefits: Record<Plan, string> = {
  Free: "Check out, and hear of new lamps first",
  Pro: "All of that, and free shipping for ever",
};

/** The form to join the club, blank or with what was wrong in it. A password is never sent back. */
export function signupPage(view: View, form: SignupForm, problems: Problems = {}): string {
  const wrong = Object.entries(problems);
  return layout(view, {
    title: wrong.length > 0 ? "Please check the form" : "Join the club",
    main: html`<section class="narrow">
<h1>Join the club</h1>
<p class="lead">It takes half a minute, and in this demo it costs nothing either way.</p>
${wrong.length > 0 && summary(wrong)}
<form class="card" method="post" action="/signup" novalidate>
<input type="hidden" name="next" value="${form.next}">
${inputField({ name: "email", label: "E-mail", type: "email", value: form.email, autocomplete: "email", required: true, problem: problems.email })}
${inputField({ name: "password", label: "Password", type: "password", autocomplete: "new-password", required: true, hint: "At least 8 characters.", problem: problems.password })}
${inputField({ name: "name", label: "Name", value: form.name, autocomplete: "name", problem: problems.name })}
<div class="field">
<label for="gender">Gender <span class="optional">optional</span></label>
<select id="gender" name="gender">
<option value="">Rather not say</option>
${genders.map((gender) => html`<option${gender === form.gender && html` selected`}>${gender}</option>`)}
</select>
</div>
<fieldset class="plans">
<legend>Membership</legend>
${plans.map((plan) => choice(plan, plan === form.plan))}
</fieldset>
<button class="wide">Join</button>
</form>
<p>Already a member? <a href="/login?next=${encodeURIComponent(form.next)}">Log in</a></p>
</section>`,
  });
}

function choice(plan: Plan, checked: boolean): Html {
  return html`<label class="plan"><input type="radio" name="plan" value="${plan}"${checked && html` checked`}>
<span><strong>${plan}</strong> ${benefits[plan]}</span></label>`;
}

function summary(wrong: readonly (readonly [string, string | undefined])[]): Html {
  return html`<div class="alert" role="alert">
<p>Not quite yet:</p>
<ul>${wrong.map(([name, problem]) => html`<li><a href="#${name}">${problem}</a></li>`)}</ul>
</div>`;
}
