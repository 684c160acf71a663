import htmx from 'htmx.org'
import './calendar.css'
import './dialog'

/** Follows the server: what changed is drawn anew, and the day is scrolled to where people work. */
function refresh(): void {
  const board = document.getElementById('parts')
  const top = board?.scrollTop ?? 0
  void htmx.ajax('GET', location.href, { target: '#parts', select: '#parts', swap: 'outerHTML' }).then(() => scroll(top))
}
function scroll(top?: number): void {
  const board = document.querySelector<HTMLElement>('#parts.team')
  if (board) board.scrollTop = top ?? (board.scrollHeight * 7.5) / 24
}
scroll()
document.body.addEventListener('live', refresh)
document.body.addEventListener('calendar:done', refresh)
