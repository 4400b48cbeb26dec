"use client";

import { useActionState } from "react";
import { type LoginState, logIn } from "../actions/membership";
import { Field } from "./field";

/** The form to log in, blank or with what was wrong. A password is never sent back. */
export function LoginForm({ next }: { readonly next: string }) {
  const [{ form, problem }, action, pending] = useActionState<LoginState, FormData>(logIn, { form: { email: "", next } });
  return (
    <>
      {problem !== undefined && (
        <div className="alert" role="alert">
          <p>{problem}</p>
        </div>
      )}
      <form className="card" action={action}>
        <input type="hidden" name="next" value={form.next} />
        <Field label="E-mail" name="email" type="email" defaultValue={form.email} autoComplete="email" required />
        <Field label="Password" name="password" type="password" autoComplete="current-password" required />
        <button type="submit" className="wide" disabled={pending}>
          Log in
        </button>
      </form>
    </>
  );
}
