"use server";

import { field, type LoginForm, loginForm, type Problems, type SignupForm, signupForm, signupProblems } from "@kmkit/shop";
import { redirect } from "next/navigation";
import { km } from "../lib/km";
import { memory } from "../lib/memory";
import { getSession, renewSession } from "../lib/session";

/** The sign-up form as it stands on the page. */
export interface SignupState {
  readonly form: SignupForm;
  readonly problems: Problems;
}

export async function signUp(_before: SignupState, data: FormData): Promise<SignupState> {
  const body = Object.fromEntries(data);
  const form = signupForm(body);
  const password = field(body, "password");
  const problems = signupProblems(form, password);
  if (Object.keys(problems).length > 0) return { form, problems };

  const member = { email: form.email, name: form.name, plan: form.plan };
  const joined = await memory().members.join(member, password);
  if (!joined) return { form, problems: { email: "This address already has an account. Log in instead?" } };

  await renewSession(member);
  const visitor = await km();
  visitor.identify(member.email);
  visitor.record("Signed Up", { Plan: member.plan });
  visitor.set({ Plan: member.plan, Name: form.name || undefined, Gender: form.gender || undefined });
  redirect(form.next);
}

/** The log-in form as it stands on the page. */
export interface LoginState {
  readonly form: LoginForm;
  readonly problem?: string;
}

export async function logIn(_before: LoginState, data: FormData): Promise<LoginState> {
  const body = Object.fromEntries(data);
  const form = loginForm(body);
  const member = await memory().members.check(form.email, field(body, "password"));
  if (member === undefined) return { form, problem: "That e-mail address and password do not go together." };

  await renewSession(member);
  const visitor = await km();
  visitor.identify(member.email);
  visitor.record("Logged In");
  redirect(form.next);
}

export async function logOut(): Promise<void> {
  const visitor = await km();
  if ((await getSession()).member !== undefined) visitor.record("Logged Out");
  await renewSession();
  visitor.identify(null);
  redirect("/");
}
