"use client";

import type { SignupForm as Form, Problems } from "@kmkit/shop";
import { useActionState } from "react";
import { type SignupState, signUp } from "../actions/membership";
import { Field } from "./field";

interface SignupFormProps {
  readonly form: Form;
  readonly genders: readonly string[];
  /** The memberships, and what each is good for. */
  readonly plans: readonly (readonly [plan: string, benefit: string])[];
}

/** The form to join the club, blank or with what was wrong in it. A password is never sent back. */
export function SignupForm({ form: blank, genders, plans }: SignupFormProps) {
  const [{ form, problems }, action, pending] = useActionState<SignupState, FormData>(signUp, { form: blank, problems: {} });
  return (
    <>
      <Summary problems={problems} />
      <form className="card" action={action} noValidate>
        <input type="hidden" name="next" value={form.next} />
        <Field label="E-mail" name="email" type="email" defaultValue={form.email} autoComplete="email" required problem={problems.email} />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          required
          hint="At least 8 characters."
          problem={problems.password}
        />
        <Field label="Name" name="name" defaultValue={form.name} autoComplete="name" problem={problems.name} />
        <div className="field">
          <label htmlFor="gender">
            Gender <span className="optional">optional</span>
          </label>
          {/* By its key a new one when the form comes back: React would put the first choice into the old one. */}
          <select key={form.gender} id="gender" name="gender" defaultValue={form.gender}>
            <option value="">Rather not say</option>
            {genders.map((gender) => (
              <option key={gender}>{gender}</option>
            ))}
          </select>
        </div>
        <fieldset className="plans">
          <legend>Membership</legend>
          {plans.map(([plan, benefit]) => (
            <label key={plan} className="plan">
              <input type="radio" name="plan" value={plan} defaultChecked={plan === form.plan} />
              <span>
                <strong>{plan}</strong> {benefit}
              </span>
            </label>
          ))}
        </fieldset>
        <button type="submit" className="wide" disabled={pending}>
          Join
        </button>
      </form>
    </>
  );
}

function Summary({ problems }: { readonly problems: Problems }) {
  const wrong = Object.entries(problems);
  if (wrong.length === 0) return null;
  return (
    <div className="alert" role="alert">
      <p>Not quite yet:</p>
      <ul>
        {wrong.map(([name, problem]) => (
          <li key={name}>
            <a href={`#${name}`}>{problem}</a>
          </li>
        ))}
      </ul>
    </div>
  );
}
