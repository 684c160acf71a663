// The usual work of a program written against Google Calendar, with Google's own client for Node and nothing but its
// host setting: create, list, page, sync incrementally, recover from 410, patch with etags, instances, watch, batch-free
// free/busy. Arguments: the emulator's origin, an access token, an address for notifications. Prints what it saw as JSON.
import { auth, calendar as api } from "@googleapis/calendar";

const [origin, token, hook] = process.argv.slice(2);
const client = new auth.OAuth2({ clientId: "demo-client", clientSecret: "demo-secret", redirectUri: "http://127.0.0.1/" });
client.setCredentials({ access_token: token });
const google = api({ version: "v3", auth: client, rootUrl: `${origin}/` });
const calendarId = "primary";
const at = (hour) => ({ dateTime: `2026-12-01T${hour}:00:00`, timeZone: "Europe/Berlin" });
const seen = {};

const status = async (call) => {
  try {
    return (await call()).status;
  } catch (error) {
    return error.status;
  }
};

for (const n of [0, 1, 2]) {
  await google.events.insert({ calendarId, requestBody: { summary: `E${n}`, start: at("09"), end: at("10") } });
}
const pages = [];
let pageToken;
do {
  const { data } = await google.events.list({ calendarId, maxResults: 2, pageToken });
  pages.push(data.items.map((event) => event.summary));
  pageToken = data.nextPageToken;
  seen.syncToken = data.nextSyncToken;
} while (pageToken);
seen.pages = pages;

const made = await google.events.insert({
  calendarId,
  requestBody: { summary: "Series", start: at("11"), end: at("12"), recurrence: ["RRULE:FREQ=DAILY;COUNT=3"] },
});
const eventId = made.data.id;
const delta = await google.events.list({ calendarId, syncToken: seen.syncToken });
seen.delta = delta.data.items.map((event) => event.summary);
seen.instances = (await google.events.instances({ calendarId, eventId })).data.items.map((event) => event.start.dateTime);
const headers = { "If-Match": made.data.etag };
seen.patched = await status(() => google.events.patch({ calendarId, eventId, requestBody: { summary: "S" } }, { headers }));
seen.stale = await status(() => google.events.patch({ calendarId, eventId, requestBody: { summary: "T" } }, { headers }));
const channel = await google.events.watch({ calendarId, requestBody: { id: "node-1", type: "web_hook", address: hook } });
seen.deleted = await status(() => google.events.delete({ calendarId, eventId }));
seen.again = await status(() => google.events.delete({ calendarId, eventId }));
const window = { timeMin: "2026-12-01T00:00:00Z", timeMax: "2026-12-02T00:00:00Z", items: [{ id: calendarId }] };
seen.busy = (await google.freebusy.query({ requestBody: window })).data.calendars.primary.busy;
await fetch(`${origin}/_emulator/expire-sync-tokens`, { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } });
seen.expired = await status(() => google.events.list({ calendarId, syncToken: delta.data.nextSyncToken }));
seen.recovered = (await google.events.list({ calendarId })).data.items.length;
await new Promise((resolve) => setTimeout(resolve, 1000)); // notifications are on their way
seen.stopped = await status(() =>
  google.channels.stop({ requestBody: { id: "node-1", resourceId: channel.data.resourceId } }),
);
delete seen.syncToken;
console.log(JSON.stringify(seen));
