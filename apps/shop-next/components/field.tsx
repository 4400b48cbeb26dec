import type { ComponentProps } from "react";

interface FieldProps extends ComponentProps<"input"> {
  readonly name: string;
  readonly label: string;
  readonly hint?: string | undefined;
  readonly problem?: string | undefined;
}

/** One labelled input of a form, with its hint, or what is wrong with it: a screen reader hears the note under its label as well. */
export function Field({ label, hint, problem, ...input }: FieldProps) {
  const { name, required } = input;
  const note = problem ?? hint;
  return (
    <div className="field">
      <label htmlFor={name}>
        {label}
        {!required && (
          <>
            {" "}
            <span className="optional">optional</span>
          </>
        )}
      </label>
      {note !== undefined && (
        <p className={problem === undefined ? "hint" : "problem"} id={`${name}-note`}>
          {note}
        </p>
      )}
      <input
        id={name}
        {...input}
        aria-invalid={problem === undefined ? undefined : true}
        aria-describedby={note === undefined ? undefined : `${name}-note`}
      />
    </div>
  );
}
