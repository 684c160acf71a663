import { Calendar, type EventApi, type EventInput } from 'fullcalendar'
import dayGrid from 'fullcalendar/daygrid'
import interaction from 'fullcalendar/interaction'
import list from 'fullcalendar/list'
import es from 'fullcalendar/locales/es'
import ptBr from 'fullcalendar/locales/pt-br'
import breezy from 'fullcalendar/themes/breezy'
import timeGrid from 'fullcalendar/timegrid'
import 'fullcalendar/skeleton.css'
import 'fullcalendar/themes/breezy/theme.css'
import 'fullcalendar/themes/breezy/palettes/indigo.css'
import './calendar.css'
import htmx from 'htmx.org'
import { show } from './notice'
import { post } from './request'

const root = document.getElementById('grid') as HTMLElement
const dialog = document.getElementById('dialog') as HTMLDialogElement
const scopes = document.getElementById('scopes') as HTMLDialogElement
const isPhone = window.matchMedia('(max-width: 720px)').matches
const kept = localStorage.getItem('view')

interface Tile {
  event: string
  occurrence: string
  kind: string
  calendar: string
  calendars: string[]
  masked: boolean
  free: boolean
  declined: boolean
  state: string
}

const calendar = new Calendar(root, {
  plugins: [breezy, dayGrid, timeGrid, list, interaction],
  initialView: kept ?? (isPhone ? 'listWeek' : 'timeGridWeek'),
  initialDate: new URLSearchParams(location.search).get('date') ?? undefined,
  headerToolbar: isPhone
    ? { left: 'prev,next', center: 'title', right: 'today' }
    : { left: 'today prev,next title', center: '', right: 'dayGridMonth,timeGridWeek,timeGridDay,listWeek' },
  footerToolbar: isPhone ? { center: 'dayGridMonth,timeGridDay,listWeek' } : false,
  timeZone: root.dataset.zone ?? 'local',
  locales: [es, ptBr],
  locale: document.documentElement.lang || 'en',
  firstDay: 1,
  nowIndicator: true,
  editable: true,
  selectable: true,
  navLinks: true,
  height: '100%',
  scrollTime: '08:00:00',
  dayMaxEvents: true,
  eventTimeFormat: { hour: '2-digit', minute: '2-digit', hour12: false },
  slotHeaderFormat: { hour: '2-digit', minute: '2-digit', hour12: false },
  events: (range, done, failed) => {
    const query = new URLSearchParams({ start: range.startStr, end: range.endStr })
    for (const name of ['agent', 'team', 'inbox']) {
      const value = (document.querySelector(`[data-filter="${name}"]`) as HTMLSelectElement | null)?.value
      if (value) query.set(name, value)
    }
    fetch(`/calendar/feed?${query}`)
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
      .then((tiles: EventInput[]) => done(tiles))
      .catch((error: Error) => failed(error))
  },
  eventClass: (info: { event: EventApi }) => {
    const tile = info.event.extendedProps as Tile
    return ['tile', tile.masked && 'tile-masked', tile.free && 'tile-free', tile.declined && 'tile-declined', tile.state === 'pending' && 'tile-pending', tile.state === 'held' && 'tile-held']
      .filter(Boolean)
      .join(' ')
  },
  eventDidMount: (info: { event: EventApi; el: HTMLElement }) => {
    const tile = info.event.extendedProps as Tile
    info.el.title = `${info.event.title} · ${tile.calendars.join(', ')}`
    info.el.dataset.event = tile.event
  },
  eventClick: (info: { event: EventApi; jsEvent: Event }) => {
    info.jsEvent.preventDefault()
    const tile = info.event.extendedProps as Tile
    open(`/events/${tile.event}?occurrence=${encodeURIComponent(tile.occurrence)}`)
  },
  select: (info: { startStr: string; endStr: string; allDay: boolean }) => {
    const strip = (text: string): string => text.replace(/(Z|[+-]\d\d:\d\d)$/, '')
    const query = new URLSearchParams({ start: strip(info.startStr), end: strip(info.endStr), all_day: String(info.allDay) })
    open(`/events/new?${query}`)
    calendar.unselect()
  },
  eventDrop: (info: { event: EventApi; revert: () => void }) => void reschedule(info),
  eventResize: (info: { event: EventApi; revert: () => void }) => void reschedule(info),
  datesSet: (info: { view: { type: string } }) => localStorage.setItem('view', info.view.type),
} as ConstructorParameters<typeof Calendar>[1])
calendar.render()
const wanted = new URLSearchParams(location.search).get('event')
if (wanted) open(`/events/${encodeURIComponent(wanted)}`)

/** Loads a server-rendered form or event into the dialog. */
function open(url: string): void {
  void htmx.ajax('GET', url, { target: '#dialog-body', swap: 'innerHTML' }).then(() => {
    if (!dialog.open) dialog.showModal()
  })
}

/** Saves a dragged or resized tile; in a series asks which part, and puts the tile back when refused. */
async function reschedule(info: { event: EventApi; revert: () => void }): Promise<void> {
  const tile = info.event.extendedProps as Tile
  const scope = tile.kind === 'series' ? await askScope() : 'this'
  if (!scope) {
    info.revert()
    return
  }
  const strip = (text: string): string => text
  const start = info.event.startStr
  const end = info.event.endStr || start
  const body = { start: strip(start), end: strip(end), all_day: info.event.allDay, occurrence: tile.occurrence, scope }
  const answer = await post(`/events/${tile.event}/reschedule`, body)
  if (answer.ok) {
    show(root.dataset.moved ?? 'Moved.')
  } else {
    info.revert()
    const problem = (await answer.json().catch(() => ({}))) as { message?: string }
    show(problem.message ?? `Error ${answer.status}`)
  }
  calendar.refetchEvents()
}

function askScope(): Promise<string> {
  return new Promise((resolve) => {
    scopes.returnValue = ''
    scopes.addEventListener('close', () => resolve(scopes.returnValue), { once: true })
    scopes.showModal()
  })
}

document.body.addEventListener('live', () => calendar.refetchEvents())
document.body.addEventListener('calendar:done', () => {
  dialog.close()
  calendar.refetchEvents()
})
document.addEventListener('click', (event) => {
  const target = event.target as HTMLElement
  if (target.closest('[data-close]')) dialog.close()
  const opener = target.closest<HTMLElement>('[data-open]')
  if (opener?.dataset.open) open(opener.dataset.open)
})
for (const filter of document.querySelectorAll<HTMLSelectElement>('[data-filter]')) {
  filter.addEventListener('change', () => calendar.refetchEvents())
}
for (const box of document.querySelectorAll<HTMLInputElement>('[data-toggle]')) {
  box.addEventListener('change', async () => {
    await post(box.dataset.toggle ?? '')
    calendar.refetchEvents()
  })
}
document.addEventListener('keydown', (event) => {
  const target = event.target as HTMLElement
  if (dialog.open || target.matches('input, textarea, select') || event.ctrlKey || event.metaKey || event.altKey) return
  const actions: Record<string, () => void> = {
    n: () => open('/events/new'),
    t: () => calendar.today(),
    j: () => calendar.next(),
    k: () => calendar.prev(),
    m: () => calendar.changeView('dayGridMonth'),
    w: () => calendar.changeView('timeGridWeek'),
    d: () => calendar.changeView('timeGridDay'),
    l: () => calendar.changeView('listWeek'),
    '/': () => document.getElementById('search')?.focus(),
  }
  const action = actions[event.key]
  if (action) {
    event.preventDefault()
    action()
  }
})
