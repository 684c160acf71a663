/** Shows the times of a booking page in the visitor's own zone, unless they chose one. The server's list says what it knows. */
const field = document.querySelector<HTMLInputElement>('input[name="zone"][data-detect]')
const own = Intl.DateTimeFormat().resolvedOptions().timeZone
const isKnown = [...(field?.list?.options ?? [])].some((option) => option.value === own)
if (field && isKnown && own !== field.value) {
  const there = new URL(location.href)
  there.searchParams.set('zone', own)
  location.replace(there)
}
