/** Tells the page around a frame how tall the booking page is; see the embed script. Only a number leaves the frame. */
if (window.parent !== window) {
  const tell = (): void => window.parent.postMessage({ bookingHeight: document.documentElement.scrollHeight }, '*')
  new ResizeObserver(tell).observe(document.body)
  tell()
}
