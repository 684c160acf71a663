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
import { isOpen, open } from './dialog'
import { MiniMonth } from './mini'
import { show } from './notice'
import { isLetIn, post } from './request'

const root = document.getElementById('grid') as HTMLElement
const scopes = document.getElementById('scopes') as HTMLDialogElement
const isPhone = window.matchMedia('(max-width: 720px)').matches
const kept = localStorage.getItem('view')
const zone = root.dataset.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
const mini = new MiniMonth(document.getElementById('mini') as HTMLElement, (day) => calendar.gotoDate(day))

interface Tile {
  event: string
  occurrence: string
  kind: string
  calendars: string[]
  masked: boolean
  free: boolean
  declined: boolean
  state: string
  guests: boolean
}

interface Moved {
  event: EventApi
  revert: () => void
}

interface Choice {
  scope: string
  notify: string
}

const calendar = new Calendar(root, {
  plugins: [breezy, dayGrid, timeGrid, list, interaction],
  initialView: kept ?? (isPhone ? 'listWeek' : 'timeGridWeek'),
  initialDate: new URLSearchParams(location.search).get('date') ?? undefined,
  headerToolbar: isPhone
    ? { left: 'prev,next', center: 'title', right: 'today' }
    : { left: 'today prev,next title', center: '', right: 'dayGridMonth,timeGridWeek,timeGridDay,listWeek' },
  footerToolbar: isPhone ? { center: 'dayGridMonth,timeGridDay,listWeek' } : false,
  timeZone: zone,
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
  slotHeaderContent: (info: { date: Date; text: string }) => secondTime(info),
  events: (range, done, failed) => {
    const query = new URLSearchParams({ start: range.startStr, end: range.endStr })
    for (const name of ['agent', 'team', 'inbox']) {
      const value = (document.querySelector(`[data-filter="${name}"]`) as HTMLSelectElement | null)?.value
      if (value) query.set(name, value)
    }
    fetch(`/calendar/feed?${query}`)
      .then((answer) => (isLetIn(answer) && answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
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
  eventDrop: (info: Moved) => void reschedule(info),
  eventResize: (info: Moved) => void reschedule(info),
  datesSet: (info: { view: { type: string; currentStart: Date; currentEnd: Date }; start: Date; end: Date }) => {
    localStorage.setItem('view', info.view.type)
    const { currentStart, currentEnd } = info.view
    mini.show(dayOf(currentStart), dayOf(currentEnd), dayOf(new Date()))
    const day = dayOf(calendar.getDate())
    for (const link of document.querySelectorAll<HTMLAnchorElement>('[data-team]')) link.href = `${link.href.split('?')[0]}?date=${day}`
  },
} as ConstructorParameters<typeof Calendar>[1])
calendar.render()
const wanted = new URLSearchParams(location.search).get('event')
if (wanted) open(`/events/${encodeURIComponent(wanted)}`)

/** The civil day that an instant falls on in the calendar's zone, as YYYY-MM-DD. */
function dayOf(at: Date): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(at)
}

/** The hours of a second zone, when one is chosen, under those of the calendar's own. */
function secondTime(info: { date: Date; text: string }): string | { html: string } {
  const other = localStorage.getItem('second-zone')
  if (!other) return info.text
  const own = document.createElement('span')
  own.textContent = info.text
  const place = document.createElement('span')
  place.className = 'second-time'
  place.title = other
  place.textContent = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: other }).format(info.date)
  return { html: own.outerHTML + place.outerHTML }
}

/** Saves a dragged or resized tile; asks which part of a series and whom to tell, and puts the tile back when refused. */
async function reschedule(info: Moved): Promise<void> {
  const tile = info.event.extendedProps as Tile
  const choice = await ask(tile)
  if (!choice) {
    info.revert()
    return
  }
  const start = info.event.startStr
  const body = { start, end: info.event.endStr || start, all_day: info.event.allDay, occurrence: tile.occurrence, ...choice }
  const answer = await post(`/events/${tile.event}/reschedule`, body)
  const said = (await answer.json().catch(() => ({}))) as { message?: string; undo?: { url: string; body: unknown } }
  if (answer.ok) {
    show(root.dataset.moved ?? 'Moved.', said.undo?.url, undefined, said.undo?.body)
  } else {
    info.revert()
    show(said.message ?? `Error ${answer.status}`)
  }
  calendar.refetchEvents()
}

/** What a move concerns: asked only where there is a series or somebody to tell. */
function ask(tile: Tile): Promise<Choice | null> {
  const isSeries = tile.kind === 'series'
  if (!isSeries && !tile.guests) return Promise.resolve({ scope: 'this', notify: 'none' })
  for (const part of scopes.querySelectorAll<HTMLElement>('[data-ask]')) {
    const wanted = { series: isSeries, single: !isSeries, guests: tile.guests }
    part.hidden = !wanted[part.dataset.ask as keyof typeof wanted]
  }
  const notify = scopes.querySelector('select') as HTMLSelectElement
  return new Promise((resolve) => {
    scopes.returnValue = ''
    const answered = (): void => {
      const scope = scopes.returnValue
      resolve(scope ? { scope, notify: tile.guests ? notify.value : 'none' } : null)
    }
    scopes.addEventListener('close', answered, { once: true })
    scopes.showModal()
  })
}

document.body.addEventListener('live', () => calendar.refetchEvents())
document.body.addEventListener('calendar:done', () => {
  calendar.refetchEvents()
  const quick = document.getElementById('quick') as HTMLInputElement | null
  if (quick) quick.value = ''
  document.getElementById('quick-shown')?.replaceChildren()
})
document.querySelector('[data-print]')?.addEventListener('click', () => window.print())
const sheet = document.querySelector<HTMLElement>('[data-sheet]')
sheet?.addEventListener('click', () => {
  const isShown = document.getElementById('sheet')?.classList.toggle('is-open') ?? false
  sheet.setAttribute('aria-expanded', String(isShown))
})
const second = document.getElementById('second-zone') as HTMLInputElement | null
if (second) {
  second.value = localStorage.getItem('second-zone') ?? ''
  const zones = Intl.supportedValuesOf('timeZone')
  second.addEventListener('focus', () => {
    const list = document.getElementById('all-zones')
    if (list && !list.childElementCount) list.append(...zones.map((zone) => new Option('', zone)))
  })
  second.addEventListener('change', () => {
    if (second.value && !zones.includes(second.value)) return second.setCustomValidity(second.value)
    second.setCustomValidity('')
    localStorage.setItem('second-zone', second.value)
    calendar.render()
    calendar.setOption('slotHeaderContent', (info: { date: Date; text: string }) => secondTime(info))
  })
}
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
  if (isOpen() || target.matches('input, textarea, select') || event.ctrlKey || event.metaKey || event.altKey) return
  const actions: Record<string, () => void> = {
    n: () => open('/events/new'),
    t: () => calendar.today(),
    j: () => calendar.next(),
    k: () => calendar.prev(),
    m: () => calendar.changeView('dayGridMonth'),
    w: () => calendar.changeView('timeGridWeek'),
    d: () => calendar.changeView('timeGridDay'),
    l: () => calendar.changeView('listWeek'),
    q: () => document.getElementById('quick')?.focus(),
    '/': () => document.getElementById('search')?.focus(),
  }
  const action = actions[event.key]
  if (action) {
    event.preventDefault()
    action()
  }
})
