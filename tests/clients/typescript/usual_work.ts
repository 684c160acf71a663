/** Compiles only while the types that are generated from the OpenAPI document mean something. */

import type { components, operations, paths } from "./node_modules/.made/api";

type Schemas = components["schemas"];
type Answer<Name extends keyof operations, Status extends number> = operations[Name] extends {
  responses: Record<Status, { content: { "application/json": infer Body } }>;
}
  ? Body
  : never;

/** `true` for `any`, `unknown` and `never`, which say nothing of a value. */
type Says<T> = 0 extends 1 & T ? false : unknown extends T ? false : [T] extends [never] ? false : true;

/** The names of the fields of all components that say nothing. */
type Empty = {
  [Name in keyof Schemas]: Schemas[Name] extends object
    ? { [Field in keyof Schemas[Name]]-?: Says<Schemas[Name][Field]> extends true ? never : `${Name & string}.${Field & string}` }[keyof Schemas[Name]]
    : never;
}[keyof Schemas];
export const nothingIsEmpty: [Empty] extends [never] ? true : Empty = true;

/** The names of the operations that answer nothing of use. */
type Mute = {
  [Name in keyof operations]: operations[Name] extends
    | { responses: { 204: unknown } }
    | { responses: { 200: { content: { 'text/calendar': string } | { 'application/zip': string } } } }
    ? never
    : Says<Answer<Name, 200> | Answer<Name, 201> | Answer<Name, 202>> extends true
      ? never
      : Name;
}[keyof operations];
export const everythingAnswers: [Mute] extends [never] ? true : Mute = true;

export const created: paths["/api/v1/events"]["post"]["requestBody"]["content"]["application/json"] = {
  calendar: "0198c7f2-6a1e-7c3b-9d5f-2b8a4e6c1d90",
  start: { date_time: "2026-12-01T09:00:00", time_zone: "America/Sao_Paulo" },
  summary: "Quarterly review",
  attendees: [{ email: "ana@customer.example" }],
  visibility: "private",
};

// @ts-expect-error a calendar and a start are needed
export const incomplete: Schemas["EventInput"] = { summary: "x" };
// @ts-expect-error there is no such visibility
export const secret: Schemas["EventChange"] = { visibility: "secret" };
// @ts-expect-error there is no such field
export const misspelt: Schemas["EventChange"] = { sumary: "x" };

export function describe(event: Answer<"get_event", 200>): string {
  const start = "date" in event.start ? event.start.date : event.start.date_time;
  const state: "native" | "synced" | "pending" | "held" | "parked" | "refused" | "paused" = event.sync.state;
  const guests = event.attendees.map((guest) => `${guest.name} (${guest.response})`);
  return [event.summary, start, state, event.series ?? "", ...guests].join(" · ");
}

export function remedy(problem: Schemas["Problem"]): string {
  switch (problem.code) {
    case "rate_limited":
      return `wait ${problem.retry_after_s ?? 1} seconds`;
    case "changed":
      return `read again: ${problem.etag ?? ""}`;
    case "taken":
      return (problem.alternatives ?? []).map((other) => other.start).join(", ");
    default:
      return problem.detail;
  }
}
