import { Calendar, type EventInput } from 'fullcalendar'
import dayGrid from 'fullcalendar/daygrid'
import breezy from 'fullcalendar/themes/breezy'
import 'fullcalendar/skeleton.css'
import 'fullcalendar/themes/breezy/theme.css'
import 'fullcalendar/themes/breezy/palettes/indigo.css'

/** The floor of the calendar page's benchmark: the bare library in month view, fed the same events from a file. */
const calendar = new Calendar(document.getElementById('grid') as HTMLElement, {
  plugins: [breezy, dayGrid],
  initialView: 'dayGridMonth',
  timeZone: 'UTC',
  firstDay: 1,
  height: '100%',
  dayMaxEvents: true,
  eventClass: 'tile',
  events: (_range: unknown, done: (events: EventInput[]) => void, failed: (error: Error) => void) => {
    fetch('events.json')
      .then((answer) => answer.json())
      .then(done)
      .catch(failed)
  },
} as ConstructorParameters<typeof Calendar>[1])
calendar.render()
