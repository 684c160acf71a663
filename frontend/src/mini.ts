/** The small month beside the calendar: shows what the big one shows and leads to any day. */
export class MiniMonth {
  private month = new Date()
  private from = ''
  private until = ''
  private today = ''
  private readonly language = document.documentElement.lang || 'en'

  constructor(
    private readonly root: HTMLElement,
    private readonly go: (day: string) => void,
  ) {}

  /** Marks the days that the calendar shows, [from, until), and turns to their month. Days are YYYY-MM-DD. */
  show(from: string, until: string, today: string): void {
    this.from = from
    this.until = until
    this.today = today
    const [year, month] = from.split('-').map(Number)
    this.month = new Date(year ?? 0, (month ?? 1) - 1, 1)
    this.draw()
  }

  private turn(months: number): void {
    this.month = new Date(this.month.getFullYear(), this.month.getMonth() + months, 1)
    this.draw()
  }

  private draw(): void {
    const head = document.createElement('div')
    head.className = 'mini-head'
    const title = document.createElement('strong')
    title.textContent = new Intl.DateTimeFormat(this.language, { month: 'long', year: 'numeric' }).format(this.month)
    title.setAttribute('aria-live', 'polite')
    head.append(title, this.button('‹', this.root.dataset.previous, -1), this.button('›', this.root.dataset.next, 1))
    const grid = document.createElement('div')
    grid.className = 'mini-grid'
    const first = new Date(this.month)
    first.setDate(1 - ((first.getDay() + 6) % 7))
    const narrow = new Intl.DateTimeFormat(this.language, { weekday: 'narrow' })
    for (let number = 0; number < 7; number++) {
      const name = document.createElement('span')
      name.textContent = narrow.format(new Date(first.getFullYear(), first.getMonth(), first.getDate() + number))
      name.setAttribute('aria-hidden', 'true')
      grid.append(name)
    }
    const whole = new Intl.DateTimeFormat(this.language, { dateStyle: 'full' })
    for (let number = 0; number < 42; number++) {
      const day = new Date(first.getFullYear(), first.getMonth(), first.getDate() + number)
      if (number >= 35 && day.getMonth() !== this.month.getMonth()) break
      grid.append(this.day(day, whole.format(day)))
    }
    this.root.replaceChildren(head, grid)
  }

  private day(day: Date, name: string): HTMLElement {
    const button = document.createElement('button')
    const text = key(day)
    button.type = 'button'
    button.textContent = String(day.getDate())
    button.setAttribute('aria-label', name)
    if (text === this.today) button.setAttribute('aria-current', 'date')
    if (text >= this.from && text < this.until) button.classList.add('is-shown')
    if (day.getMonth() !== this.month.getMonth()) button.classList.add('is-outside')
    button.addEventListener('click', () => this.go(text))
    return button
  }

  private button(sign: string, label: string | undefined, months: number): HTMLElement {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = sign
    button.setAttribute('aria-label', label ?? '')
    button.addEventListener('click', () => this.turn(months))
    return button
  }
}

function key(day: Date): string {
  return `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, '0')}-${String(day.getDate()).padStart(2, '0')}`
}
